//! How much of a payer's limits is used, and who wants to hear of it?

use std::sync::Arc;

use http::Uri;

use super::settings::{Budget, MinutesBudget};
use crate::contract::Contract;
use crate::records::{Meter, Moment, Payer, Period, Store, Stored, ledger};
use crate::secret::Secret;

/// Who is told when a limit is nearly used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name, unique: what it was told is kept under it.
    pub name: Arc<str>,
    /// Where it listens.
    pub url: Uri,
    /// What its messages are signed with.
    pub secret: Secret,
    /// About whom.
    pub about: About,
    /// At which percentages, ascending.
    pub thresholds: Vec<u32>,
}

/// Whose limits a webhook is told about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// These tenants; `None`: all.
    pub tenants: Option<Vec<Arc<str>>>,
    /// Whether the account, too.
    pub account: bool,
}

impl About {
    /// Whether a payer's limits are among them.
    pub fn covers(&self, payer: &Payer) -> bool {
        match payer {
            Payer::Account => self.account,
            Payer::Tenant(id) => self.tenants.as_ref().is_none_or(|all| all.contains(id)),
        }
    }
}

/// How much of one limit is used. Objects are no part of it: they come back when they are deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Which limit: calls, minutes, or what was granted.
    pub meter: Meter,
    /// Calls, or milliseconds of audio; above 0.
    pub most: i64,
    /// Booked and reserved: what admission goes by.
    pub taken: i64,
    /// The month; `None` for what was granted, which has no end.
    pub month: Option<Period>,
}

impl Level {
    /// The whole percentage that is used.
    pub fn percent(&self) -> u32 {
        let percent = i128::from(self.taken.max(0)) * 100 / i128::from(self.most.max(1));
        u32::try_from(percent).unwrap_or(u32::MAX)
    }

    /// What makes the month another one; as in [`AlertOf::period`](crate::records::AlertOf::period).
    pub fn period(&self) -> Moment {
        self.month.map_or(Moment(self.most), |month| month.start)
    }
}

/// Reads the limits of a payer that a month or a grant bounds.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn levels(
    store: &mut dyn Store,
    payer: &Payer,
    budget: &Budget,
    contract: &Contract,
    now: Moment,
) -> Stored<Vec<Level>> {
    let month = ledger::period(store, payer, &budget.calendar, now)?;
    let mut levels = Vec::new();
    let mut add = |store: &mut dyn Store, meter: Meter, most: i64| -> Stored<()> {
        if most > 0 {
            let taken = store.balance(payer, &meter, month.start)?.taken();
            levels.push(Level { meter, most, taken, month: Some(month) });
        }
        Ok(())
    };
    for endpoint in contract.endpoints() {
        if let Some(most) = budget.calls(endpoint) {
            add(store, Meter::Calls(endpoint.path.clone()), most.into())?;
        }
    }
    if budget.minutes == MinutesBudget::Off {
        return Ok(levels);
    }
    if let MinutesBudget::Monthly(allowance) = budget.minutes {
        add(store, Meter::Minutes, allowance.0)?;
    }
    let granted = store.balance(payer, &Meter::Granted, Moment(0))?;
    if granted.granted > 0 {
        let (most, taken) = (granted.granted, granted.taken());
        levels.push(Level { meter: Meter::Granted, most, taken, month: None });
    }
    Ok(levels)
}

/// The thresholds that are crossed and not known yet: the highest is told, the others are passed.
pub fn crossed(level: &Level, thresholds: &[u32], known: &[u32]) -> Option<(u32, Vec<u32>)> {
    let percent = level.percent();
    let highest_known = known.iter().copied().max().unwrap_or(0);
    // What is below a threshold that was told says nothing new.
    let new = |threshold: &u32| *threshold <= percent && *threshold > highest_known;
    let mut new: Vec<u32> = thresholds.iter().copied().filter(new).collect();
    new.sort_unstable();
    Some((new.pop()?, new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{AudioMillis, Memory};

    fn level(taken: i64) -> Level {
        Level { meter: Meter::Minutes, most: 1000, taken, month: None }
    }

    #[test]
    fn a_threshold_is_crossed_when_it_is_reached_and_told_once() {
        let crossed = |taken, known: &[u32]| crossed(&level(taken), &[50, 80, 100], known);
        assert_eq!(crossed(499, &[]), None);
        assert_eq!(crossed(500, &[]), Some((50, vec![])));
        assert_eq!(crossed(799, &[50]), None);
        assert_eq!(crossed(1_500, &[50]), Some((100, vec![80])));
        assert_eq!(crossed(900, &[]), Some((80, vec![50])));
        assert_eq!(crossed(600, &[80]), None, "what fell and rose again is no news");
        assert_eq!(level(i64::MAX).percent(), u32::MAX);
    }

    #[test]
    fn months_and_grants_have_levels_and_what_is_unlimited_has_none() {
        let contract = Contract::built_in().unwrap();
        let (mut store, now) = (Memory::default(), Moment(1_790_000_000_000));
        let acme = Payer::Tenant("acme".into());
        let names = |store: &mut dyn Store, minutes| {
            let budget = Budget {
                minutes,
                monthly: [("/submit".into(), 9), ("/analytics".into(), 0)].into(),
                ..Budget::default()
            };
            let found = levels(store, &acme, &budget, &contract, now).unwrap();
            found.iter().map(|one| format!(" {}", one.meter)).collect::<String>() + ";"
        };
        assert!(names(&mut store, MinutesBudget::Recorded).contains("calls:/submit "));
        assert!(!names(&mut store, MinutesBudget::Recorded).contains("calls:/analytics "));
        let monthly = MinutesBudget::Monthly(AudioMillis(5));
        assert!(names(&mut store, monthly).ends_with(" minutes;"));
        ledger::grant(&mut store, &acme, AudioMillis(7), &"".into(), now).unwrap();
        assert!(names(&mut store, monthly).ends_with(" minutes granted;"));
        assert!(names(&mut store, MinutesBudget::Recorded).ends_with(" granted;"));
        assert!(!names(&mut store, MinutesBudget::Off).contains("granted"));
    }

    #[test]
    fn a_webhook_hears_about_those_that_it_names() {
        let acme = Payer::Tenant("acme".into());
        let all = About { tenants: None, account: true };
        assert!(all.covers(&acme) && all.covers(&Payer::Account));
        let other = About { tenants: Some(vec!["globex".into()]), account: false };
        assert!(!other.covers(&acme) && !other.covers(&Payer::Account));
        assert!(other.covers(&Payer::Tenant("globex".into())));
    }
}
