//! What does a call of this tenant on this endpoint cost?

use std::sync::Arc;
use std::time::Duration;

use super::settings::{Budget, Minutes, MinutesBudget, Settings, TenantBudget};
use crate::contract::{Cap, Contract, Endpoint, Kind};
use crate::rate::Enforcement;
use crate::records::ledger::{Charge, MinutesLimit};
use crate::records::{Calendar, Limit};

/// The costs of all calls, by the dense indexes of tenant and endpoint.
#[derive(Debug)]
pub struct Plan {
    tenants: Vec<TenantBudget>,
    account: Budget,
    minutes: Minutes,
    /// By the endpoint's index: whether any tenant is ever charged for it.
    counted: Vec<bool>,
}

impl Plan {
    /// Works out which endpoints are counted at all.
    pub fn new(settings: &Settings, contract: &Contract) -> Self {
        let budgets = || {
            let tenants = settings.tenants.iter().map(|tenant| &tenant.budget);
            tenants.chain(std::iter::once(&settings.account))
        };
        let counts = |endpoint: &Arc<Endpoint>| {
            let effect = &endpoint.effect;
            effect.kind == Kind::Creates
                || effect.spends_minutes
                || endpoint.monthly.is_some()
                || budgets().any(|budget| budget.monthly.contains_key(&*endpoint.path))
        };
        Self {
            tenants: settings.tenants.clone(),
            account: settings.account.clone(),
            minutes: settings.minutes,
            counted: contract.endpoints().iter().map(counts).collect(),
        }
    }

    /// Whether calls of this endpoint are charged to anybody.
    pub fn counts(&self, endpoint: &Endpoint) -> bool {
        self.counted.get(endpoint.index).copied().unwrap_or(false)
    }

    /// The tenant at a dense index.
    pub fn tenant(&self, index: usize) -> Option<&TenantBudget> {
        self.tenants.get(index)
    }

    /// All tenants.
    pub fn tenants(&self) -> &[TenantBudget] {
        &self.tenants
    }

    /// The account's budget.
    pub fn account(&self) -> &Budget {
        &self.account
    }

    /// The account's calendar.
    pub fn account_calendar(&self) -> &Calendar {
        &self.account.calendar
    }

    /// All that a call costs, whose audio is so long as far as that is known; empty when it costs
    /// nothing.
    pub fn charges(
        &self,
        tenant: &TenantBudget,
        endpoint: &Endpoint,
        length: Option<Duration>,
    ) -> Vec<Charge> {
        let mut charges = Vec::new();
        let monthly = [&tenant.budget, &self.account].map(|budget| budget.calls(endpoint));
        if let [tenant, account] = monthly
            && (tenant.is_some() || account.is_some())
        {
            charges.push(Charge::Call { path: endpoint.path.clone(), tenant, account });
        }
        if let Some(kind) = endpoint.creates() {
            let cap = endpoint.cap.as_ref();
            charges.push(Charge::Object {
                kind: Arc::from(kind),
                tenant: tenant.budget.objects(kind, cap),
                account: self.account.objects(kind, cap),
            });
        }
        if endpoint.effect.spends_minutes {
            charges.extend(self.bare_minutes(tenant, length));
        }
        if tenant.budget.shadow.is_empty() && self.account.shadow.is_empty() {
            return charges;
        }
        charges.into_iter().map(|charge| self.watched(tenant, charge)).collect()
    }

    /// What audio of a length costs; `None` where no minutes are counted.
    pub fn minutes(&self, tenant: &TenantBudget, length: Duration) -> Option<Charge> {
        let charge = self.bare_minutes(tenant, Some(length))?;
        let all_enforced = tenant.budget.shadow.is_empty() && self.account.shadow.is_empty();
        Some(if all_enforced { charge } else { self.watched(tenant, charge) })
    }

    fn bare_minutes(&self, tenant: &TenantBudget, length: Option<Duration>) -> Option<Charge> {
        let (own, account) = (tenant.budget.minutes.limit(), self.account.minutes.limit());
        // What is not recorded of a tenant still counts against a limit of the account.
        let counts = own != MinutesLimit::Off || matches!(account, MinutesLimit::Monthly(_));
        let amount = self.minutes.reservation(length);
        counts.then_some(Charge::Minutes { amount, tenant: own, account })
    }

    /// A charge with what is said about enforcing its limits.
    fn watched(&self, tenant: &TenantBudget, charge: Charge) -> Charge {
        let limit = match charge.bare() {
            Charge::Call { path, .. } => Limit::Calls((**path).into()),
            Charge::Object { kind, .. } => Limit::Objects((**kind).into()),
            Charge::Minutes { .. } | Charge::Watched { .. } => Limit::Minutes,
        };
        let enforcement = [&tenant.budget, &self.account].map(|budget| budget.enforcement(&limit));
        match enforcement {
            [Enforcement::Enforced, Enforcement::Enforced] => charge,
            [tenant, account] => Charge::Watched { charge: Box::new(charge), tenant, account },
        }
    }
}

impl Budget {
    /// Calls of an endpoint per month; `None`: no limit.
    pub fn calls(&self, endpoint: &Endpoint) -> Option<u32> {
        let published = endpoint.monthly.map(std::num::NonZeroU32::get);
        self.monthly.get(&*endpoint.path).copied().or(published)
    }

    /// Objects of a kind at once; `None`: no limit.
    pub fn objects(&self, kind: &str, cap: Option<&Cap>) -> Option<u32> {
        self.caps.get(kind).copied().or(cap.map(|cap| cap.most.get()))
    }
}

impl MinutesBudget {
    /// The limit as the ledger takes it.
    pub fn limit(self) -> MinutesLimit {
        match self {
            Self::Off => MinutesLimit::Off,
            Self::Recorded => MinutesLimit::Granted,
            Self::Monthly(allowance) => MinutesLimit::Monthly(allowance),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::{LONGEST_AUDIO, Rounding};
    use crate::records::AudioMillis;

    fn plan(settings: &Settings) -> (Plan, Contract) {
        let contract = Contract::built_in().unwrap();
        (Plan::new(settings, &contract), contract)
    }

    fn endpoint(contract: &Contract, is: impl Fn(&Endpoint) -> bool) -> Arc<Endpoint> {
        Arc::clone(contract.endpoints().iter().find(|endpoint| is(endpoint)).unwrap())
    }

    #[test]
    fn reads_lists_and_changes_cost_nothing() {
        let tenant = TenantBudget { id: "acme".into(), ..TenantBudget::default() };
        let settings = Settings { tenants: vec![tenant], ..Settings::default() };
        let (plan, contract) = plan(&settings);
        for endpoint in contract.endpoints() {
            let free = matches!(
                endpoint.effect.kind,
                Kind::Reads | Kind::Lists | Kind::Changes | Kind::Deletes
            );
            assert_eq!(plan.counts(endpoint), !free, "{}", endpoint.path);
            let charges = plan.charges(plan.tenant(0).unwrap(), endpoint, None);
            assert_eq!(charges.is_empty(), free, "{}", endpoint.path);
        }
    }

    #[test]
    fn the_published_numbers_bind_unless_the_settings_say_otherwise() {
        let mut tenant = TenantBudget { id: "acme".into(), ..TenantBudget::default() };
        tenant.budget.caps.insert("configuration".into(), 5);
        let settings = Settings { tenants: vec![tenant], ..Settings::default() };
        let (plan, contract) = plan(&settings);
        let create =
            endpoint(&contract, |one| one.cap.as_ref().is_some_and(|cap| cap.message.is_some()));
        assert_eq!(
            plan.charges(plan.tenant(0).unwrap(), &create, None),
            [Charge::Object { kind: "configuration".into(), tenant: Some(5), account: Some(20) }]
        );
        let thirty = endpoint(&contract, |one| one.monthly.is_some_and(|calls| calls.get() == 30));
        let charge =
            Charge::Call { path: thirty.path.clone(), tenant: Some(30), account: Some(30) };
        assert_eq!(plan.charges(plan.tenant(0).unwrap(), &thirty, None), [charge]);
    }

    #[test]
    fn minutes_that_are_off_count_against_a_limit_of_the_account_only() {
        let mut tenant = TenantBudget { id: "acme".into(), ..TenantBudget::default() };
        tenant.budget.minutes = MinutesBudget::Off;
        let mut settings = Settings { tenants: vec![tenant], ..Settings::default() };
        let minutes = |settings: &Settings| {
            let (plan, contract) = plan(settings);
            let submit = endpoint(&contract, |one| one.effect.spends_minutes);
            let charges = plan.charges(plan.tenant(0).unwrap(), &submit, None);
            charges.into_iter().find(|charge| matches!(charge, Charge::Minutes { .. }))
        };
        assert_eq!(minutes(&settings), None);
        settings.account.minutes = MinutesBudget::Monthly(AudioMillis(1));
        let charge = Charge::Minutes {
            amount: AudioMillis(600_000),
            tenant: MinutesLimit::Off,
            account: MinutesLimit::Monthly(AudioMillis(1)),
        };
        assert_eq!(minutes(&settings), Some(charge));
    }

    #[test]
    fn a_known_length_is_what_is_reserved_as_it_will_be_billed() {
        let settings = Settings { tenants: vec![TenantBudget::default()], ..Settings::default() };
        let (mut plan, contract) = plan(&settings);
        let submit = endpoint(&contract, |one| one.effect.spends_minutes);
        let mut reserved = |estimate, rounding, length| {
            plan.minutes = Minutes { estimate: AudioMillis(estimate), rounding };
            let charges = plan.charges(plan.tenant(0).unwrap(), &submit, length);
            charges.iter().find_map(Charge::minutes)
        };
        for (rounding, nanoseconds, amount) in [
            (Rounding::None, 84_500_000_001, 84_501),
            (Rounding::Second, 84_500_000_000, 85_000),
            (Rounding::Minute, 84_500_000_000, 120_000),
            (Rounding::None, 1, 1_000),
            (Rounding::None, u64::MAX, LONGEST_AUDIO.0),
        ] {
            let length = Some(Duration::from_nanos(nanoseconds));
            assert_eq!(reserved(600_000, rounding, length), Some(AudioMillis(amount)));
        }
        assert_eq!(reserved(600_000, Rounding::None, None), Some(AudioMillis(600_000)));
        let strict = reserved(LONGEST_AUDIO.0, Rounding::None, Some(Duration::from_secs(9)));
        assert_eq!(strict, Some(LONGEST_AUDIO));
    }
}
