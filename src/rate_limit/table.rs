//! Which limits bind a tenant on an endpoint?

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use governor::clock::{Clock, DefaultClock};

use super::limiter::{Exceeded, Limiter, charge_both};
use super::{Charged, Settings, TenantRates};
use crate::contract::{Contract, Endpoint};
use crate::rate::{Enforcement, LimitPolicy, LimitState, Rate};
use crate::records::Limit;
use crate::tenant::Tenant;

/// What the limit over all endpoints is called in header fields.
const TOTAL: &str = "total";

/// All limiters of a snapshot, by the dense indexes of tenant and endpoint: a look-up is two array
/// accesses. A limiter is made at its first call: a thousand tenants use few of their endpoints.
#[derive(Debug)]
pub struct Table<C: Clock = DefaultClock> {
    tenants: Vec<TenantLimits<C>>,
    clock: C,
}

#[derive(Debug)]
struct TenantLimits<C: Clock> {
    id: Arc<str>,
    total: Option<Slot<C>>,
    /// By the endpoint's index, with its path; `None` where no rate binds it.
    endpoints: Vec<(Arc<str>, Option<Slot<C>>)>,
    /// Shadow where any of its limits is not enforced: the others need not look.
    enforcement: Enforcement,
}

/// The place of one limiter.
#[derive(Debug)]
struct Slot<C: Clock> {
    policy: Arc<LimitPolicy>,
    /// Shared with the table before a reload, filled or not: a call that is charged in between counts.
    limiter: Arc<OnceLock<Box<Limiter<C>>>>,
    enforcement: Enforcement,
}

impl Table {
    /// Builds the table. Limiters of `previous` whose tenant, endpoint and numbers are unchanged are
    /// carried over with what is spent of them: a reload grants nobody a second burst.
    pub fn new(settings: &Settings, contract: &Contract, previous: Option<&Self>) -> Self {
        Self::with_clock(settings, contract, previous, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Table<C> {
    /// Builds the table on a clock of one's own.
    pub fn with_clock(
        settings: &Settings,
        contract: &Contract,
        previous: Option<&Self>,
        clock: &C,
    ) -> Self {
        let mut policies = Policies::default();
        let before: HashMap<&str, &TenantLimits<C>> = previous
            .into_iter()
            .flat_map(|table| table.tenants.iter().map(|limits| (&*limits.id, limits)))
            .collect();
        let tenants = settings.tenants.iter().map(|tenant| {
            let before = before.get(&*tenant.id).copied();
            TenantLimits::new(tenant, contract, before, &mut policies)
        });
        Self { tenants: tenants.collect(), clock: clock.clone() }
    }

    /// Charges one call against all limits that bind it, or against none.
    ///
    /// `None`: the tenant is not of this snapshot.
    pub fn charge(
        &self,
        tenant: &Tenant,
        endpoint: &Endpoint,
    ) -> Option<Result<Charged, Exceeded>> {
        let limits = self.tenants.get(tenant.index)?;
        let (_, own) = limits.endpoints.get(endpoint.index)?;
        let binding = [own.as_ref(), limits.total.as_ref()];
        if limits.enforcement == Enforcement::Enforced {
            let state = self.charge_all(binding);
            return Some(state.map(|state| Charged { state, shadow: Vec::new() }));
        }
        // What is refused costs nothing, also of a limit that only counts.
        let enforced =
            |slot: Option<&Slot<C>>| slot.is_some_and(|slot| slot.enforcement.is_enforced());
        let state = match self.charge_all(binding.map(|slot| slot.filter(|_| enforced(slot)))) {
            Ok(state) => state,
            Err(exceeded) => return Some(Err(exceeded)),
        };
        let watched = binding.into_iter().filter(|slot| !enforced(*slot)).flatten();
        let charged = watched.filter_map(|slot| slot.limiter(&self.clock).charge().err());
        Some(Ok(Charged { state, shadow: charged.collect() }))
    }

    fn charge_all(&self, binding: [Option<&Slot<C>>; 2]) -> Result<Option<LimitState>, Exceeded> {
        match binding {
            [Some(own), Some(total)] => {
                charge_both(own.limiter(&self.clock), total.limiter(&self.clock)).map(Some)
            }
            [Some(one), None] | [None, Some(one)] => one.limiter(&self.clock).charge().map(Some),
            [None, None] => Ok(None),
        }
    }

    /// What [`charge`](Self::charge) would say of each limit that binds a call, one by one; nothing is
    /// charged. `None`: the tenant is not of this snapshot.
    pub fn peek(
        &self,
        tenant: &Tenant,
        endpoint: &Endpoint,
    ) -> Option<Vec<(Enforcement, Result<LimitState, Exceeded>)>> {
        let limits = self.tenants.get(tenant.index)?;
        let (_, own) = limits.endpoints.get(endpoint.index)?;
        let binding = own.iter().chain(&limits.total);
        let peek = |slot: &Slot<C>| (slot.enforcement, slot.limiter(&self.clock).peek());
        Some(binding.map(peek).collect())
    }

    /// Each tenant with the share that is left of its tightest rate, from 0 to 1, in the order of the
    /// tenants; nothing is charged. A rate that nobody has used yet is not made for this: all is left.
    pub fn left(&self) -> impl Iterator<Item = (&Arc<str>, f64)> {
        self.tenants.iter().map(|limits| {
            let own = limits.endpoints.iter().filter_map(|(_, slot)| slot.as_ref());
            let used = own.chain(&limits.total).filter_map(|slot| slot.limiter.get());
            (&limits.id, used.map(|limiter| limiter.left()).fold(1.0, f64::min))
        })
    }
}

impl<C: Clock> TenantLimits<C> {
    fn new(
        tenant: &TenantRates,
        contract: &Contract,
        before: Option<&Self>,
        policies: &mut Policies,
    ) -> Self {
        let total = tenant.total.map(|rate| {
            let before = before.and_then(|before| before.total.as_ref());
            Slot::new(policies.policy(&TOTAL.into(), rate), before).watched(tenant, &Limit::Total)
        });
        let endpoints = contract.endpoints().iter().map(|endpoint| {
            let path = &endpoint.path;
            let rate = tenant.endpoints.get(&**path).copied().or(endpoint.rate);
            let before = before.and_then(|before| before.slot(path));
            let limit = Limit::Rate((**path).into());
            let slot = rate.map(|rate| Slot::new(policies.policy(path, rate), before));
            let slot = slot.map(|slot| slot.watched(tenant, &limit));
            (Arc::clone(path), slot)
        });
        let enforcement = match tenant.shadow.is_empty() {
            true => Enforcement::Enforced,
            false => Enforcement::Shadow,
        };
        Self { id: Arc::clone(&tenant.id), total, endpoints: endpoints.collect(), enforcement }
    }

    fn slot(&self, path: &str) -> Option<&Slot<C>> {
        self.endpoints.iter().find(|(known, _)| &**known == path)?.1.as_ref()
    }
}

impl<C: Clock> Slot<C> {
    fn new(policy: Arc<LimitPolicy>, before: Option<&Self>) -> Self {
        let kept = before.filter(|before| before.policy.rate == policy.rate);
        let limiter = kept.map_or_else(Arc::default, |before| Arc::clone(&before.limiter));
        Self { policy, limiter, enforcement: Enforcement::Enforced }
    }

    fn watched(self, tenant: &TenantRates, limit: &Limit) -> Self {
        let is_watched = tenant.shadow.contains(limit);
        let enforcement = if is_watched { Enforcement::Shadow } else { Enforcement::Enforced };
        Self { enforcement, ..self }
    }
}

impl<C: Clock + Clone> Slot<C> {
    fn limiter(&self, clock: &C) -> &Limiter<C> {
        let make = || Box::new(Limiter::new(Arc::clone(&self.policy), clock.clone()));
        self.limiter.get_or_init(make)
    }
}

/// Policies are shared by all tenants with the same numbers: header values are built once.
#[derive(Default)]
struct Policies(HashMap<(Arc<str>, Rate), Arc<LimitPolicy>>);

impl Policies {
    fn policy(&mut self, scope: &Arc<str>, rate: Rate) -> Arc<LimitPolicy> {
        let make = || Arc::new(LimitPolicy::new(scope.trim_start_matches('/'), rate));
        Arc::clone(self.0.entry((Arc::clone(scope), rate)).or_insert_with(make))
    }
}
