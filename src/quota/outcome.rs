//! What does an answer say about the call's cost?

use http::StatusCode;

use crate::contract::Endpoint;
use crate::refusal::Refusal;

/// What becomes of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The call was done: paid.
    Pay,
    /// Something was created; the answer's body says what.
    Read,
    /// The call was not done, or gives no reason to charge it: free again.
    Free,
    /// Nobody knows: it stays held.
    Lost,
}

/// Judges an answer by its head; `refusal` is what the gateway itself answers in the upstream's place.
///
/// A call that creates something costs nothing unless it was done. A call that only counts against
/// the month is charged once it was forwarded, unless the fault is the upstream's or the account's.
pub fn judge(status: StatusCode, refusal: Option<&Refusal>, endpoint: &Endpoint) -> Verdict {
    let creates = endpoint.answer.id.is_some() || endpoint.effect.spends_minutes;
    match refusal {
        Some(Refusal::OutcomeUnknown | Refusal::Panicked | Refusal::DeadlineExceeded) => {
            Verdict::Lost
        }
        // An answer outside the envelope: what is in front of the API has refused the call.
        Some(Refusal::UpstreamError { status: 400..=499 }) if !creates => Verdict::Pay,
        // All others say that nothing was sent, or that the upstream refused the account.
        Some(_) => Verdict::Free,
        None if status.is_success() && creates => Verdict::Read,
        None if status.is_server_error() => Verdict::Free,
        None if !status.is_success() && creates => Verdict::Free,
        None => Verdict::Pay,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::contract::{Contract, Kind};

    fn endpoint(kind: Kind) -> Arc<Endpoint> {
        let contract = Contract::built_in().unwrap();
        let of_kind = |endpoint: &&Arc<Endpoint>| endpoint.effect.kind == kind;
        Arc::clone(contract.endpoints().iter().find(of_kind).unwrap())
    }

    #[test]
    fn a_creation_costs_nothing_unless_it_was_done() {
        let creates = endpoint(Kind::Creates);
        let verdict = |status| judge(StatusCode::from_u16(status).unwrap(), None, &creates);
        assert_eq!(verdict(201), Verdict::Read);
        assert_eq!(verdict(200), Verdict::Read);
        for refused in [400, 404, 500] {
            assert_eq!(verdict(refused), Verdict::Free, "{refused}");
        }
    }

    #[test]
    fn a_call_that_counts_against_the_month_is_paid_unless_the_upstream_is_at_fault() {
        let analyzes = endpoint(Kind::Analyzes);
        let verdict = |status| judge(StatusCode::from_u16(status).unwrap(), None, &analyzes);
        assert_eq!(verdict(200), Verdict::Pay);
        assert_eq!(verdict(404), Verdict::Pay);
        assert_eq!(verdict(500), Verdict::Free);
    }

    #[test]
    fn what_was_never_sent_or_refused_to_the_account_is_free_and_what_is_unknown_stays_held() {
        let retry_after = Duration::from_secs(1);
        let cases = [
            (Refusal::UpstreamUnreachable, Verdict::Free),
            (Refusal::UpstreamConnectTimeout, Verdict::Free),
            (Refusal::UpstreamPaused { retry_after }, Verdict::Free),
            (Refusal::UpstreamKeyRejected, Verdict::Free),
            (Refusal::AccountMinutesExhausted, Verdict::Free),
            (Refusal::AccountRateLimited { retry_after }, Verdict::Free),
            (Refusal::OutcomeUnknown, Verdict::Lost),
        ];
        for kind in [Kind::Creates, Kind::Analyzes] {
            let endpoint = endpoint(kind);
            for (refusal, expected) in &cases {
                let verdict = judge(refusal.status(), Some(refusal), &endpoint);
                assert_eq!(verdict, *expected, "{refusal:?}");
            }
        }
    }
}
