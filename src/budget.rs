//! How many bytes of bodies, or of lists, may be in memory at once?

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::refusal::Refusal;

/// The bytes of all that is being read whole, of everyone and of each tenant. The number of connections
/// times the limit of one would be no bound at all.
#[derive(Debug)]
pub struct Budget {
    all: Account,
    tenants: Box<[Account]>,
}

#[derive(Debug)]
struct Account {
    used: Arc<AtomicUsize>,
    limit: usize,
}

impl Account {
    fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
    }

    fn take(&self, bytes: usize) -> bool {
        // Added first and taken back when it was too much: never more than the limit is held.
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit;
        if !fits {
            self.give(bytes);
        }
        fits
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Budget {
    /// An empty budget for so many tenants.
    pub fn new(all: usize, each: usize, tenants: usize) -> Self {
        let tenants = (0..tenants).map(|_| Account::new(each)).collect();
        Self { all: Account::new(all), tenants }
    }

    /// A budget with other numbers in which the bytes of everyone stay counted; those of each tenant
    /// are counted anew.
    pub fn renewed(&self, all: usize, each: usize, tenants: usize) -> Self {
        let used = Arc::clone(&self.all.used);
        Self { all: Account { used, limit: all }, ..Self::new(all, each, tenants) }
    }

    /// As many bytes as there may be, of everyone.
    pub fn limit(&self) -> usize {
        self.all.limit
    }

    /// The bytes in memory now, of everyone.
    pub fn used(&self) -> usize {
        self.all.used.load(Ordering::Relaxed)
    }
}

/// What one request holds of the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    budget: Arc<Budget>,
    tenant: usize,
    bytes: usize,
}

impl Hold {
    pub(crate) fn new(budget: &Arc<Budget>, tenant: usize) -> Self {
        Self { budget: Arc::clone(budget), tenant, bytes: 0 }
    }

    /// Adds the bytes of one more piece of the body.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), Refusal> {
        let tenant = self.budget.tenants.get(self.tenant).ok_or(Refusal::Misassembled)?;
        if !tenant.take(bytes) {
            return Err(Refusal::TenantBytesExhausted);
        }
        if !self.budget.all.take(bytes) {
            tenant.give(bytes);
            return Err(Refusal::Overloaded);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Whether so many bytes more would fit if nobody else held any.
    pub(crate) fn could_add(&self, bytes: usize) -> bool {
        let tenant = self.budget.tenants.get(self.tenant).map_or(0, |tenant| tenant.limit);
        self.bytes.saturating_add(bytes) <= tenant.min(self.budget.all.limit)
    }

    /// Gives back what is above so many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let Some(above) = self.bytes.checked_sub(bytes) else { return };
        self.budget.all.give(above);
        if let Some(tenant) = self.budget.tenants.get(self.tenant) {
            tenant.give(above);
        }
        self.bytes = bytes;
    }

    /// The same bytes, in the budget until the last copy of them is gone.
    pub(crate) fn keep(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _hold: self })
    }
}

/// Bytes with their place in the budget.
struct Held {
    bytes: Bytes,
    _hold: Hold,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.budget.all.give(self.bytes);
        if let Some(tenant) = self.budget.tenants.get(self.tenant) {
            tenant.give(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_cannot_take_the_others_bytes() {
        let budget = Arc::new(Budget::new(100, 60, 2));
        let (mut greedy, mut modest) = (Hold::new(&budget, 0), Hold::new(&budget, 1));
        assert_eq!(greedy.add(60), Ok(()));
        assert_eq!(greedy.add(1), Err(Refusal::TenantBytesExhausted));
        assert_eq!(modest.add(40), Ok(()));
        assert_eq!(modest.add(1), Err(Refusal::Overloaded));
        drop(greedy);
        assert_eq!(modest.add(20), Ok(()));
        drop(modest);
        assert_eq!(budget.used(), 0);
        let mut before = Hold::new(&budget, 0);
        assert_eq!(before.add(60), Ok(()));
        let budget_after = Arc::new(budget.renewed(100, 60, 1));
        let mut after = Hold::new(&budget_after, 0);
        assert_eq!(after.add(41), Err(Refusal::Overloaded));
        drop(before);
        assert_eq!(after.add(41), Ok(()));
        drop(after);
        assert_eq!(budget.tenants[1].used.load(Ordering::Relaxed), 0);
    }
}
