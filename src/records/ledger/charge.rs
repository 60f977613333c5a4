//! What does a call cost, and against which limits?

use std::sync::Arc;

use crate::rate::Enforcement;
use crate::records::words::AudioMillis;

/// One thing that a call costs. `None` is no limit: then it is only counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charge {
    /// One call of an endpoint in the month.
    Call {
        /// The endpoint's path.
        path: Arc<str>,
        /// The tenant's calls per month.
        tenant: Option<u32>,
        /// The account's.
        account: Option<u32>,
    },
    /// One more object.
    Object {
        /// Its kind.
        kind: Arc<str>,
        /// How many the tenant may have.
        tenant: Option<u32>,
        /// How many the account may have.
        account: Option<u32>,
    },
    /// Milliseconds of audio.
    Minutes {
        /// How many.
        amount: AudioMillis,
        /// The tenant's limit.
        tenant: MinutesLimit,
        /// The account's.
        account: MinutesLimit,
    },
    /// A charge of which not every limit is enforced: what exceeds one of those is held all the same.
    Watched {
        /// What is charged.
        charge: Box<Charge>,
        /// The tenant's limit.
        tenant: Enforcement,
        /// The account's.
        account: Enforcement,
    },
}

impl Charge {
    /// The minutes, where it is about minutes.
    pub fn minutes(&self) -> Option<AudioMillis> {
        match self {
            Self::Minutes { amount, .. } => Some(*amount),
            Self::Call { .. } | Self::Object { .. } => None,
            Self::Watched { charge, .. } => charge.minutes(),
        }
    }

    /// The same charge for another length of audio.
    #[must_use]
    pub fn for_minutes(&self, amount: AudioMillis) -> Self {
        match self {
            Self::Minutes { tenant, account, .. } => {
                Self::Minutes { amount, tenant: *tenant, account: *account }
            }
            Self::Watched { charge, tenant, account } => {
                let (tenant, account) = (*tenant, *account);
                Self::Watched { charge: Box::new(charge.for_minutes(amount)), tenant, account }
            }
            other @ (Self::Call { .. } | Self::Object { .. }) => other.clone(),
        }
    }

    /// What is charged, whether its limits are enforced or not.
    pub fn bare(&self) -> &Self {
        match self {
            Self::Watched { charge, .. } => charge.bare(),
            bare => bare,
        }
    }

    /// Whether the limit of the tenant and that of the account is enforced.
    pub fn enforcement(&self) -> [Enforcement; 2] {
        match self {
            Self::Watched { tenant, account, .. } => [*tenant, *account],
            _ => [Enforcement::Enforced; 2],
        }
    }
}

/// How many minutes a payer may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinutesLimit {
    /// None is counted.
    Off,
    /// Counted; limited only by what was granted, once anything was.
    Granted,
    /// So much a month, and what was granted on top.
    Monthly(AudioMillis),
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::records::ledger::{self, Denied, Reserve, Reserved};
    use crate::records::{Calendar, Memory, Meter, Moment, Opening, Payer, Store, Why};

    const NOW: Moment = Moment(1_790_000_000_000);
    const ENFORCED: Enforcement = Enforcement::Enforced;
    const SHADOW: Enforcement = Enforcement::Shadow;

    fn reserve(store: &mut Memory, id: u128, charges: Vec<Charge>) -> Result<Reserved, Denied> {
        let opening = Opening {
            reservation: Uuid::from_u128(id),
            tenant: "acme".into(),
            label: None,
            key: "acme-1".into(),
            endpoint: "/work".into(),
            request: "r".into(),
            creates: Some("job".into()),
            minutes: charges.iter().find_map(Charge::minutes),
            upload: false,
        };
        let (tenant_calendar, account_calendar) = (Calendar::default(), Calendar::default());
        let reserve = Reserve { opening, at: NOW, tenant_calendar, account_calendar, charges };
        ledger::reserve(store, &reserve).unwrap()
    }

    fn watched(charge: Charge, tenant: Enforcement, account: Enforcement) -> Charge {
        Charge::Watched { charge: Box::new(charge), tenant, account }
    }

    fn minutes(tenant: i64, account: i64) -> Charge {
        let monthly = |amount| MinutesLimit::Monthly(AudioMillis(amount));
        let (tenant, account) = (monthly(tenant), monthly(account));
        Charge::Minutes { amount: AudioMillis(600), tenant, account }
    }

    /// All of them above the tenant's limit, and within the account's.
    fn all(tenant: Enforcement, account: Enforcement) -> Vec<Charge> {
        let call = Charge::Call { path: "/work".into(), tenant: Some(0), account: Some(9) };
        let object = Charge::Object { kind: "job".into(), tenant: Some(0), account: Some(9) };
        [call, object, minutes(500, 9_000)].map(|one| watched(one, tenant, account)).into()
    }

    #[test]
    fn what_exceeds_a_limit_that_only_counts_is_held_all_the_same_and_told() {
        let mut store = Memory::default();
        let reserved = reserve(&mut store, 1, all(SHADOW, ENFORCED)).unwrap();
        assert_eq!(reserved.shadow.len(), 3, "{reserved:?}");
        assert_eq!(reserved.monthly, None, "a limit that only counts is shown to no client");
        let month = Calendar::default().month(NOW).start;
        let mut taken = |payer: &str, meter: Meter, at| {
            let payer = Payer::from(Arc::<str>::from(payer));
            store.balance(&payer, &meter, at).unwrap().taken()
        };
        assert_eq!(taken("acme", Meter::Calls("/work".into()), month), 1);
        assert_eq!(taken("acme", Meter::Objects("job".into()), Moment(0)), 1);
        assert_eq!(taken("acme", Meter::Minutes, month), 600);
        assert_eq!(taken("", Meter::Minutes, month), 600);
        let id = Uuid::from_u128(1);
        assert!(ledger::release(&mut store, &id, Why::Refused, NOW).unwrap());
        assert!(store.balances.values().all(|balance| balance.held == 0));
    }

    #[test]
    fn the_other_payers_limit_is_enforced_as_before() {
        let mut store = Memory::default();
        assert!(reserve(&mut store, 1, all(ENFORCED, SHADOW)).is_err());
        let account = vec![watched(minutes(9_000, 0), SHADOW, ENFORCED)];
        let denied = reserve(&mut store, 2, account).unwrap_err();
        assert_eq!(denied, Denied::Minutes { payer: Payer::Account });
        assert!(store.journal(0, 9).unwrap().is_empty());
        let neither = vec![watched(minutes(0, 0), SHADOW, SHADOW)];
        assert_eq!(reserve(&mut store, 3, neither).unwrap().shadow.len(), 2);
    }

    #[test]
    fn within_its_limit_a_charge_is_the_same_whether_that_is_enforced_or_not() {
        let charge = || Charge::Call { path: "/work".into(), tenant: Some(5), account: Some(5) };
        let (mut one, mut other) = (Memory::default(), Memory::default());
        reserve(&mut one, 1, vec![charge()]).unwrap();
        let reserved = reserve(&mut other, 1, vec![watched(charge(), SHADOW, SHADOW)]).unwrap();
        assert_eq!((one.differences(&other).len(), reserved.shadow.len()), (0, 0));
    }
}
