//! How do the threads of the records fare?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::histogram::{Buckets, Histogram};

/// What is counted of the writing thread, and of what is not written.
#[derive(Debug, Default)]
pub(super) struct Health {
    pub(super) failing: AtomicBool,
    pub(super) commits: AtomicU64,
    pub(super) jobs: AtomicU64,
    pub(super) failures: AtomicU64,
    /// From the begin of a transaction until it is durable.
    pub(super) commit: Histogram,
    pub(super) uncounted: AtomicU64,
    pub(super) unresolved: AtomicU64,
}

/// The records' own numbers at one moment; all but the queues since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fares {
    /// Transactions that are durable.
    pub commits: u64,
    /// The jobs that they carried.
    pub jobs: u64,
    /// Transactions that failed.
    pub failures: u64,
    /// How long a transaction took, from its begin until it was durable.
    pub commit: Buckets,
    /// Calls that passed while none could be counted.
    pub uncounted: u64,
    /// Calls that were closed by policy, because nobody told what became of them.
    pub unresolved: u64,
    /// Jobs that wait for the writing thread.
    pub writes: u64,
    /// Jobs that wait for the reading thread.
    pub reads: u64,
}

impl Health {
    pub(super) fn fares(&self, writes: u64, reads: u64) -> Fares {
        Fares {
            commits: self.commits.load(Relaxed),
            jobs: self.jobs.load(Relaxed),
            failures: self.failures.load(Relaxed),
            commit: self.commit.read(),
            uncounted: self.uncounted.load(Relaxed),
            unresolved: self.unresolved.load(Relaxed),
            writes,
            reads,
        }
    }
}

/// One job in a queue; with the last trace of it there is one less.
#[derive(Debug)]
pub(super) struct Waiting(Arc<AtomicU64>);

impl Waiting {
    pub(super) fn new(queue: &Arc<AtomicU64>) -> Self {
        queue.fetch_add(1, Relaxed);
        Self(Arc::clone(queue))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
