//! What did a call reserve, and what became of it?

use serde_json::{Value, json};

use crate::records::{Reservation, Store, Stored};

/// The latest calls that are told: a client may send one request id many times.
const MOST: usize = 20;

/// What the records know of a request, the latest call first.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn charges(store: &mut dyn Store, request: &str) -> Stored<Vec<Value>> {
    Ok(store.requested(request, MOST)?.iter().map(charge).collect())
}

/// One call, in numbers and in words.
pub fn charge(one: &Reservation) -> Value {
    let opening = &one.opening;
    let holds: Vec<_> = one
        .holds
        .iter()
        .map(|hold| {
            json!({
                "payer": hold.payer.as_str(),
                "meter": hold.meter.to_string(),
                "held": hold.held,
            })
        })
        .collect();
    json!({
        "reservation": opening.reservation,
        "request": &*opening.request,
        "tenant": &*opening.tenant,
        "key": &*opening.key,
        "endpoint": &*opening.endpoint,
        "opened": one.opened.to_string(),
        "state": one.state.as_str(),
        "why": one.why.map(|why| why.as_str()),
        "closed": one.closed.map(|closed| closed.to_string()),
        "object": one.object,
        "reserved_ms": opening.minutes,
        "length_ms": one.length,
        "billed_ms": one.billed,
        "holds": holds,
        "text": text(one),
    })
}

/// One sentence for whoever asks.
fn text(one: &Reservation) -> String {
    use crate::records::{State, Why};

    let reserved = match one.opening.minutes {
        Some(minutes) => format!("{minutes} were reserved"),
        None => "a call was reserved".to_owned(),
    };
    let outcome = match (one.state, one.why) {
        (State::Open, _) => "the call is on its way".to_owned(),
        (State::Lost, _) => {
            "nobody knows whether Heify has done it: what it holds stays reserved until it is \
             settled, closed by policy, or closed by an operator"
                .to_owned()
        }
        (State::Bound, _) => "the job is not settled yet".to_owned(),
        (State::Settled, why) => match (one.billed, why) {
            (Some(billed), Some(Why::Policy)) => {
                format!("nothing was heard of it in time, so {billed} were charged by policy")
            }
            (Some(billed), Some(Why::Deleted)) => {
                format!("it was deleted before its length was known, so {billed} were charged")
            }
            (Some(billed), _) => format!("{billed} were charged"),
            (None, _) => "it was charged".to_owned(),
        },
        (State::Released, why) => {
            let why = match why {
                Some(Why::Refused) => "Heify refused it or was never reached",
                Some(Why::Failed) => "the job failed",
                Some(Why::NeverUploaded) => "the upload never happened",
                Some(Why::Policy) => "nothing was heard of it in time",
                Some(Why::Operator) => "an operator gave it back",
                Some(Why::Abandoned) => "it was not forwarded",
                Some(Why::Done | Why::Deleted) | None => "it was given back",
            };
            format!("it costs nothing: {why}")
        }
    };
    format!("{reserved}; {outcome}")
}
