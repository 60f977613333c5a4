//! How is a call refused that nobody can pay for?

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::contract::Endpoint;
use crate::rate::{LimitPolicy, LimitState};
use crate::records::ledger::{Denied, Reserved};
use crate::records::{Moment, Payer, Period};
use crate::refusal::Refusal;

/// The refusal, and the limit behind it where that is the tenant's own and has a number.
pub(super) fn refusal(
    denied: &Denied,
    endpoint: &Endpoint,
    now: Moment,
    longest: Option<Duration>,
) -> (Refusal, Option<LimitState>) {
    match denied {
        Denied::Calls { payer, limit, period } => {
            let until = now.until(period.end);
            let retry_after = longest.map_or(until, |longest| until.min(longest));
            match payer {
                Payer::Account => (Refusal::AccountQuotaExhausted { retry_after }, None),
                Payer::Tenant(_) => {
                    let path = Box::from(&*endpoint.path);
                    let refusal = Refusal::QuotaExhausted { path, limit: *limit, retry_after };
                    (refusal, Some(state(endpoint, *limit, 0, now, *period)))
                }
            }
        }
        Denied::Objects { payer: Payer::Account, .. } => (Refusal::AccountCapReached, None),
        Denied::Objects { limit, .. } => {
            (Refusal::CapReached { message: cap_message(endpoint, *limit) }, None)
        }
        Denied::Minutes { payer: Payer::Account } => (Refusal::AccountMinutesExhausted, None),
        Denied::Minutes { .. } => (Refusal::MinutesExhausted, None),
    }
}

/// The month's limit after a call that passes.
pub(super) fn passed(endpoint: &Endpoint, reserved: &Reserved, now: Moment) -> Option<LimitState> {
    let (limit, remaining, period) = reserved.monthly?;
    Some(state(endpoint, limit, remaining, now, period))
}

fn state(
    endpoint: &Endpoint,
    limit: u32,
    remaining: u32,
    now: Moment,
    period: Period,
) -> LimitState {
    // A limit of nothing is shown as one of one call that is used up.
    let calls = NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
    let name = format!("{}-month", endpoint.path.trim_start_matches('/'));
    let policy = LimitPolicy::monthly(&name, calls, period.start.until(period.end));
    LimitState { policy: Arc::new(policy), remaining, reset: now.until(period.end) }
}

/// The published text with the limit that binds, else a sentence of ours.
fn cap_message(endpoint: &Endpoint, limit: u32) -> Box<str> {
    let published = endpoint.cap.as_ref().and_then(|cap| {
        let message = cap.message.as_deref()?;
        Some(message.replace(&cap.most.to_string(), &limit.to_string()))
    });
    let kind = endpoint.effect.object.as_deref().unwrap_or("object");
    published
        .unwrap_or_else(|| format!("At most {limit} objects of the kind {kind} may exist at once."))
        .into()
}
