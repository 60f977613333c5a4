//! Is a running gateway ready?
//!
//! An image without a shell has no curl: containers ask with this. It is plain HTTP/1.1 to the
//! status port, so it needs no client library.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use clap::Args;
use heify_gateway::config::parse_duration;
use http::Uri;

use super::sources::{explain, settings};
use super::{Exit, Surroundings};

/// What `healthcheck` understands.
#[derive(Debug, Args)]
#[command(after_help = "Exits with 0 if the answer is 200, else with 1.\n\n\
        Examples:\n  heify-gateway healthcheck -c gateway.toml\n  \
        heify-gateway healthcheck --url http://127.0.0.1:8081/readyz")]
pub(crate) struct Arguments {
    /// What to ask; without it: /readyz on the status port of the configuration
    #[arg(long)]
    url: Option<Uri>,
    /// How long to wait for the answer
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    timeout: Duration,
}

/// Asks, and says why not if not.
pub(crate) fn run(arguments: &Arguments, surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let url = match &arguments.url {
        Some(url) => url.clone(),
        None => match settings(&surroundings) {
            Ok(settings) => status_url(settings.status).map_err(io::Error::other)?,
            Err(mistakes) => {
                explain(&mistakes, surroundings.talk)?;
                return Ok(Exit::Failed);
            }
        },
    };
    match ask(&url, Instant::now() + arguments.timeout) {
        Ok(200) => Ok(Exit::Done),
        Ok(status) => {
            writeln!(surroundings.talk, "not ready: {url} answers {status}")?;
            Ok(Exit::Failed)
        }
        Err(error) => {
            writeln!(surroundings.talk, "not ready: {url}: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

/// An address that stands for all addresses is asked on the loopback one.
fn status_url(mut address: SocketAddr) -> Result<Uri, http::Error> {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Uri::builder().scheme("http").authority(address.to_string()).path_and_query("/readyz").build()
}

/// The status of the answer to a GET.
fn ask(url: &Uri, deadline: Instant) -> io::Result<u16> {
    let (Some("http"), Some(host)) = (url.scheme_str(), url.host()) else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "must be an http:// address"));
    };
    let name = host.trim_matches(['[', ']']);
    let mut stream = connect((name, url.port_u16().unwrap_or(80)), deadline)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    // A bare address means its readiness.
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let target = if target == "/" { "/readyz" } else { target };
    let host = url.authority().map_or(host, |authority| authority.as_str());
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    read_status(&mut stream, deadline)
}

fn connect(address: (&str, u16), deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads `HTTP/1.1 200` and no further.
fn read_status(stream: &mut TcpStream, deadline: Instant) -> io::Result<u16> {
    let mut line = [0; 12];
    let mut filled = 0;
    while filled < line.len() {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut line[filled..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // What a read that ran into its time-out is called on Unix.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        }
    }
    let status =
        line.strip_prefix(b"HTTP/1.").and_then(|rest| std::str::from_utf8(&rest[2..]).ok());
    status
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "the answer is not HTTP/1"))
}

/// Zero would mean no time-out at all to the operating system.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_the_loopback_one() {
        let url = |address: &str| status_url(address.parse().unwrap()).unwrap().to_string();
        assert_eq!(url("0.0.0.0:81"), "http://127.0.0.1:81/readyz");
        assert_eq!(url("[::]:81"), "http://[::1]:81/readyz");
        assert_eq!(url("10.0.0.1:81"), "http://10.0.0.1:81/readyz");
    }
}
