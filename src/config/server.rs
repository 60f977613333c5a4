//! How are the listeners and the log set?

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use http::HeaderValue;
use tracing::level_filters::LevelFilter;

use super::field::Field;
use super::pem::{check_certificates, check_key, check_pair};
use super::problem::Place;
use super::reader::{Report, Section};
use super::settings::{Listen, Log, LogFormat, Server, Tls};

/// A deadline that is zero would refuse everything, one above a day is a typing error.
pub(crate) const DEADLINE: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(86_400);
/// A pause may be none.
const PAUSE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);
/// HTTP/1 servers hold at least 8 KiB; above 1 MiB a head is an attack.
const HEADER_BYTES: RangeInclusive<u64> = 8 << 10..=1 << 20;
/// What the kernel has room for in the address of a Unix socket, with the final zero.
const UNIX_PATH_BYTES: usize = 108;

/// Reads `[server]`, all but `contact`.
pub(crate) fn server(section: &mut Section<'_>) -> Server {
    let default = Server::default();
    let mut duration = |name, range, default| section.duration(name, range).unwrap_or(default);
    let first_byte_timeout = duration("first_byte_timeout", DEADLINE, default.first_byte_timeout);
    let header_timeout = duration("header_timeout", DEADLINE, default.header_timeout);
    let idle_timeout = duration("idle_timeout", DEADLINE, default.idle_timeout);
    let write_timeout = duration("write_timeout", DEADLINE, default.write_timeout);
    let handshake_timeout = duration("handshake_timeout", DEADLINE, default.handshake_timeout);
    let drain_timeout = duration("drain_timeout", PAUSE, default.drain_timeout);
    let pre_stop_delay = duration("pre_stop_delay", PAUSE, default.pre_stop_delay);
    let mut count = |name, most| {
        let number = section.take(name).and_then(|field| field.integer(1..=most));
        number.map(|number| number as usize)
    };
    let workers = count("workers", 1024).and_then(NonZeroUsize::new);
    let max_connections = count("max_connections", 1_000_000).unwrap_or(default.max_connections);
    let max_in_flight = count("max_in_flight", 1_000_000).unwrap_or(default.max_in_flight);
    let max_header_bytes = section.take("max_header_bytes").and_then(|f| f.size(HEADER_BYTES));
    let listen = section.take("listen").and_then(|field| field.parsed(listen));
    Server {
        listen: listen.unwrap_or(default.listen),
        tls: tls(section.section("tls")),
        workers,
        max_connections,
        max_in_flight,
        first_byte_timeout,
        header_timeout,
        idle_timeout,
        write_timeout,
        handshake_timeout,
        drain_timeout,
        pre_stop_delay,
        max_header_bytes: max_header_bytes.unwrap_or(default.max_header_bytes),
    }
}

/// Reads the address of the status listener; without one, it is that of the admin listener.
pub(crate) fn status(root: &mut Section<'_>, server: &Server, admin: SocketAddr) -> SocketAddr {
    let mut section = root.section("status");
    let given = section.take("listen").map(|field| {
        let (place, key) = (field.place().clone(), field.key().to_owned());
        (field.parsed(socket_address).unwrap_or(admin), place, key)
    });
    section.finish();
    let Some((status, place, key)) = given else { return admin };
    refuse_twice(root.report, server, status, &place, &key);
    status
}

/// One address has one listener.
pub(crate) fn refuse_twice(
    report: &Report<'_>,
    server: &Server,
    address: SocketAddr,
    place: &Place,
    key: &str,
) {
    if server.listen == Listen::Tcp(address) && address.port() != 0 {
        let message = format!("{key}: {address} is the address of the data port, too");
        report.problem(place, message);
    }
}

/// Reads whom tenants may ask.
pub(crate) fn contact(field: Field<'_>) -> Option<String> {
    field.parsed(|text| match is_sendable(text) && !text.trim().is_empty() {
        true => Ok(text.to_owned()),
        false => Err(UNSENDABLE.to_owned()),
    })
}

/// What is said of a text that is not [`is_sendable`].
pub(crate) const UNSENDABLE: &str =
    "must be printable ASCII on one line: it is sent in a header field";

/// Whether a text can be the value of a header field that everybody can read.
pub(crate) fn is_sendable(text: &str) -> bool {
    HeaderValue::from_str(text).is_ok_and(|value| value.to_str().is_ok())
}

/// Whether the host of an address is this machine itself.
pub(crate) fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Reads `[log]`.
pub(crate) fn log(mut section: Section<'_>) -> Log {
    let default = Log::default();
    let levels = [
        ("off", LevelFilter::OFF),
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ];
    let formats = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    let level = section.take("level").and_then(|field| field.word(&levels));
    let format = section.take("format").and_then(|field| field.word(&formats));
    let access =
        section.take("access").and_then(|field| field.word(&[("on", true), ("off", false)]));
    section.finish();
    Log {
        level: level.unwrap_or(default.level),
        format: format.unwrap_or(default.format),
        access: access.unwrap_or(default.access),
    }
}

pub(crate) fn tls(mut section: Section<'_>) -> Option<Tls> {
    let (cert, key) = (section.take("cert_file"), section.take("key_file"));
    let names = [section.key("cert_file"), section.key("key_file")];
    let (report, place) = (section.report, section.place.clone());
    section.finish();
    let (cert, key) = match (cert, key) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => return None,
        (Some(there), None) => {
            there.wrong(&format!("needs {}, too", names[1]));
            return None;
        }
        (None, Some(_)) => {
            report.missing(&place, format!("{}: needs {}, too", names[1], names[0]));
            return None;
        }
    };
    let key_file = report.resolve(key.place(), key.peek_text().unwrap_or_default());
    let (cert, key) = (cert.file(), key.secret_file());
    let (cert_file, cert_pem, cert) = cert?;
    check_certificates(&cert_pem).map_err(|message| cert.wrong(message)).ok()?;
    let key = key?;
    let checked = check_key(key.secret.expose())
        .and_then(|()| check_pair(&cert_pem, key.secret.expose()))
        .map_err(|message| report.problem(&key.place, format!("{}: {message}", key.key)));
    checked.ok()?;
    let cert_file = report.resolve(cert.place(), &cert_file);
    Some(Tls { cert_file, key_file, cert_pem, key_pem: key.secret })
}

fn listen(text: &str) -> Result<Listen, String> {
    let Some(path) = text.strip_prefix("unix:") else {
        return socket_address(text).map(Listen::Tcp).map_err(|message| {
            format!(r#"{message} or a Unix socket such as "unix:/run/heify-gateway.sock""#)
        });
    };
    if path.is_empty() || path.len() >= UNIX_PATH_BYTES || path.contains('\0') {
        let most = UNIX_PATH_BYTES - 1;
        return Err(format!("must have a path of 1 to {most} bytes after `unix:`"));
    }
    Ok(Listen::Unix(path.into()))
}

pub(crate) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let expected = r#"must be an IP address and a port such as "127.0.0.1:8080" or "[::1]:8080""#;
    text.parse().map_err(|_| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_port_is_an_address_or_a_unix_socket() {
        assert_eq!(listen("[::1]:80"), Ok(Listen::Tcp("[::1]:80".parse().unwrap())));
        assert_eq!(listen("unix:/run/x.sock"), Ok(Listen::Unix("/run/x.sock".into())));
        for wrong in ["", "8080", "localhost:8080", "unix:", &format!("unix:/{}", "x".repeat(107))]
        {
            assert!(listen(wrong).is_err(), "{wrong}");
        }
    }
}
