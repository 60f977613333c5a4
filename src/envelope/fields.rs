//! Which fields tell a client about its limits, and whom to ask?

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::rate::{LimitPolicy, LimitState};
use crate::refusal::{HINT, Refusal};

const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Writes the state of a limit. The times count whole seconds, rounded up.
pub fn add_limit(headers: &mut HeaderMap, state: &LimitState) {
    let LimitState { policy, remaining, reset } = state;
    headers.insert(RATELIMIT_POLICY, policy.policy_header.clone());
    headers.insert(X_RATELIMIT_LIMIT, policy.limit_header.clone());
    let Numbers { all, remaining, reset } = numbers(policy, *remaining, whole_seconds(*reset));
    for (name, value) in
        [(X_RATELIMIT_REMAINING, remaining), (X_RATELIMIT_RESET, reset), (RATELIMIT, all)]
    {
        if let Ok(value) = HeaderValue::from_maybe_shared(value) {
            headers.insert(name, value);
        }
    }
}

/// Adds whom to contact where only the gateway's operators can help: 402 and 500.
pub fn add_contact(headers: &mut HeaderMap, refusal: &Refusal, contact: &Arc<str>) {
    if !matches!(refusal.status().as_u16(), 402 | 500) {
        return;
    }
    let hint = match refusal.hint() {
        Some(hint) => format!("{hint}; contact {contact}"),
        None => format!("contact {contact}"),
    };
    if let Ok(hint) = HeaderValue::from_str(&hint) {
        headers.insert(HINT, hint);
    }
}

/// What is left, and when the limit is back at its full burst.
struct Numbers {
    /// `"submit";r=16;t=1`; the other two are parts of it.
    all: Bytes,
    remaining: Bytes,
    reset: Bytes,
}

fn numbers(policy: &LimitPolicy, remaining: u32, reset: u64) -> Numbers {
    let mut value = BytesMut::with_capacity(policy.name.len() + 40);
    let mut number = itoa::Buffer::new();
    let put = |value: &mut BytesMut, number: &str| {
        let start = value.len();
        value.put_slice(number.as_bytes());
        start..value.len()
    };
    value.put_u8(b'"');
    value.put_slice(policy.name.as_bytes());
    value.put_slice(b"\";r=");
    let remaining = put(&mut value, number.format(remaining));
    value.put_slice(b";t=");
    let reset = put(&mut value, number.format(reset));
    let all = value.freeze();
    Numbers { remaining: all.slice(remaining), reset: all.slice(reset), all }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Rate;

    #[test]
    fn the_state_of_a_limit_reads_alike_in_both_families() {
        let policy = LimitPolicy::new("submit", Rate::new(500, 17).unwrap());
        let reset = Duration::from_millis(120);
        let mut headers = HeaderMap::new();
        add_limit(&mut headers, &LimitState { policy: Arc::new(policy), remaining: 16, reset });
        assert_eq!(headers["ratelimit-policy"], "\"submit\";q=500;w=60;burst=17");
        assert_eq!(headers["ratelimit"], "\"submit\";r=16;t=1");
        assert_eq!(headers["x-ratelimit-limit"], "500");
        assert_eq!(headers["x-ratelimit-remaining"], "16");
        assert_eq!(headers["x-ratelimit-reset"], "1");
    }

    #[test]
    fn the_contact_stands_only_where_operators_can_help() {
        let contact: Arc<str> = "ops@example.org".into();
        let hint = |refusal: Refusal| {
            let mut headers = HeaderMap::new();
            add_contact(&mut headers, &refusal, &contact);
            headers.get(HINT).map(|hint| hint.to_str().unwrap().to_owned())
        };
        assert_eq!(hint(Refusal::MissingKey), None);
        assert_eq!(
            hint(Refusal::AccountMinutesExhausted).as_deref(),
            Some("only the gateway's operators can mend this; contact ops@example.org")
        );
        assert!(hint(Refusal::OutcomeUnknown).unwrap().ends_with("; contact ops@example.org"));
    }
}
