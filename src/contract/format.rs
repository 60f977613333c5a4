//! Which texts have the form of an id or an address?
//!
//! These replace the checks of the JSON Schema library: Heify's own sample ids fail a strict UUID
//! check, and an address is judged by what is published, not by what one parser likes.

use memchr::{memchr, memchr3, memrchr};

/// A named form of a text.
pub(super) struct Format {
    /// As in `format: <name>`.
    pub(super) name: &'static str,
    pub(super) check: fn(&str) -> bool,
    /// The rest of a sentence that starts with the path of the field.
    pub(super) message: &'static str,
}

/// The forms that are checked here.
pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "uuid",
        check: is_uuid,
        message: " must be a UUID such as a1b2c3d4-e5f6-7890-1234-567890abcdef.",
    },
    Format {
        name: "uri",
        check: is_uri,
        message: " must be an absolute URI such as https://example.com/call.mp3.",
    },
    Format {
        name: "http-url",
        check: is_http_url,
        message: " must be an http:// or https:// URL.",
    },
    Format { name: "https-url", check: is_https_url, message: " must be an https:// URL." },
];

/// 8-4-4-4-12 hexadecimal digits, of any variant and in any case. Counting the digits of a known
/// length compiles to vector instructions; a hyphen is none, so they can only be in its place.
fn is_uuid(text: &str) -> bool {
    let Ok(bytes) = <&[u8; 36]>::try_from(text.as_bytes()) else {
        return false;
    };
    let digits: u8 = bytes.iter().map(|byte| u8::from(is_hex(*byte))).sum();
    digits == 32 && [8, 13, 18, 23].iter().all(|index| bytes[*index] == b'-')
}

/// Without a branch, unlike the standard library's.
fn is_hex(byte: u8) -> bool {
    (byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 6)
}

/// A scheme (RFC 3986, section 3.1) and something after it; a host as well, where the scheme is
/// one that cannot do without.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = split_scheme(text) else {
        return false;
    };
    if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") {
        return has_host(rest);
    }
    !rest.is_empty()
}

fn is_http_url(text: &str) -> bool {
    split_scheme(text).is_some_and(|(scheme, rest)| {
        let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        is_web && has_host(rest)
    })
}

fn is_https_url(text: &str) -> bool {
    split_scheme(text)
        .is_some_and(|(scheme, rest)| scheme.eq_ignore_ascii_case("https") && has_host(rest))
}

fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = split_at_byte(text, b':')?;
    let (first, others) = scheme.as_bytes().split_first()?;
    let valid = first.is_ascii_alphabetic()
        && others.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    valid.then_some((scheme, rest))
}

/// Both sides of the first such byte, which is a character of its own.
fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The authority of `//user@host:port/path` names a host (RFC 3986, section 3.2).
fn has_host(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix("//") else {
        return false;
    };
    let end = memchr3(b'/', b'?', b'#', rest.as_bytes()).unwrap_or(rest.len());
    let authority = &rest.as_bytes()[..end];
    let host = memrchr(b'@', authority).map_or(authority, |at| &authority[at + 1..]);
    host.first().is_some_and(|first| *first != b':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_uuid_may_be_of_any_variant_and_case() {
        for good in [
            "a1b2c3d4-e5f6-7890-1234-567890abcdef",
            "A1B2C3D4-E5F6-7890-1234-567890ABCDEF",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert!(is_uuid(good), "{good}");
        }
        for bad in [
            "",
            "a1b2c3d4e5f678901234567890abcdef",
            "a1b2c3d4-e5f6-7890-1234-567890abcde",
            "a1b2c3d4-e5f6-7890-1234-567890abcdefa",
            "g1b2c3d4-e5f6-7890-1234-567890abcdef",
            "{a1b2c3d4-e5f6-7890-1234-567890abcd}",
            "a1b2c3d4-e5f6-7890-1234_567890abcdef",
            " a1b2c3d4-e5f6-7890-1234-567890abcde",
        ] {
            assert!(!is_uuid(bad), "{bad}");
        }
    }

    #[test]
    fn a_uri_has_a_scheme_and_a_rest_and_on_the_web_a_host() {
        for good in [
            "https://a",
            "HTTP://user@[::1]:80/x?y#z",
            "s3://bucket/key",
            "ftp:x",
            "data:,x",
            "https://media.example.org/a b.mp3",
        ] {
            assert!(is_uri(good), "{good}");
        }
        for bad in [
            "",
            "a.mp3",
            "/a",
            "//a/b",
            "https:",
            "https:a",
            "https://",
            "https:///a",
            "https://:80/",
            "https://u@/",
            "https://?x",
            "1a:b",
            ":b",
            " https://a",
            "s3:",
        ] {
            assert!(!is_uri(bad), "{bad}");
        }
    }

    #[test]
    fn a_webhook_is_https_and_nothing_else() {
        assert!(is_https_url("https://hooks.example.org/ok"));
        assert!(is_https_url("HTTPS://hooks.example.org"));
        for bad in ["http://hooks.example.org", "https:hooks", "https://", "ftp://a", "x"] {
            assert!(!is_https_url(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_fetched_is_http_or_https_in_any_case() {
        for good in ["http://a", "HTTPS://a/b.mp3", "hTTp://u@[::1]:80/x?y#z"] {
            assert!(is_http_url(good), "{good}");
        }
        for bad in
            ["ftp://a/b", "s3://bucket/key", "file:///a", "http:a", "http://", "//a", "a", ""]
        {
            assert!(!is_http_url(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_hyphenated_hex_of_the_right_shape_is_a_uuid(
            text in "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        ) {
            prop_assert!(is_uuid(&text));
            prop_assert!(!is_uuid(&text[1..]));
        }

        #[test]
        fn no_text_makes_a_check_panic(text in ".*") {
            for format in FORMATS {
                let _ = (format.check)(&text);
            }
        }
    }
}
