//! Which URL does a preflight look at, and where does that lead?
//!
//! A URL is read once, strictly (RFC 3986), and what was read is what is connected to: there is no
//! second reader that could understand it differently. What is spelled in a way that readers disagree
//! about is not looked at.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fluent_uri::{Uri, UriRef};
use http::HeaderValue;
use http::uri::PathAndQuery;

use super::Hosts;

/// No server takes a longer one.
const LONGEST: usize = 8 * 1024;

/// Where a URL leads, as far as it says so itself.
#[derive(Debug, Clone)]
pub(super) struct Target {
    url: Uri<String>,
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
    /// What stands in the request line.
    pub(super) path: PathAndQuery,
}

/// How the other side is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Who the other side is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// In lower case, without a dot at its end.
    Name(Box<str>),
    Address(IpAddr),
}

/// Why a URL is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not a URL, or one that is not spelled as everybody would.
    Odd,
    /// Neither http nor https, or from https back to http.
    Scheme,
    /// A name or a password in it.
    Credentials,
    /// A port that the operators do not allow.
    Port,
    /// A host that the operators do not allow.
    Host,
}

impl Target {
    /// Reads a URL.
    pub(super) fn parse(text: &str, ports: &[u16], hosts: &Hosts) -> Result<Self, Unfit> {
        let url = Uri::parse(&*spelled(text)?).map_err(|_| Unfit::Odd)?.to_owned();
        Self::new(url, ports, hosts)
    }

    /// Where an answer of this target sends its reader.
    pub(super) fn redirected(
        &self,
        location: &HeaderValue,
        ports: &[u16],
        hosts: &Hosts,
    ) -> Result<Self, Unfit> {
        let location = std::str::from_utf8(location.as_bytes()).map_err(|_| Unfit::Odd)?;
        let spelled = spelled(location)?;
        let reference = UriRef::parse(&*spelled).map_err(|_| Unfit::Odd)?;
        let url = reference.resolve_against(&self.url).map_err(|_| Unfit::Odd)?;
        let target = Self::new(url, ports, hosts)?;
        // Whoever sits on the wire could answer in place of the one that was asked.
        if self.scheme == Scheme::Https && target.scheme == Scheme::Http {
            return Err(Unfit::Scheme);
        }
        Ok(target)
    }

    fn new(mut url: Uri<String>, ports: &[u16], hosts: &Hosts) -> Result<Self, Unfit> {
        url.set_fragment(None);
        if url.as_str().len() > LONGEST {
            return Err(Unfit::Odd);
        }
        let scheme = match url.scheme().as_str() {
            scheme if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            scheme if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ => return Err(Unfit::Scheme),
        };
        let authority = url.authority().ok_or(Unfit::Odd)?;
        if authority.has_userinfo() {
            return Err(Unfit::Credentials);
        }
        let port = authority.port_to_u16().map_err(|_| Unfit::Odd)?.unwrap_or(scheme.port());
        let host = Host::parse(authority.host())?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let path = if url.path().is_empty() { "/" } else { url.path().as_str() };
        let path = PathAndQuery::try_from(format!("{path}{query}")).map_err(|_| Unfit::Odd)?;
        if !ports.contains(&port) {
            return Err(Unfit::Port);
        }
        if !hosts.allow(&host) {
            return Err(Unfit::Host);
        }
        Ok(Self { scheme, host, port, path, url })
    }

    /// What stands in `Host`: the port only where it is not the scheme's own (RFC 9110, section 7.2).
    pub(super) fn authority(&self) -> Option<HeaderValue> {
        let text = match self.port {
            port if port == self.scheme.port() => self.host.to_string(),
            port => format!("{}:{port}", self.host),
        };
        HeaderValue::try_from(text).ok()
    }

    /// Whose certificate is asked for.
    #[cfg(feature = "tls")]
    pub(super) fn server_name(&self) -> Option<rustls::pki_types::ServerName<'static>> {
        match &self.host {
            Host::Name(name) => String::from(&**name).try_into().ok(),
            Host::Address(address) => Some(rustls::pki_types::ServerName::from(*address)),
        }
    }
}

impl Host {
    /// Reads a host as it stands in a URL.
    pub(super) fn parse(text: &str) -> Result<Self, Unfit> {
        if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let address = address.parse::<Ipv6Addr>().map_err(|_| Unfit::Odd)?;
            return Ok(Self::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        // Resolvers and browsers take "127.1", "0177.0.0.1", "2130706433" and "0x7f.1" for addresses;
        // other readers for names.
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
        let is_hexadecimal = last.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("0x"));
        if is_number || is_hexadecimal || name.len() > 253 || !name.split('.').all(is_label) {
            return Err(Unfit::Odd);
        }
        Ok(Self::Name(name.to_ascii_lowercase().into()))
    }
}

/// Letters, digits, hyphens, and the underscore that some names have in practice.
fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(plain)
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// The URL as RFC 3986 spells it: spaces and letters of other alphabets are written in percent, as
/// every client does. What readers disagree about is odd: a backslash is a slash to some, and a line
/// break nothing at all.
fn spelled(text: &str) -> Result<Cow<'_, str>, Unfit> {
    if text.bytes().any(|byte| byte.is_ascii_control() || byte == b'\\') {
        return Err(Unfit::Odd);
    }
    let escapes = |byte: u8| !byte.is_ascii() || b" \"<>^`{|}".contains(&byte);
    if !text.bytes().any(escapes) {
        return Ok(Cow::Borrowed(text));
    }
    let mut spelled = String::with_capacity(text.len() + 32);
    for byte in text.bytes() {
        if escapes(byte) {
            spelled.push_str(&format!("%{byte:02X}"));
        } else {
            spelled.push(char::from(byte));
        }
    }
    Ok(Cow::Owned(spelled))
}

#[cfg(test)]
mod tests;
