//! Where does a presigned address lead, until when, and with which fields?

use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::records::Moment;

/// How long an address is good for that does not say so (docs.heify.com, request-upload-url).
const LIFETIME: Duration = Duration::from_secs(300);
/// S3's own limit.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// A host that files may be passed on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    scheme: Scheme,
    /// In lower case, and without the scheme's own port.
    authority: Authority,
}

impl Host {
    /// Reads `host`, `host:port`, or a URL of one without a path; https unless it says otherwise.
    pub fn parse(text: &str) -> Option<Self> {
        let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let uri: Uri = url.parse().ok()?;
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        Self::of(&uri).filter(|_| is_bare && !text.contains('#'))
    }

    /// The host of an address.
    fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme()?.clone();
        let authority = uri.authority()?;
        let usual = if scheme == Scheme::HTTPS { 443 } else { 80 };
        let host = authority.host().to_ascii_lowercase();
        let port = authority.as_str().strip_prefix(authority.host())?;
        // Neither a user name nor a port that is none.
        if (scheme != Scheme::HTTPS && scheme != Scheme::HTTP)
            || host.is_empty()
            || (!port.is_empty() && authority.port_u16().is_none())
        {
            return None;
        }
        let port = authority.port_u16().filter(|port| *port != usual);
        let text = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        Some(Self { scheme, authority: text.parse().ok()? })
    }

    /// Whether what is sent there can be read on the way.
    pub fn is_plain(&self) -> bool {
        self.scheme == Scheme::HTTP
    }

    /// The name or the IP address, without a port.
    pub fn name(&self) -> &str {
        self.authority.host()
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// A presigned address at a host that is allowed. It lets whoever has it write, so that it has no
/// `Debug`.
pub struct Address {
    host: Host,
    path: PathAndQuery,
}

impl Address {
    /// Reads an address; `None` when it leads to no host of these.
    pub fn read(url: &str, hosts: &[Host]) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let host = Host::of(&uri).filter(|host| hosts.contains(host))?;
        Some(Self { host, path: uri.path_and_query()?.clone() })
    }

    /// Where to connect.
    pub(super) fn origin(&self) -> Option<Uri> {
        let Host { scheme, authority } = self.host.clone();
        Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build().ok()
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.host.authority
    }

    pub(super) fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// The names of the fields that were signed, in lower case.
    pub(super) fn signed(&self) -> Vec<String> {
        let names = self.member("X-Amz-SignedHeaders").unwrap_or_default().replace("%3b", "%3B");
        names.split("%3B").flat_map(|part| part.split(';')).map(str::to_ascii_lowercase).collect()
    }

    /// Until when it is good. What its own clock says counts where it is plausible here: two clocks are
    /// hardly ever the same.
    pub(super) fn expires(&self, now: Moment) -> Moment {
        let lifetime = self.member("X-Amz-Expires").and_then(|text| text.parse().ok());
        let lifetime = lifetime.map_or(LIFETIME, Duration::from_secs).min(LONGEST);
        let began = self.member("X-Amz-Date").and_then(moment);
        let end = began.map(|began| began.later(lifetime));
        let plausible = |end: &Moment| now < *end && *end <= now.later(lifetime);
        end.filter(plausible).unwrap_or(now.later(lifetime))
    }

    fn member(&self, name: &str) -> Option<&str> {
        let pairs = self.path.query()?.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// A time as `20260402T091500Z`.
fn moment(text: &str) -> Option<Moment> {
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(Moment(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "https://storage.example/up/1?X-Amz-Date=20260402T091500Z\
                          &X-Amz-Expires=300&X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-meta-name";

    fn hosts() -> [Host; 2] {
        ["storage.example", "http://127.0.0.1:9090"].map(|host| Host::parse(host).unwrap())
    }

    fn at(text: &str) -> Moment {
        moment(text).unwrap()
    }

    #[test]
    fn only_the_named_hosts_are_led_to() {
        for right in [
            SIGNED,
            "https://storage.example:443/x",
            "https://STORAGE.example/x",
            "http://127.0.0.1:9090/x",
        ] {
            assert!(Address::read(right, &hosts()).is_some(), "{right}");
        }
        for wrong in [
            "http://storage.example/x",
            "https://storage.example:8443/x",
            "https://storage.example.evil/x",
            "https://evil/storage.example",
            "https://evil@storage.example/x",
            "https://storage.example@evil/x",
            "https://storage.example:443@evil/x",
            "https://storage.example./x",
            "https://127.0.0.1:9090/x",
            "http://127.0.0.1/x",
            "http://169.254.169.254/latest/meta-data",
            "ftp://storage.example/x",
            "//storage.example/x",
            "/x",
            "storage.example",
            "",
            "https://storage.example\\@evil/x",
        ] {
            assert!(Address::read(wrong, &hosts()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_host_is_a_host_and_nothing_more() {
        for wrong in ["", "a/b", "https://a/b", "a?b", "a#b", "u@a", "a:x", "a:", "ftp://a", "a b"]
        {
            assert!(Host::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(Host::parse("A.example:443").unwrap().to_string(), "https://a.example");
        let plain = Host::parse("http://[::1]:9/").unwrap();
        assert!(plain.is_plain() && plain.name() == "[::1]", "{plain}");
    }

    #[test]
    fn an_address_expires_when_it_says_so_if_that_can_be() {
        let address = Address::read(SIGNED, &hosts()).unwrap();
        let end = at("20260402T092000Z");
        assert_eq!(address.expires(at("20260402T091501Z")), end);
        assert_eq!(address.expires(at("20260402T091959Z")), end);
        // A clock that is an hour off, either way.
        for now in ["20260402T081500Z", "20260402T101500Z"] {
            assert_eq!(address.expires(at(now)), at(now).later(LIFETIME), "{now}");
        }
        for (query, seconds) in [("", 300), ("X-Amz-Expires=60", 60), ("X-Amz-Expires=-1", 300)] {
            let url = format!("https://storage.example/?{query}");
            let address = Address::read(&url, &hosts()).unwrap();
            assert_eq!(address.expires(Moment(0)), Moment(seconds * 1000), "{query}");
        }
    }

    #[test]
    fn the_signed_fields_are_named_in_the_address() {
        let address = Address::read(SIGNED, &hosts()).unwrap();
        assert_eq!(address.signed(), ["content-type", "host", "x-amz-meta-name"]);
    }
}
