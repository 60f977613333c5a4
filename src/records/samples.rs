//! Which journals do the tests of engines write?

use std::sync::Arc;

use uuid::Uuid;

use super::change::{Audited, Limit, LimitValue, Override};
use super::entry::{Entry, Fact, Holder, IssuedKey, Opening, Sharing, Why};
use super::memory::Memory;
use super::state::{Reservation, State, is_minutes};
use super::store::Store;
use super::words::{AudioMillis, Meter, Moment, Payer, Posting};

/// A moment in a plausible year.
pub(super) fn moment(number: u64) -> Moment {
    Moment(1_790_000_000_000 + i64::try_from(number).unwrap() * 1000)
}

/// The id of a thing by its number.
pub(super) fn id(number: u64) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number))
}

pub(super) fn tenant(number: u64) -> Arc<str> {
    ["acme", "globex", "zoë & söhne"][usize::try_from(number % 3).unwrap()].into()
}

/// A change of what is held.
pub(super) fn hold(payer: &Payer, meter: Meter, held: i64) -> Posting {
    let period = if meter == Meter::Granted { Moment(0) } else { moment(0) };
    Posting { payer: payer.clone(), meter, period, granted: 0, used: 0, held }
}

/// A call of a tenant that holds one call of each payer, and minutes where it spends some.
pub(super) fn reserve(number: u64, tenant: Arc<str>, minutes: Option<i64>) -> Entry {
    let mut postings = Vec::new();
    for payer in [Payer::Tenant(tenant.clone()), Payer::Account] {
        postings.push(hold(&payer, Meter::Calls("/things".into()), 1));
        if let Some(minutes) = minutes {
            postings.push(hold(&payer, Meter::Minutes, minutes));
        }
    }
    let opening = Opening {
        reservation: id(number),
        tenant,
        label: number.is_multiple_of(2).then(|| "cost center \"7\"".into()),
        key: "k-1".into(),
        endpoint: "/things".into(),
        request: format!("request-{number}").into(),
        creates: number.is_multiple_of(3).then(|| "thing".into()),
        minutes: minutes.map(AudioMillis),
        upload: number.is_multiple_of(5),
    };
    Entry { fact: Fact::Reserve(opening), postings }
}

/// Frees what is held, and books it where it is paid.
pub(super) fn close(holds: &[Posting], paid: bool) -> Vec<Posting> {
    let closed = |hold: &Posting| Posting {
        used: if paid { hold.held } else { 0 },
        held: -hold.held,
        ..hold.clone()
    };
    holds.iter().map(closed).collect()
}

pub(super) fn key(number: u64) -> IssuedKey {
    IssuedKey {
        key: format!("k-{number}").into(),
        tenant: tenant(number),
        sha256: format!("{number:064x}").into(),
        note: "for the night's batch".into(),
        created: moment(100 - number),
        expires: None,
        revoked: None,
        successor: None,
    }
}

/// One of the entries that may follow a journal; the numbers choose which.
pub(super) fn next(known: &mut Memory, number: u64, choice: u8, which: u64) -> Entry {
    let mut pick = |state| {
        let found = known.in_state(state, usize::MAX).unwrap();
        let place = usize::try_from(which).unwrap() % found.len().max(1);
        found.into_iter().nth(place)
    };
    let minutes = (!which.is_multiple_of(3)).then(|| i64::try_from(which).unwrap() * 1000);
    let fresh = || reserve(number, tenant(which), minutes);
    let payer = Payer::Tenant(tenant(which));
    match choice % 13 {
        0 => pick(State::Open).map_or_else(fresh, |open| bind(&open, Some(id(number)))),
        1 => pick(State::Open).map_or_else(fresh, |open| bind(&open, None)),
        2 | 3 => pick(State::Bound).map_or_else(fresh, |bound| settle(&bound, which)),
        4 => pick(State::Open).map_or_else(fresh, |open| release(&open, Why::Refused)),
        5 => pick(State::Lost).map_or_else(fresh, |lost| release(&lost, Why::Operator)),
        6 => pick(State::Open).map_or_else(fresh, |open| {
            Entry::plain(Fact::Lose { reservation: open.opening.reservation })
        }),
        7 => pick(State::Settled).map_or_else(fresh, |settled| adjust(&settled)),
        8 => {
            let amount = AudioMillis(i64::try_from(which).unwrap() * 60_000);
            let granted = Posting { granted: amount.0, ..hold(&payer, Meter::Granted, 0) };
            let fact = Fact::Grant { payer, amount, note: "invoice".into() };
            Entry { fact, postings: vec![granted] }
        }
        9 => match which % 3 {
            0 => Entry::plain(Fact::Delete { object: id(which) }),
            1 => adopt(number, Holder::Shared(Sharing::With(vec![tenant(0), tenant(1)]))),
            _ => adopt(number, Holder::Shared(Sharing::Everybody)),
        },
        10 => Entry::plain(match which % 3 {
            0 => Fact::Issue(key(which % 7)),
            1 => Fact::Revoke { key: format!("k-{}", which % 7).into() },
            _ => Fact::Replace {
                key: format!("k-{}", which % 7).into(),
                successor: "k-9".into(),
                expires: moment(number + 60),
            },
        }),
        11 if which.is_multiple_of(3) => {
            Entry::plain(Fact::Period { payer, start: moment(number), end: moment(number + 30) })
        }
        11 => changed(number, which),
        12 => pick(State::Bound).map_or_else(fresh, |bound| amend(&bound, which)),
        _ => fresh(),
    }
}

/// An operator's change.
fn changed(number: u64, which: u64) -> Entry {
    let limit =
        [Limit::Minutes, Limit::Access, Limit::Rate("/things".into())][number as usize % 3].clone();
    let tenant = tenant(which);
    Entry::plain(match which % 5 {
        0 => Fact::Lift { tenant, limit },
        1 => Fact::Audit(Audited {
            who: "token:night".into(),
            action: "limit.change".into(),
            tenant: Some(tenant),
            subject: limit.to_string().into(),
            before: serde_json::Value::Null,
            after: serde_json::json!({ "most": which }),
        }),
        _ => Fact::Override(Override {
            tenant,
            limit,
            value: LimitValue::Most(7),
            until: which.is_multiple_of(2).then(|| moment(number + 50)),
            note: "until the invoice is paid".into(),
            made: moment(number),
        }),
    })
}

pub(super) fn bind(open: &Reservation, object: Option<Uuid>) -> Entry {
    let calls = open.holds.iter().filter(|hold| matches!(hold.meter, Meter::Calls(_)));
    let postings = close(&calls.cloned().collect::<Vec<_>>(), true);
    Entry { fact: Fact::Bind { reservation: open.opening.reservation, object }, postings }
}

pub(super) fn settle(bound: &Reservation, length: u64) -> Entry {
    let length = Some(AudioMillis(i64::try_from(length).unwrap()));
    let (reservation, why) = (bound.opening.reservation, Why::Done);
    let fact = Fact::Settle { reservation, length, billed: length, why };
    Entry { fact, postings: close(&bound.holds, true) }
}

/// Holds other minutes than before.
fn amend(bound: &Reservation, which: u64) -> Entry {
    let minutes = AudioMillis(i64::try_from(which).unwrap() * 500);
    let change = |hold: &Posting| Posting { held: minutes.0 - hold.held, ..hold.clone() };
    let holds = bound.holds.iter().filter(|hold| is_minutes(&hold.meter));
    let fact = Fact::Amend { reservation: bound.opening.reservation, minutes };
    Entry { fact, postings: holds.map(change).collect() }
}

fn release(one: &Reservation, why: Why) -> Entry {
    let fact = Fact::Release { reservation: one.opening.reservation, why };
    Entry { fact, postings: close(&one.holds, false) }
}

fn adjust(settled: &Reservation) -> Entry {
    let reservation = settled.opening.reservation;
    Entry::plain(Fact::Adjust { reservation, length: None, billed: AudioMillis(0) })
}

pub(super) fn adopt(number: u64, holder: Holder) -> Entry {
    let object_kind = if number.is_multiple_of(2) { "thing" } else { "other" };
    Entry::plain(Fact::Adopt { object: id(number), object_kind: object_kind.into(), holder })
}
