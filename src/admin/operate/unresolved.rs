//! Of which calls does nobody know what became, and how are they closed by hand?

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Act, Declined};
use crate::records::{Moment, Reservation, State, Store, Stored, Why, ledger};

/// A job that takes longer than this is one to look at.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Calls whose outcome is unknown, and jobs that are not settled after a day; the oldest first.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn unresolved(store: &mut dyn Store, now: Moment) -> Stored<Vec<Reservation>> {
    let mut found = store.in_state(State::Lost, usize::MAX)?;
    let bound = store.in_state(State::Bound, usize::MAX)?;
    found.extend(bound.into_iter().filter(|one| one.opened.until(now) >= LONG));
    found.sort_by_key(|one| (one.opened, one.opening.reservation));
    Ok(found)
}

/// How one is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was done: what it holds is charged.
    Charge,
    /// It was not done: what it holds is given back.
    Release,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Closed {
    /// It is closed now.
    Now(&'static str),
    /// It was closed before, and nothing was changed.
    Before(State, Option<Why>),
}

impl Closed {
    /// As it is told to programs.
    pub fn json(&self, id: &Uuid) -> Value {
        match self {
            Self::Now(what) => json!({ "id": id, "closed": what }),
            Self::Before(state, why) => json!({
                "id": id,
                "unchanged": "it was closed before",
                "state": state.as_str(),
                "why": why.map(Why::as_str),
            }),
        }
    }
}

/// Closes one by hand.
///
/// # Errors
/// [`Declined`]: it is not known, or still on its way.
pub fn close(store: &mut dyn Store, id: &Uuid, how: How, act: &Act) -> Result<Closed, Declined> {
    let Some(found) = store.reservation(id)? else {
        return Err(Declined::Unknown {
            what: "call with the id",
            given: id.to_string(),
            hint: String::new(),
        });
    };
    let closed = match (found.state, how) {
        (State::Open, _) => {
            let text = format!("{id} is on its way just now: it is not known yet to be lost");
            return Err(Declined::Conflict(text));
        }
        (State::Settled | State::Released, _) => {
            return Ok(Closed::Before(found.state, found.why));
        }
        (State::Lost | State::Bound, How::Charge) => {
            ledger::settle(store, id, None, Why::Operator, act.now)?;
            "charged as it was reserved"
        }
        (State::Lost | State::Bound, How::Release) => {
            ledger::release(store, id, Why::Operator, act.now)?;
            "given back"
        }
    };
    let tenant = Some(&found.opening.tenant);
    let what = [json!({ "state": found.state.as_str() }), json!({ "closed": closed })];
    act.audit(store, "unresolved.close", tenant, &id.to_string(), what)?;
    Ok(Closed::Now(closed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::ledger::{Charge, MinutesLimit, Reserve};
    use crate::records::{AudioMillis, Calendar, Memory, Opening};

    const DAY: i64 = 86_400_000;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn reserve(store: &mut dyn Store, number: u128, at: Moment) {
        let opening = Opening {
            reservation: id(number),
            tenant: "acme".into(),
            label: None,
            key: "k".into(),
            endpoint: "/work".into(),
            request: format!("request-{number}").into(),
            creates: None,
            minutes: Some(AudioMillis(600_000)),
            upload: false,
        };
        let amount = AudioMillis(600_000);
        let (tenant, account) = (MinutesLimit::Granted, MinutesLimit::Granted);
        let reserve = Reserve {
            opening,
            at,
            tenant_calendar: Calendar::default(),
            account_calendar: Calendar::default(),
            charges: vec![Charge::Minutes { amount, tenant, account }],
        };
        ledger::reserve(store, &reserve).unwrap().unwrap();
    }

    /// 1 is lost; 2 is bound for two days, 3 for a moment; 4 is on its way.
    fn store(now: Moment) -> Memory {
        let mut store = Memory::default();
        for (number, age) in [(1, 0), (2, 2 * DAY), (3, 0), (4, 0)] {
            reserve(&mut store, number, Moment(now.0 - age));
        }
        ledger::lose(&mut store, &id(1), now).unwrap();
        for number in [2, 3] {
            ledger::bind(&mut store, &id(number), &id(number + 10), now, now).unwrap();
        }
        store
    }

    #[test]
    fn what_is_lost_or_takes_too_long_is_listed_the_oldest_first() {
        let now = Moment(1_790_000_000_000);
        let found = unresolved(&mut store(now), now).unwrap();
        let found: Vec<_> = found.iter().map(|one| (&*one.opening.request, one.state)).collect();
        assert_eq!(found, [("request-2", State::Bound), ("request-1", State::Lost)]);
    }

    #[test]
    fn one_is_closed_once_and_only_when_it_is_not_on_its_way() {
        let now = Moment(1_790_000_000_000);
        let mut store = store(now);
        let act = Act { who: "token:night".into(), now };
        let mut close = |number, how| super::close(&mut store, &id(number), how, &act);
        let charged = close(1, How::Charge).unwrap();
        assert_eq!(charged, Closed::Now("charged as it was reserved"));
        let before = Closed::Before(State::Settled, Some(Why::Operator));
        assert_eq!(close(1, How::Release).unwrap(), before);
        assert_eq!(close(2, How::Release).unwrap(), Closed::Now("given back"));
        assert!(matches!(close(4, How::Charge), Err(Declined::Conflict(_))));
        assert!(matches!(close(9, How::Charge), Err(Declined::Unknown { .. })));
        let audit = store.audit(None, 10).unwrap();
        assert_eq!(audit.len(), 2, "what changes nothing is not in the audit log");
        assert_eq!(store.reservation(&id(1)).unwrap().unwrap().billed, Some(AudioMillis(600_000)));
    }
}
