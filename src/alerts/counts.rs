//! How many alerts were sent, and how many wait?

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The alerts of one webhook since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Its receiver has them.
    pub sent: u64,
    /// Attempts that failed.
    pub attempts_failed: u64,
    /// Given up.
    pub failed: u64,
    /// Not sent yet.
    pub pending: u64,
}

/// The counts of all webhooks, by their names. Clones are the same counts.
#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<Mutex<BTreeMap<Arc<str>, Count>>>);

impl Counts {
    /// All of them.
    pub fn read(&self) -> Vec<(Arc<str>, Count)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(name, count)| (Arc::clone(name), *count)).collect()
    }

    pub(super) fn change(&self, webhook: &Arc<str>, change: impl FnOnce(&mut Count)) {
        // What is inside is whole between any two statements.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(counts.entry(Arc::clone(webhook)).or_default());
    }
}
