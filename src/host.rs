//! Does a request say in one way for which host it is?

use http::header::{HOST, HeaderMap};
use http::{HeaderValue, Version};

/// Whether a request of HTTP/1.1 has exactly one `Host`, with nothing in it that a host and a port do not
/// have (RFC 9112, section 3.2). The gateway serves every host: one that is read in two ways is what an
/// attack on the servers around it is made of. HTTP/2 has a field of its own for it.
pub fn is_clear(version: Version, headers: &HeaderMap) -> bool {
    if version != Version::HTTP_11 {
        return true;
    }
    let mut hosts = headers.get_all(HOST).iter();
    hosts.next().is_some_and(is_host) && hosts.next().is_none()
}

/// The bytes of `uri-host [ ":" port ]` (RFC 3986, section 3.2.2).
fn is_host(host: &HeaderValue) -> bool {
    let may_stand =
        |byte: &u8| byte.is_ascii_alphanumeric() || b".-:_~%[]!$&'()*+,;=".contains(byte);
    host.as_bytes().iter().all(may_stand)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(version: Version, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        is_clear(version, &headers)
    }

    #[test]
    fn one_host_with_or_without_a_port_is_clear() {
        for host in ["a", "gateway.example:8080", "[::1]:80", "127.0.0.1", "a_b", ""] {
            assert!(clear(Version::HTTP_11, &[host]), "{host}");
        }
        for odd in ["a b", "a, b", "a/b", "a?b", "a#b", "me@a", "a\\b", "<a>", "a\tb"] {
            assert!(!clear(Version::HTTP_11, &[odd]), "{odd}");
        }
        assert!(!clear(Version::HTTP_11, &[]));
        assert!(!clear(Version::HTTP_11, &["a", "a"]));
        assert!(clear(Version::HTTP_10, &[]) && clear(Version::HTTP_2, &[]));
    }
}
