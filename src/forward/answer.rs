//! What does the upstream's answer mean for the caller?

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use crate::contract::Effect;
use crate::refusal::{Refusal, is_envelope};

/// Waited after an upstream 429 that names no time.
const ESTIMATED_RETRY: Duration = Duration::from_secs(5);

/// What to do with an answer, told from its head alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Pass it on as it streams in.
    Pass,
    /// Read its body before [`judge_error`] decides.
    ReadError,
    /// Answer with this in its place: it concerns the account, not the caller.
    Refuse(Refusal),
}

/// Judges an answer's head. What the upstream says to the central key is never shown as the
/// tenant's fault.
pub fn judge(status: StatusCode, headers: &HeaderMap) -> Verdict {
    match status.as_u16() {
        401 | 403 => Verdict::Refuse(Refusal::UpstreamKeyRejected),
        402 => Verdict::Refuse(Refusal::AccountMinutesExhausted),
        429 => Verdict::Refuse(Refusal::AccountRateLimited {
            retry_after: retry_after(headers).unwrap_or(ESTIMATED_RETRY),
        }),
        200..=299 => Verdict::Pass,
        // An interim or switching answer cannot end an exchange that asked for neither, and a client
        // that follows a redirect would carry its key past the gateway.
        ..=399 => Verdict::Refuse(Refusal::UpstreamError { status: status.as_u16() }),
        _ => Verdict::ReadError,
    }
}

/// Judges an answered error with its body; `None` when the body was too large, too slow or broken.
///
/// `Ok`: it is Heify's envelope and passes. An error outside the envelope does not come from the
/// API itself but from something in front of it. On a call that must not be repeated, a 5xx of that
/// kind says nothing on whether the API has done it.
///
/// # Errors
/// The refusal to answer with.
pub fn judge_error(
    status: StatusCode,
    body: Option<&[u8]>,
    effect: &Effect,
) -> Result<(), Refusal> {
    if body.is_some_and(is_envelope) {
        return Ok(());
    }
    if status.as_u16() >= 500 && !effect.repeatable {
        return Err(Refusal::OutcomeUnknown);
    }
    Err(Refusal::UpstreamError { status: status.as_u16() })
}

/// `Retry-After` in seconds; the date form is not worth a calendar here.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    // A day bounds what a faulty upstream can make a client wait.
    Some(Duration::from_secs(seconds.min(86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Kind;

    fn effect(repeatable: bool) -> Effect {
        Effect {
            kind: Kind::Creates,
            object: None,
            spends_minutes: false,
            repeatable,
            timeout: None,
        }
    }

    #[test]
    fn what_the_account_did_is_never_the_tenants_fault() {
        let refusal = |status| match judge(status, &HeaderMap::new()) {
            Verdict::Refuse(refusal) => refusal,
            other => panic!("{status}: {other:?}"),
        };
        assert_eq!(refusal(StatusCode::FORBIDDEN).status(), 500);
        assert_eq!(refusal(StatusCode::UNAUTHORIZED).reason(), "upstream_key_rejected");
        assert_eq!(refusal(StatusCode::PAYMENT_REQUIRED).reason(), "account_minutes_exhausted");
        assert_eq!(refusal(StatusCode::TOO_MANY_REQUESTS).reason(), "account_rate_limited");
    }

    #[test]
    fn the_upstreams_own_retry_after_is_kept() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "17".parse().unwrap());
        let verdict = judge(StatusCode::TOO_MANY_REQUESTS, &headers);
        let retry_after = Duration::from_secs(17);
        assert_eq!(verdict, Verdict::Refuse(Refusal::AccountRateLimited { retry_after }));
    }

    #[test]
    fn an_error_in_the_envelope_passes_and_any_other_is_rewritten() {
        let envelope = br#"{"error":{"message":"Invalid group value","code":400}}"#;
        let bad = StatusCode::BAD_REQUEST;
        assert_eq!(judge_error(bad, Some(envelope), &effect(false)), Ok(()));
        let rewritten = judge_error(bad, Some(b"<html>"), &effect(false)).unwrap_err();
        assert_eq!(rewritten, Refusal::UpstreamError { status: 400 });
        for status in [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT] {
            let read = judge_error(status, None, &effect(true)).unwrap_err();
            assert!(read.status() == 500 && read.retry_after().is_some());
            let create = judge_error(status, None, &effect(false)).unwrap_err();
            assert_eq!(create, Refusal::OutcomeUnknown);
            assert_eq!(create.retry_after(), None);
        }
    }

    #[test]
    fn every_error_status_maps_onto_the_documented_set() {
        for code in (100..200).chain(300..600) {
            let status = StatusCode::from_u16(code).unwrap();
            let refusal = match judge(status, &HeaderMap::new()) {
                Verdict::Refuse(refusal) => refusal,
                _ => judge_error(status, None, &effect(true)).unwrap_err(),
            };
            assert!([400, 402, 403, 404, 429, 500].contains(&refusal.status().as_u16()), "{code}");
        }
    }
}
