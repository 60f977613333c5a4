//! Where does the configuration name a tenant or a key?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::problem::Place;
use crate::records::Limit;

/// The places of tenants and keys, by their ids: for those who must say what to change, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    tenants: BTreeMap<Arc<str>, Place>,
    keys: BTreeMap<Arc<str>, Place>,
    limits: BTreeMap<Arc<str>, BTreeMap<Limit, Place>>,
}

impl Places {
    pub(crate) fn add_tenant(&mut self, id: &Arc<str>, place: Place) {
        self.tenants.entry(Arc::clone(id)).or_insert(place);
    }

    pub(crate) fn add_key(&mut self, id: &Arc<str>, place: Place) {
        self.keys.entry(Arc::clone(id)).or_insert(place);
    }

    pub(crate) fn add_limit(&mut self, tenant: &Arc<str>, limit: Limit, place: &Place) {
        let limits = self.limits.entry(Arc::clone(tenant)).or_default();
        limits.entry(limit).or_insert_with(|| place.clone());
    }

    /// Where a tenant begins.
    pub fn tenant(&self, id: &str) -> Option<&Place> {
        self.tenants.get(id)
    }

    /// Where a tenant's own block sets a limit; not what it inherits.
    pub fn limit(&self, tenant: &str, limit: &Limit) -> Option<&Place> {
        self.limits.get(tenant)?.get(limit)
    }

    /// Where a key begins.
    pub fn key(&self, id: &str) -> Option<&Place> {
        self.keys.get(id)
    }
}
