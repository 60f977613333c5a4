//! Which limits bind a tenant on an endpoint?

use std::collections::HashMap;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};

use super::limiter::{Exceeded, Limiter, charge_both};
use super::{Settings, TenantRates};
use crate::contract::{Contract, Endpoint};
use crate::rate::{LimitPolicy, LimitState, Rate};
use crate::tenant::Tenant;

/// What the limit over all endpoints is called in header fields.
const TOTAL: &str = "total";

/// All limiters of a snapshot, by the dense indexes of tenant and endpoint: a look-up is two array
/// accesses.
#[derive(Debug)]
pub struct Table<C: Clock = DefaultClock> {
    tenants: Vec<TenantLimits<C>>,
}

#[derive(Debug)]
struct TenantLimits<C: Clock> {
    id: Arc<str>,
    total: Option<Arc<Limiter<C>>>,
    endpoints: Vec<EndpointLimit<C>>,
}

impl Table {
    /// Builds the limiters. Those of `previous` whose tenant, endpoint and numbers are unchanged are
    /// carried over with what is spent of them: a reload grants nobody a second burst.
    pub fn new(settings: &Settings, contract: &Contract, previous: Option<&Self>) -> Self {
        Self::with_clock(settings, contract, previous, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Table<C> {
    /// Builds the limiters on a clock of one's own.
    pub fn with_clock(
        settings: &Settings,
        contract: &Contract,
        previous: Option<&Self>,
        clock: &C,
    ) -> Self {
        let mut policies = HashMap::new();
        let before: HashMap<&str, &TenantLimits<C>> = previous
            .into_iter()
            .flat_map(|table| table.tenants.iter().map(|limits| (&*limits.id, limits)))
            .collect();
        let tenants = settings.tenants.iter().map(|tenant| {
            let before = before.get(&*tenant.id).copied();
            TenantLimits::new(tenant, contract, before, clock, &mut policies)
        });
        Self { tenants: tenants.collect() }
    }

    /// Charges one call against all limits that bind it, or against none.
    ///
    /// `Ok(None)`: no limit binds this call. Outer `None`: the tenant is not of this snapshot.
    pub fn charge(
        &self,
        tenant: &Tenant,
        endpoint: &Endpoint,
    ) -> Option<Result<Option<LimitState>, Exceeded>> {
        let limits = self.tenants.get(tenant.index)?;
        let (_, own) = limits.endpoints.get(endpoint.index)?;
        Some(match (own, &limits.total) {
            (Some(own), Some(total)) => charge_both(own, total).map(Some),
            (Some(one), None) | (None, Some(one)) => one.charge().map(Some),
            (None, None) => Ok(None),
        })
    }
}

/// An endpoint's path and its limiter, if a rate binds it.
type EndpointLimit<C> = (Arc<str>, Option<Arc<Limiter<C>>>);

/// Policies are shared by all tenants with the same numbers: header values are built once.
type Policies = HashMap<(Arc<str>, Rate), Arc<LimitPolicy>>;

impl<C: Clock + Clone> TenantLimits<C> {
    fn new(
        tenant: &TenantRates,
        contract: &Contract,
        before: Option<&Self>,
        clock: &C,
        policies: &mut Policies,
    ) -> Self {
        let mut limiter = |scope: Arc<str>, rate: Rate, before: Option<&Arc<Limiter<C>>>| {
            if let Some(kept) = before.filter(|limiter| limiter.rate() == rate) {
                return Arc::clone(kept);
            }
            let name = Arc::clone(&scope);
            let policy = policies
                .entry((scope, rate))
                .or_insert_with(|| Arc::new(LimitPolicy::new(name.trim_start_matches('/'), rate)));
            Arc::new(Limiter::new(Arc::clone(policy), clock.clone()))
        };
        let total = tenant.total.map(|rate| {
            limiter(TOTAL.into(), rate, before.and_then(|before| before.total.as_ref()))
        });
        let endpoints = contract.endpoints().iter().map(|endpoint| {
            let path = Arc::clone(&endpoint.path);
            let rate = tenant.endpoints.get(&*path).copied().or(endpoint.rate);
            let before = before.and_then(|before| before.limiter(&path));
            (Arc::clone(&path), rate.map(|rate| limiter(path, rate, before)))
        });
        Self { id: Arc::clone(&tenant.id), total, endpoints: endpoints.collect() }
    }

    fn limiter(&self, path: &str) -> Option<&Arc<Limiter<C>>> {
        self.endpoints.iter().find(|(known, _)| &**known == path)?.1.as_ref()
    }
}
