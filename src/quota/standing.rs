//! What share is left of each limit of a payer?

use super::settings::{Budget, MinutesBudget};
use crate::contract::Contract;
use crate::records::{AudioMillis, Balance, Limit, Meter, Moment, Payer, Store, Stored, ledger};

/// How one payer stands: its durable limits, and its audio.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// Each limit that there is, with the share of it that is left, from 0 to 1.
    pub left: Vec<(Limit, f64)>,
    /// Audio that was charged: of the present month's allowance, and all that grants have paid.
    pub used: AudioMillis,
    /// Audio that is held by jobs that are not settled.
    pub reserved: AudioMillis,
    /// Audio that was granted, without an end.
    pub granted: AudioMillis,
}

/// Reads how a payer stands. A limit of zero is none of them: nothing of it can run out.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn standing(
    store: &mut dyn Store,
    payer: &Payer,
    budget: &Budget,
    contract: &Contract,
    now: Moment,
) -> Stored<Standing> {
    let month = ledger::period(store, payer, &budget.calendar, now)?;
    let balances = store.balances_in(payer, month.start)?;
    let posted = |meter: &Meter| {
        let found = balances.iter().find(|(known, _)| known == meter);
        found.map(|(_, balance)| *balance)
    };
    let mut left: Vec<(Limit, f64)> = Vec::new();
    let mut note = |limit: Limit, meter: &Meter, most: u32| {
        let known = left.iter().any(|(known, _)| *known == limit);
        let taken = posted(meter).unwrap_or_default().taken();
        left.extend(share(most.into(), taken).filter(|_| !known).map(|share| (limit, share)));
    };
    for endpoint in contract.endpoints() {
        if let Some(most) = budget.calls(endpoint) {
            let limit = Limit::Calls((*endpoint.path).into());
            note(limit, &Meter::Calls(endpoint.path.clone()), most);
        }
        if let Some(kind) = endpoint.creates()
            && let Some(most) = budget.objects(kind, endpoint.cap.as_ref())
        {
            note(Limit::Objects(kind.into()), &Meter::Objects(kind.into()), most);
        }
    }
    let (month, granted) = (posted(&Meter::Minutes).unwrap_or_default(), posted(&Meter::Granted));
    left.extend(minutes(budget.minutes, month, granted).map(|left| (Limit::Minutes, left)));
    let granted = granted.unwrap_or_default();
    Ok(Standing {
        left,
        used: AudioMillis(month.used.saturating_add(granted.used)),
        reserved: AudioMillis(month.held.saturating_add(granted.held)),
        granted: AudioMillis(granted.granted),
    })
}

/// What is left of a month's allowance and of grants together, as a share of the allowance: a tenant
/// whose allowance is used up and who has as much of a grant has all that it has in a month. Without
/// an allowance it is the share of all that was granted. `None`: there is no limit.
fn minutes(budget: MinutesBudget, month: Balance, granted: Option<Balance>) -> Option<f64> {
    let allowance = match budget {
        MinutesBudget::Off => return None,
        MinutesBudget::Recorded => 0,
        MinutesBudget::Monthly(allowance) => allowance.0,
    };
    let granted = granted.unwrap_or_default();
    let most = if allowance > 0 { allowance } else { granted.granted };
    let rest = allowance
        .saturating_sub(month.taken())
        .saturating_add(granted.granted.saturating_sub(granted.taken()));
    share(most, most.saturating_sub(rest))
}

fn share(most: i64, taken: i64) -> Option<f64> {
    let left = most.saturating_sub(taken) as f64 / most as f64;
    (most > 0).then(|| left.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Memory;

    #[test]
    fn what_is_left_of_minutes_is_a_share_of_the_months_allowance() {
        let monthly = MinutesBudget::Monthly(AudioMillis(100));
        let month = |used, held| Balance { granted: 0, used, held };
        let grant = |granted, used| Some(Balance { granted, used, held: 0 });
        assert_eq!(minutes(monthly, month(10, 15), None), Some(0.75));
        assert_eq!(minutes(monthly, month(120, 0), None), Some(0.0), "overdrawn");
        assert_eq!(minutes(monthly, month(100, 0), grant(1_000, 950)), Some(0.5));
        assert_eq!(minutes(monthly, month(0, 0), grant(1_000, 0)), Some(1.0));
        assert_eq!(minutes(MinutesBudget::Recorded, month(7, 0), None), None);
        assert_eq!(minutes(MinutesBudget::Recorded, month(0, 0), grant(40, 30)), Some(0.25));
        assert_eq!(minutes(MinutesBudget::Off, month(0, 0), grant(40, 30)), None);
        let none = MinutesBudget::Monthly(AudioMillis(0));
        assert_eq!(minutes(none, month(0, 0), None), None);
    }

    #[test]
    fn each_limit_is_there_once_and_whole_before_anything_happens() {
        let contract = Contract::built_in().unwrap();
        let (mut store, now) = (Memory::default(), Moment(1_790_000_000_000));
        let acme = Payer::Tenant("acme".into());
        ledger::grant(&mut store, &acme, AudioMillis(60_000), &"".into(), now).unwrap();
        let budget = Budget { monthly: [("/analytics".into(), 0)].into(), ..Budget::default() };
        let found = standing(&mut store, &acme, &budget, &contract, now).unwrap();
        assert_eq!(found.granted, AudioMillis(60_000));
        let mut names: Vec<_> = found.left.iter().map(|(limit, _)| limit.to_string()).collect();
        assert!(names.contains(&"objects:configuration".to_owned()), "{names:?}");
        assert!(names.contains(&"minutes".to_owned()), "{names:?}");
        assert!(!names.contains(&"calls:/analytics".to_owned()), "{names:?}");
        assert!(found.left.iter().all(|(_, left)| *left == 1.0), "{found:?}");
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
