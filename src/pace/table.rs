//! Which gate does a call to an endpoint have to pass?

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;

use super::gate::{Entry, Gate};
use super::wait::now;
use super::{Pacing, Settings};
use crate::contract::{Contract, Endpoint};
use crate::rate::Rate;
use crate::tenant::Tenant;

/// The gates of all endpoints, shared by all threads.
#[derive(Debug)]
pub struct Paces {
    /// By the endpoint's index; `None`: nothing is paced.
    lanes: Option<Vec<Lane>>,
    max_wait: Duration,
}

/// An endpoint, and its gate where a rate is known.
#[derive(Debug)]
struct Lane {
    path: Arc<str>,
    method: Method,
    gate: Option<Arc<Gate>>,
}

impl Paces {
    /// Builds the table. Gates of `previous` whose endpoint and numbers are unchanged are carried
    /// over with what is spent and who waits: a reload gives the account no second burst.
    pub fn new(settings: &Settings, contract: &Contract, previous: Option<&Self>) -> Self {
        let before = previous.and_then(|paces| paces.lanes.as_deref()).unwrap_or_default();
        let now = now();
        let lanes = contract.endpoints().iter().map(|endpoint| {
            let rate = settings.rates.get(&*endpoint.path).copied().or(endpoint.rate);
            let (path, method) = (Arc::clone(&endpoint.path), endpoint.method.clone());
            Lane { gate: rate.map(|rate| gate(endpoint, rate, before, now)), path, method }
        });
        let lanes = match settings.state {
            Pacing::Off => None,
            Pacing::On => Some(lanes.collect()),
        };
        Self { lanes, max_wait: settings.max_wait }
    }

    /// The share that is left of the tightest of the account's rates, from 0 to 1; `None`: nothing is
    /// paced.
    pub fn left(&self) -> Option<f64> {
        let now = now();
        let gates = self.lanes.as_ref()?.iter().filter_map(|lane| lane.gate.as_ref());
        Some(gates.map(|gate| gate.left(now)).fold(1.0, f64::min))
    }

    /// How many calls wait for one of the account's rates.
    pub fn waiting(&self) -> usize {
        let gates = self.lanes.iter().flatten().filter_map(|lane| lane.gate.as_ref());
        gates.map(|gate| gate.waiting()).sum()
    }

    /// Whether a call has to ask at all.
    pub(super) fn state(&self) -> Pacing {
        if self.lanes.is_some() { Pacing::On } else { Pacing::Off }
    }

    /// Asks for one call; `None`: the endpoint is not of this contract.
    pub(super) fn enter(&self, tenant: &Tenant, endpoint: &Endpoint) -> Option<Entry> {
        let lane = self.lanes.as_ref()?.get(endpoint.index)?;
        let entry = lane.gate.as_ref().map(|gate| gate.enter(&tenant.id, now(), self.max_wait));
        Some(entry.unwrap_or(Entry::Pass))
    }
}

/// The gate from before a reload, or a new one.
fn gate(endpoint: &Endpoint, rate: Rate, before: &[Lane], now: Instant) -> Arc<Gate> {
    let same = before
        .iter()
        .find(|lane| lane.path == endpoint.path && lane.method == endpoint.method)
        .and_then(|lane| lane.gate.as_ref())
        .filter(|gate| gate.rate() == rate);
    same.map_or_else(|| Arc::new(Gate::new(rate, now)), Arc::clone)
}
