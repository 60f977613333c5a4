//! By which id is a request known?

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderValue};

use crate::observation::X_REQUEST_ID;

/// The longest id that is taken over.
const LONGEST: usize = 128;

/// Takes the client's id over, or makes one. A client's id is repeated in logs and headers, so only
/// letters, digits, `.`, `_` and `-` are taken.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    taken_or_made(headers.get(X_REQUEST_ID))
}

pub(super) fn taken_or_made(given: Option<&HeaderValue>) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let given = given.filter(|id| {
        let id = id.as_bytes();
        (1..=LONGEST).contains(&id.len()) && id.iter().all(plain)
    });
    given.cloned().unwrap_or_else(made)
}

thread_local! {
    /// Ids are unique, not secret: one seed per thread from the system, no system call per request.
    static RANDOM: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::with_seed(seed()));
}

fn seed() -> u64 {
    // Without the system's random source the id still differs by time and thread.
    getrandom::u64().unwrap_or_else(|_| fastrand::u64(..))
}

fn made() -> HeaderValue {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let mut random = [0; 10];
    RANDOM.with_borrow_mut(|source| source.fill(&mut random));
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = id.hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(id: &str) -> HeaderValue {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_str(id).unwrap());
        request_id(&headers)
    }

    #[test]
    fn a_plain_id_is_taken_over_and_any_other_replaced() {
        assert_eq!(given("a.B_c-9"), "a.B_c-9");
        for odd in ["", "a b", "a\"b", "<script>", &"x".repeat(129)] {
            assert_ne!(given(odd), odd);
        }
    }

    #[test]
    fn a_made_id_is_a_version_7_uuid_and_no_two_are_alike() {
        let one = made();
        let parsed = uuid::Uuid::parse_str(one.to_str().unwrap()).unwrap();
        assert_eq!(parsed.get_version_num(), 7);
        assert_ne!(one, made());
    }
}
