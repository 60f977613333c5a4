//! How full are the rooms, for those who watch?

use std::sync::Arc;

use crate::budget::Budget;
use crate::overload::Capacity;
use crate::pace::Paces;
use crate::preflight;
use crate::quota::Quotas;
use crate::rate_limit::Table;
use crate::relay::Uploads;
use crate::upstream::{Breaker, Connected, Connections};

/// How full the rooms of one configuration are; the default has none.
#[derive(Debug, Clone, Default)]
pub struct Levels(pub(super) Option<Filled>);

#[derive(Debug, Clone)]
pub(super) struct Filled {
    pub(super) capacity: Capacity,
    pub(super) budget: Arc<Budget>,
    pub(super) lists: Option<Arc<Budget>>,
    pub(super) breaker: Arc<Breaker>,
    pub(super) connections: Arc<Connections>,
    pub(super) limits: Arc<Table>,
    pub(super) paces: Arc<Paces>,
    pub(super) quotas: Option<Arc<Quotas>>,
    pub(super) looked: Arc<preflight::Counts>,
    pub(super) uploads: Option<Arc<Uploads>>,
}

impl Levels {
    /// How preflights ended, since the start.
    pub fn preflights(&self) -> Option<&preflight::Counts> {
        self.0.as_ref().map(|filled| &*filled.looked)
    }

    /// Requests between head and answer.
    pub fn in_flight(&self) -> usize {
        self.0.as_ref().map_or(0, |filled| filled.capacity.in_progress())
    }

    /// As many as there may be.
    pub fn in_flight_limit(&self) -> usize {
        self.0.as_ref().map_or(0, |filled| filled.capacity.limit())
    }

    /// Bytes of request bodies in memory.
    pub fn body_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |filled| filled.budget.used())
    }

    /// As many as there may be.
    pub fn body_bytes_limit(&self) -> usize {
        self.0.as_ref().map_or(0, |filled| filled.budget.limit())
    }

    /// Bytes of lists in memory.
    pub fn list_bytes(&self) -> usize {
        self.lists().map_or(0, |lists| lists.used())
    }

    /// As many as there may be.
    pub fn list_bytes_limit(&self) -> usize {
        self.lists().map_or(0, |lists| lists.limit())
    }

    fn lists(&self) -> Option<&Budget> {
        self.0.as_ref()?.lists.as_deref()
    }

    /// Files on their way to storage.
    pub fn uploads(&self) -> usize {
        self.relay().map_or(0, Uploads::in_progress)
    }

    /// As many as there may be.
    pub fn uploads_limit(&self) -> usize {
        self.relay().map_or(0, Uploads::limit)
    }

    /// Upload addresses that were left as they were, since the start.
    pub fn uploads_unchanged(&self) -> u64 {
        self.relay().map_or(0, Uploads::unchanged)
    }

    fn relay(&self) -> Option<&Uploads> {
        self.0.as_ref()?.uploads.as_deref()
    }

    /// Whether no call is sent, because none could connect.
    pub fn upstream_is_paused(&self) -> bool {
        self.0.as_ref().is_some_and(|filled| filled.breaker.is_pausing())
    }

    /// The connections to the upstream.
    pub fn upstream_connections(&self) -> Connected {
        self.0.as_ref().map_or_else(Connected::default, |filled| filled.connections.read())
    }

    /// The tenants' rates.
    pub fn rates(&self) -> Option<&Table> {
        self.0.as_ref().map(|filled| &*filled.limits)
    }

    /// The account's rates.
    pub fn paces(&self) -> Option<&Paces> {
        self.0.as_ref().map(|filled| &*filled.paces)
    }

    /// The budgets that are counted in records; `None`: there are no records.
    pub fn quotas(&self) -> Option<&Arc<Quotas>> {
        self.0.as_ref()?.quotas.as_ref()
    }
}
