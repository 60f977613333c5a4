//! Whose key is this, and does it open this endpoint?

use std::sync::Arc;
use std::time::SystemTime;

use super::{KeySettings, Settings, Switch, TenantSettings};
use crate::contract::{Contract, Endpoint};
use crate::key::{self, KeyDigest, KeyShape};
use crate::refusal::Refusal;
use crate::tenant::Tenant;

/// All keys of a snapshot.
#[derive(Debug, Default)]
pub struct Directory {
    /// In the order of the digests' first bytes: those are as good as random, and a search for them is
    /// cheaper than hashing them once more. Digests with the same are compared whole, in constant time.
    keys: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    digest: KeyDigest,
    id: Arc<str>,
    expires: Option<SystemTime>,
    state: Switch,
    owner: Arc<Owner>,
}

#[derive(Debug)]
struct Owner {
    tenant: Arc<Tenant>,
    state: Switch,
    /// By the endpoint's dense index; `None`: every endpoint.
    allowed: Option<Box<[bool]>>,
}

/// Who a valid key belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'a> {
    /// The tenant.
    pub tenant: &'a Arc<Tenant>,
    /// The key's id, for logs.
    pub key_id: &'a Arc<str>,
}

/// What is known of a key that was admitted.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// When it stops to work; `None`: never.
    pub expires: Option<SystemTime>,
    /// Whether its tenant may call the endpoint.
    pub allowed: bool,
}

impl Directory {
    /// Builds the table; a tenant's index is its place in the settings.
    pub fn new(settings: &Settings, contract: &Contract) -> Self {
        let mut keys = Vec::new();
        for (index, tenant) in settings.tenants.iter().enumerate() {
            let owner = Arc::new(Owner::new(index, tenant, contract));
            for key in &tenant.keys {
                keys.push(Entry::new(key, &owner));
            }
        }
        keys.sort_by_key(|entry| entry.digest.prefix());
        Self { keys }
    }

    /// Finds the owner of a key and checks that it may call the endpoint now. The clock is asked only
    /// about a key that expires.
    ///
    /// # Errors
    /// The refusal that tells the caller what is wrong with the key.
    pub fn admit(
        &self,
        key: &[u8],
        endpoint: &Endpoint,
        now: impl FnOnce() -> SystemTime,
    ) -> Result<Admitted<'_>, Refusal> {
        match key::shape(key) {
            KeyShape::Mistyped => return Err(Refusal::MistypedKey),
            KeyShape::Impossible => return Err(Refusal::UnknownKey),
            KeyShape::Gateway | KeyShape::Foreign => {}
        }
        let digest = KeyDigest::of(key);
        let prefix = digest.prefix();
        let first = self.keys.partition_point(|entry| entry.digest.prefix() < prefix);
        let mut alike =
            self.keys[first..].iter().take_while(|entry| entry.digest.prefix() == prefix);
        let entry = alike.find(|entry| entry.digest.matches(&digest)).ok_or(Refusal::UnknownKey)?;
        entry.admit(endpoint, now)
    }

    /// What is known of a tenant's key, by its id. A walk over all keys: for those who explain, and
    /// not for calls.
    pub fn about(&self, tenant: &Tenant, key_id: &str, endpoint: &Endpoint) -> Option<About> {
        let own = |entry: &&Entry| *entry.id == *key_id && *entry.owner.tenant == *tenant;
        let entry = self.keys.iter().find(own)?;
        Some(About { expires: entry.expires, allowed: entry.owner.may_call(endpoint) })
    }
}

impl Entry {
    fn new(key: &KeySettings, owner: &Arc<Owner>) -> Self {
        Self {
            digest: key.digest,
            id: Arc::clone(&key.id),
            expires: key.expires,
            state: key.state,
            owner: Arc::clone(owner),
        }
    }

    fn admit(
        &self,
        endpoint: &Endpoint,
        now: impl FnOnce() -> SystemTime,
    ) -> Result<Admitted<'_>, Refusal> {
        if self.owner.state == Switch::Disabled {
            return Err(Refusal::DisabledTenant);
        }
        if self.state == Switch::Disabled {
            return Err(Refusal::DisabledKey);
        }
        if self.expires.is_some_and(|expires| now() >= expires) {
            return Err(Refusal::ExpiredKey);
        }
        if !self.owner.may_call(endpoint) {
            return Err(Refusal::EndpointNotAllowed);
        }
        Ok(Admitted { tenant: &self.owner.tenant, key_id: &self.id })
    }
}

impl Owner {
    fn new(index: usize, settings: &TenantSettings, contract: &Contract) -> Self {
        let allowed = settings.endpoints.as_ref().map(|paths| {
            let endpoints = contract.endpoints().iter();
            endpoints.map(|endpoint| paths.iter().any(|path| **path == *endpoint.path)).collect()
        });
        Self {
            tenant: Arc::new(Tenant { index, id: Arc::clone(&settings.id) }),
            state: settings.state,
            allowed,
        }
    }

    fn may_call(&self, endpoint: &Endpoint) -> bool {
        let is_allowed = |allowed: &[bool]| allowed.get(endpoint.index) == Some(&true);
        endpoint.is_own() || self.allowed.as_deref().is_none_or(is_allowed)
    }
}
