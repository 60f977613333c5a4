//! What passes through, in numbers, and what was refused, in words?
//!
//! One [`Traffic`] lives as long as the process. Each configuration has a [`Watch`] on it, in which
//! endpoints and tenants are found by their dense index, so that counting a request is a few additions
//! to atomics: no lock, no name, no allocation. Only a refusal takes a lock, that of its own tenant,
//! because it is kept for whoever asks why.

mod connections;
mod incident;
mod meter;
mod recent;
mod shadow;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

pub use connections::{Connected, Connection, Connections};
pub use incident::{Incident, Incidents};
pub use meter::{Answers, EndpointMeter, REASONS, Source, TenantMeter};
pub use recent::{Recent, SLOT, Slot};
pub use shadow::Shadowed;

use crate::observation::Observation;
use crate::rate::LimitState;
use crate::refusal::Refusal;

/// The refusals that are kept of all tenants together, and of those whom nobody knows.
const KEPT: usize = 10_000;
const KEPT_UNKNOWN: usize = 250;
/// As many as each tenant has at least, however many tenants there are.
const KEPT_EACH: usize = 20;

/// All that was counted since the start.
#[derive(Debug)]
pub struct Traffic {
    began: Instant,
    endpoints: Mutex<BTreeMap<Arc<str>, Arc<EndpointMeter>>>,
    /// What no endpoint was found for.
    nowhere: Arc<EndpointMeter>,
    tenants: Mutex<BTreeMap<Arc<str>, Arc<TenantMeter>>>,
    /// Refusals of those whom nobody knows.
    unknown: Incidents,
    recent: Recent,
    /// Requests whose clients went away before there was an answer.
    abandoned: AtomicU64,
}

impl Traffic {
    /// Nothing was counted yet.
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            endpoints: Mutex::default(),
            nowhere: Arc::new(EndpointMeter::new("")),
            tenants: Mutex::default(),
            unknown: Incidents::default(),
            recent: Recent::new(),
            abandoned: AtomicU64::new(0),
        }
    }

    /// A watch for a configuration with these endpoints and tenants, in the order of their dense
    /// indexes. What was counted of a name goes on.
    pub fn watch<'e, 't>(
        self: &Arc<Self>,
        endpoints: impl IntoIterator<Item = &'e Arc<str>>,
        tenants: impl IntoIterator<Item = &'t Arc<str>>,
        version: u64,
    ) -> Watch {
        let mut known = locked(&self.endpoints);
        let endpoint = |path: &Arc<str>| {
            let meter = known.entry(Arc::clone(path));
            Arc::clone(meter.or_insert_with(|| Arc::new(EndpointMeter::new(path))))
        };
        let endpoints = endpoints.into_iter().map(endpoint).collect();
        let mut known = locked(&self.tenants);
        let tenant = |id: &Arc<str>| {
            let meter = known.entry(Arc::clone(id));
            Arc::clone(meter.or_insert_with(|| Arc::new(TenantMeter::new(id))))
        };
        let tenants: Vec<_> = tenants.into_iter().map(tenant).collect();
        let kept_each = (KEPT / tenants.len().max(1)).max(KEPT_EACH);
        Watch { traffic: Arc::clone(self), endpoints, tenants, version, kept_each }
    }

    /// All endpoints that were ever watched, and what came for none of them.
    pub fn endpoints(&self) -> Vec<Arc<EndpointMeter>> {
        let known = locked(&self.endpoints);
        known.values().chain([&self.nowhere]).cloned().collect()
    }

    /// All tenants that were ever watched.
    pub fn tenants(&self) -> Vec<Arc<TenantMeter>> {
        locked(&self.tenants).values().cloned().collect()
    }

    /// What passed in the last hour, the oldest first.
    pub fn recent(&self, now: Instant) -> Vec<Slot> {
        self.recent.slots(self.age(now))
    }

    /// How long it is counted already: the slots are dated by it.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    /// Requests whose clients went away before there was an answer.
    pub fn abandoned(&self) -> u64 {
        self.abandoned.load(Relaxed)
    }

    /// What was refused of late, the latest first, as far as it is wanted, so many at most.
    pub fn incidents(
        &self,
        tenant: Option<&str>,
        most: usize,
        now: SystemTime,
        wanted: impl Fn(&Incident) -> bool,
    ) -> Vec<Incident> {
        let mut found = Vec::new();
        for meter in self.tenants() {
            if tenant.is_none_or(|tenant| tenant == &*meter.id) {
                meter.incidents.collect(now, &wanted, &mut found);
            }
        }
        if tenant.is_none() {
            self.unknown.collect(now, &wanted, &mut found);
        }
        found.sort_by_key(|incident| std::cmp::Reverse(incident.at));
        found.truncate(most);
        found
    }
}

/// What is inside is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The traffic, as one configuration finds its names.
#[derive(Debug)]
pub struct Watch {
    traffic: Arc<Traffic>,
    endpoints: Vec<Arc<EndpointMeter>>,
    tenants: Vec<Arc<TenantMeter>>,
    version: u64,
    kept_each: usize,
}

impl Watch {
    /// Counts an answer whose head is ready, and keeps a refusal.
    pub fn answered(
        &self,
        request: &Observation,
        status: u16,
        refused: Option<(&Refusal, Option<&LimitState>)>,
        now: Instant,
    ) {
        let endpoint = self.endpoint(request);
        let caller = request.caller().map(|caller| caller.index);
        let tenant = caller.and_then(|index| self.tenants.get(index));
        let took = now.saturating_duration_since(request.started);
        let upstream = request.upstream_time();
        let own = took.saturating_sub(upstream.unwrap_or_default());
        endpoint.count(status, refused.map(|(refusal, _)| refusal.reason()));
        endpoint.own.add(own);
        if let Some(upstream) = upstream {
            endpoint.upstream.add(upstream);
        }
        let sent = request.is_sent();
        if let Some(tenant) = tenant {
            tenant.count(sent, refused.is_some());
        }
        let since = now.saturating_duration_since(self.traffic.began);
        self.traffic.recent.add(since, sent, refused.is_some(), own, upstream);
        if let Some((refusal, limit)) = refused {
            let (incidents, most) = match tenant {
                Some(tenant) => (&tenant.incidents, self.kept_each),
                None => (&self.traffic.unknown, KEPT_UNKNOWN),
            };
            if incidents.admits(since.as_secs(), most) {
                let incident = Incident::new(request, status, refusal, limit, self.version);
                incidents.keep(incident, most);
            }
        }
    }

    /// Counts and keeps what would have been refused.
    pub fn shadowed(&self, request: &Observation, Shadowed(refusals): &Shadowed, now: Instant) {
        let second = now.saturating_duration_since(self.traffic.began).as_secs();
        let caller = request.caller().map(|caller| caller.index);
        let Some(tenant) = caller.and_then(|index| self.tenants.get(index)) else { return };
        for (refusal, limit) in refusals {
            if let Some(endpoint) = request.endpoint_path() {
                tenant.shadows.count(endpoint, refusal.reason());
            }
            if tenant.incidents.admits(second, self.kept_each) {
                let (status, limit) = (refusal.status().as_u16(), limit.as_ref());
                let incident = Incident::new(request, status, refusal, limit, self.version);
                tenant.incidents.keep(incident.in_shadow(), self.kept_each);
            }
        }
    }

    /// Counts that an answer has ended, or that its client went away.
    pub fn ended(&self, request: &Observation, answered: bool, now: Instant) {
        if answered {
            let took = now.saturating_duration_since(request.started);
            self.endpoint(request).total.add(took);
        } else {
            self.traffic.abandoned.fetch_add(1, Relaxed);
        }
    }

    fn endpoint(&self, request: &Observation) -> &EndpointMeter {
        let index = request.endpoint_index();
        index.and_then(|index| self.endpoints.get(index)).unwrap_or(&self.traffic.nowhere)
    }
}

#[cfg(test)]
mod tests;
