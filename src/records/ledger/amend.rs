//! How much does a job hold once the length of its audio is known?

use uuid::Uuid;

use super::charge::Charge;
use super::close::{minutes_of, payers};
use super::reserve::{Denied, Purse, Side};
use crate::records::entry::{Entry, Fact};
use crate::records::state::Reservation;
use crate::records::store::{Store, Stored};
use crate::records::words::{AudioMillis, Meter, Moment, Payer, Period, Posting};

/// What became of a change of what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amended {
    /// So much is held now, or nothing ever was: the call spends no minutes that are counted.
    Held,
    /// The reservation is closed: the job is gone, or paid.
    Closed,
}

/// Holds the minutes of a charge in place of those that a job holds, of the tenant and the account, all
/// or nothing; in the month that the job was reserved in.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn amend(
    store: &mut dyn Store,
    id: &Uuid,
    charge: &Charge,
    at: Moment,
) -> Stored<Result<Amended, Denied>> {
    let Some(reservation) = store.reservation(id)? else { return Ok(Ok(Amended::Closed)) };
    let (Some(_), Some(minutes)) = (reservation.opening.minutes, charge.minutes()) else {
        return Ok(Ok(Amended::Held));
    };
    if reservation.state.is_closed() {
        return Ok(Ok(Amended::Closed));
    }
    let mut postings = Vec::new();
    for payer in payers(&reservation.holds) {
        let holds = minutes_of(&reservation.holds, &payer);
        if holds.is_empty() {
            continue;
        }
        let more = minutes.0 - holds.iter().map(|hold| hold.held).sum::<i64>();
        if more <= 0 {
            postings.extend(give_back(&holds, -more));
            continue;
        }
        let side = if payer == Payer::Account { Side::Account } else { Side::Tenant };
        let month = month(store, &reservation, &payer, &holds)?;
        let charge = charge.for_minutes(AudioMillis(more));
        match Purse::of(payer, month).take(store, &charge, side)? {
            Ok(taken) => postings.extend(taken.postings),
            Err(denied) => return Ok(Err(denied)),
        }
    }
    store.write(at, &Entry { fact: Fact::Amend { reservation: *id, minutes }, postings })?;
    Ok(Ok(Amended::Held))
}

/// What was taken last is given back first: grants before the month's allowance.
fn give_back(holds: &[&Posting], amount: i64) -> Vec<Posting> {
    let mut left = amount;
    let back = |hold: &&Posting| {
        let held = left.min(hold.held);
        left -= held;
        (held != 0).then(|| Posting { held: -held, ..(*hold).clone() })
    };
    holds.iter().rev().filter_map(back).collect()
}

/// The month that a job is charged to: that of its hold, else that in which it was reserved.
fn month(
    store: &mut dyn Store,
    reservation: &Reservation,
    payer: &Payer,
    holds: &[&Posting],
) -> Stored<Period> {
    let held = holds.iter().find(|hold| hold.meter == Meter::Minutes).map(|hold| hold.period);
    let meant = |one: &&Period| match held {
        Some(start) => one.start == start,
        None => one.contains(reservation.opened),
    };
    let opened = reservation.opened;
    let found = store.periods(payer)?.iter().find(meant).copied();
    Ok(found.unwrap_or(Period { start: held.unwrap_or(opened), end: opened }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Enforcement;
    use crate::records::entry::Opening;
    use crate::records::ledger::{self, MinutesLimit, Reserve, bind, grant, settle};
    use crate::records::{Calendar, Memory, Why, verify};

    const NOW: Moment = Moment(1_790_000_000_000);
    const JOB: Uuid = Uuid::from_u128(1);

    fn acme() -> Payer {
        Payer::Tenant("acme".into())
    }

    fn charge(minutes: i64, tenant: i64, account: i64) -> Charge {
        let monthly = |amount| MinutesLimit::Monthly(AudioMillis(amount));
        let (tenant, account) = (monthly(tenant), monthly(account));
        Charge::Minutes { amount: AudioMillis(minutes), tenant, account }
    }

    /// A job that holds so much of these limits, bound.
    fn job(store: &mut Memory, charge: &Charge) {
        let opening = Opening {
            reservation: JOB,
            tenant: "acme".into(),
            label: None,
            key: "acme-1".into(),
            endpoint: "/work".into(),
            request: "r".into(),
            creates: Some("job".into()),
            minutes: charge.minutes(),
            upload: true,
        };
        let (tenant_calendar, account_calendar) = (Calendar::default(), Calendar::default());
        let charges = vec![charge.clone()];
        let reserve = Reserve { opening, at: NOW, tenant_calendar, account_calendar, charges };
        assert!(ledger::reserve(store, &reserve).unwrap().is_ok());
        assert!(bind(store, &JOB, &Uuid::from_u128(9), NOW, NOW).unwrap());
    }

    /// What the tenant holds of its month, of its grants, and the account of its month.
    fn held(store: &mut Memory) -> [i64; 3] {
        let month = Calendar::default().month(NOW).start;
        let acme = (acme(), Payer::Account);
        let places = [
            (&acme.0, Meter::Minutes, month),
            (&acme.0, Meter::Granted, Moment(0)),
            (&acme.1, Meter::Minutes, month),
        ];
        places.map(|(payer, meter, at)| store.balance(payer, &meter, at).unwrap().held)
    }

    #[test]
    fn more_is_held_where_it_is_covered_and_else_nothing_changes() {
        let mut store = Memory::default();
        grant(&mut store, &acme(), AudioMillis(30), &"".into(), NOW).unwrap();
        job(&mut store, &charge(60, 100, 1_000));
        let mut amended =
            |minutes| amend(&mut store, &JOB, &charge(minutes, 100, 1_000), NOW).unwrap();
        assert_eq!(amended(110), Ok(Amended::Held));
        assert_eq!(amended(131), Err(Denied::Minutes { payer: acme() }));
        assert_eq!(held(&mut store), [100, 10, 110]);
        let account = amend(&mut store, &JOB, &charge(120, 200, 119), NOW).unwrap();
        assert_eq!(account, Err(Denied::Minutes { payer: Payer::Account }));
        assert_eq!(held(&mut store), [100, 10, 110]);
        assert_eq!(verify(&mut store).unwrap().1, Vec::<String>::new());
    }

    #[test]
    fn what_was_taken_last_is_given_back_first_and_the_true_length_is_paid() {
        let mut store = Memory::default();
        grant(&mut store, &acme(), AudioMillis(30), &"".into(), NOW).unwrap();
        job(&mut store, &charge(120, 100, 1_000));
        assert_eq!(held(&mut store), [100, 20, 120]);
        let less = amend(&mut store, &JOB, &charge(70, 100, 1_000), NOW).unwrap();
        assert_eq!((less, held(&mut store)), (Ok(Amended::Held), [70, 0, 70]));
        let audio = Some((AudioMillis(75), AudioMillis(75)));
        assert!(settle(&mut store, &JOB, audio, Why::Done, NOW).unwrap());
        let used = |store: &mut Memory, meter, at| store.balance(&acme(), &meter, at).unwrap().used;
        let month = Calendar::default().month(NOW).start;
        assert_eq!(used(&mut store, Meter::Minutes, month), 75, "not of a grant it does not hold");
        assert_eq!(used(&mut store, Meter::Granted, Moment(0)), 0);
        let closed = amend(&mut store, &JOB, &charge(1, 100, 1_000), NOW).unwrap();
        assert_eq!((closed, held(&mut store)), (Ok(Amended::Closed), [0, 0, 0]));
        assert_eq!(verify(&mut store).unwrap().1, Vec::<String>::new());
    }

    #[test]
    fn a_limit_that_only_counts_denies_nothing() {
        let mut store = Memory::default();
        job(&mut store, &charge(60, 100, 1_000));
        let watched = Charge::Watched {
            charge: Box::new(charge(500, 100, 1_000)),
            tenant: Enforcement::Shadow,
            account: Enforcement::Enforced,
        };
        assert_eq!(amend(&mut store, &JOB, &watched, NOW).unwrap(), Ok(Amended::Held));
        assert_eq!(held(&mut store), [500, 0, 500]);
        // What closes by policy charges what is held now, and not what was held at first.
        assert!(settle(&mut store, &JOB, None, Why::Policy, NOW).unwrap());
        let settled = store.reservation(&JOB).unwrap().unwrap();
        assert_eq!(settled.billed, Some(AudioMillis(500)));
    }
}
