//! Where does the configuration name a tenant or a key?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::problem::Place;

/// The places of tenants and keys, by their ids: for those who must say what to change, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    tenants: BTreeMap<Arc<str>, Place>,
    keys: BTreeMap<Arc<str>, Place>,
}

impl Places {
    pub(crate) fn add_tenant(&mut self, id: &Arc<str>, place: Place) {
        self.tenants.entry(Arc::clone(id)).or_insert(place);
    }

    pub(crate) fn add_key(&mut self, id: &Arc<str>, place: Place) {
        self.keys.entry(Arc::clone(id)).or_insert(place);
    }

    /// Where a tenant begins.
    pub fn tenant(&self, id: &str) -> Option<&Place> {
        self.tenants.get(id)
    }

    /// Where a tenant's limit is set.
    pub fn limit(&self, _tenant: &str, _limit: &crate::records::Limit) -> Option<&Place> {
        None
    }

    /// Where a key begins.
    pub fn key(&self, id: &str) -> Option<&Place> {
        self.keys.get(id)
    }
}
