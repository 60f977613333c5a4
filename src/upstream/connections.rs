//! How many connections to the upstream are there?

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::pool::Pool;

/// The connections of all clients that share it. One addition when a connection is made and one when it
/// ends; a call counts nothing.
#[derive(Debug, Default)]
pub struct Connections {
    opened: AtomicU64,
    closed: AtomicU64,
    failed: AtomicU64,
    pools: Mutex<Vec<Weak<Pool>>>,
}

/// The connections at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connected {
    /// All that were made so far.
    pub opened: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Those that there are now.
    pub open: u64,
    /// HTTP/1 connections without a call. An HTTP/2 connection is never among them.
    pub idle: u64,
}

impl Connections {
    /// Reads them. The pools are asked one by one how many are idle: each for less than a call holds it.
    pub fn read(&self) -> Connected {
        let mut pools = self.pools();
        pools.retain(|pool| pool.strong_count() > 0);
        let idle = pools.iter().filter_map(Weak::upgrade).map(|pool| pool.idle() as u64).sum();
        // In this order none has ended that was not made.
        let closed = self.closed.load(Relaxed);
        let opened = self.opened.load(Relaxed);
        let failed = self.failed.load(Relaxed);
        Connected { opened, failed, open: opened.saturating_sub(closed), idle }
    }

    pub(super) fn watch(&self, pool: &Arc<Pool>) {
        let mut pools = self.pools();
        // Those of configurations that are gone.
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// A connection stands; it ends with what is returned.
    pub(super) fn opened(self: &Arc<Self>) -> Open {
        self.opened.fetch_add(1, Relaxed);
        Open(Arc::clone(self))
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    /// What is inside is whole between any two statements.
    fn pools(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that stands.
#[derive(Debug)]
pub(super) struct Open(Arc<Connections>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed.fetch_add(1, Relaxed);
    }
}
