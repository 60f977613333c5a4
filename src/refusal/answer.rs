//! How does a refusal become an HTTP answer?

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::Refusal;

/// `x-gateway-reason`: the stable code of a refusal.
pub const REASON: HeaderName = HeaderName::from_static("x-gateway-reason");
/// `x-gateway-hint`: what to do about it, in one sentence.
pub const HINT: HeaderName = HeaderName::from_static("x-gateway-hint");

impl Refusal {
    /// The body: `{"error":{"message":...,"code":...}}`, exactly these members.
    pub fn envelope(&self) -> Bytes {
        let message = self.message();
        let mut body = Vec::with_capacity(message.len() + 40);
        body.extend_from_slice(b"{\"error\":{\"message\":");
        if is_plain(&message) {
            body.push(b'"');
            body.extend_from_slice(message.as_bytes());
            body.push(b'"');
        } else {
            // Writing a str as JSON into a Vec cannot fail.
            let _ = serde_json::to_writer(&mut body, message.as_ref());
        }
        body.extend_from_slice(b",\"code\":");
        body.extend_from_slice(self.status().as_str().as_bytes());
        body.extend_from_slice(b"}}");
        Bytes::from(body)
    }

    /// The whole answer. The refusal itself travels along as a response extension, so that outer
    /// layers can log, count and complete it.
    pub fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let (headers, body) = match self.prepared() {
            Some(place) => {
                let Prepared { headers, body } = place.get_or_init(|| Prepared::new(&self));
                (headers.clone(), body.clone())
            }
            None => {
                let Prepared { headers, body } = Prepared::new(&self);
                (headers, body)
            }
        };
        let mut response = Response::new(B::from(body));
        *response.status_mut() = self.status();
        *response.headers_mut() = headers;
        response.extensions_mut().insert(self);
        response
    }

    /// Where the answer to a wrong key is kept: such floods are answered from memory. It has no
    /// number or name of its request, so that it is always the same.
    fn prepared(&self) -> Option<&'static OnceLock<Prepared>> {
        static PLACES: [OnceLock<Prepared>; 4] = [const { OnceLock::new() }; 4];
        let place = match self {
            Self::UnknownKey => 0,
            Self::MissingKey => 1,
            Self::MistypedKey => 2,
            Self::DisabledKey => 3,
            _ => return None,
        };
        PLACES.get(place)
    }
}

/// Fields and body of an answer.
struct Prepared {
    headers: HeaderMap,
    body: Bytes,
}

impl Prepared {
    fn new(refusal: &Refusal) -> Self {
        let body = refusal.envelope();
        // Outer layers add theirs: the map grows once and not in steps.
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REASON, HeaderValue::from_static(refusal.reason()));
        if let Some(hint) = refusal.hint().and_then(|hint| HeaderValue::from_str(&hint).ok()) {
            headers.insert(HINT, hint);
        }
        if let Some(wait) = refusal.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        Self { headers, body }
    }
}

/// Whether all of a text stands for itself in JSON (RFC 8259, section 7), as it mostly does. It is
/// read to its end in any case: that compiles to vector instructions.
fn is_plain(text: &str) -> bool {
    let is_special = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    !text.bytes().fold(false, |special, byte| special | is_special(byte))
}

/// `Retry-After` counts whole seconds (RFC 9110, section 10.2.3): rounded up, at least one, so that
/// a client that waits exactly that long passes.
fn whole_seconds(wait: Duration) -> u64 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    seconds.max(1)
}

/// Tells whether a body is Heify's error envelope: an object whose `error` has a text `message`
/// and a whole-number `code`. Members that Heify may add later do not change the verdict.
pub fn is_envelope(body: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return false;
    };
    let error = &value["error"];
    error["message"].is_string() && (error["code"].is_u64() || error["code"].is_i64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_has_exactly_its_two_members() {
        let body = Refusal::MissingField { field: "a\"b".into() }.envelope();
        assert_eq!(
            &body[..],
            br#"{"error":{"message":"Missing required field: a\"b","code":400}}"#
        );
        assert!(is_envelope(&body));
    }

    #[test]
    fn any_message_reads_back_as_it_was() {
        for text in ["plain", "a\"b", "a\\b", "a\nb\u{1}", "é\u{7f}", ""] {
            let refusal = Refusal::InvalidField { message: text.into() };
            let body: serde_json::Value = serde_json::from_slice(&refusal.envelope()).unwrap();
            assert_eq!(body["error"]["message"], text);
        }
    }

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(7)), 7);
    }

    #[test]
    fn other_error_bodies_are_not_the_envelope() {
        for body in
            [&b""[..], b"<html>", b"{\"message\":\"Forbidden\"}", b"{\"error\":\"x\"}", b"[]"]
        {
            assert!(!is_envelope(body));
        }
    }
}
