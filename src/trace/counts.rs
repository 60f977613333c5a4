//! How many spans were there, and what became of them?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many spans there were, and what became of them. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<[AtomicU64; 4]>);

impl Counts {
    /// That were recorded.
    pub fn recorded(&self) -> u64 {
        self.0[0].load(Relaxed)
    }

    /// That the receiver has taken.
    pub fn exported(&self) -> u64 {
        self.0[1].load(Relaxed)
    }

    /// For which there was no room.
    pub fn dropped(&self) -> u64 {
        self.0[2].load(Relaxed)
    }

    /// That the receiver has not taken.
    pub fn failed(&self) -> u64 {
        self.0[3].load(Relaxed)
    }

    /// Notes that some were recorded.
    pub(super) fn add_recorded(&self, spans: u64) {
        self.0[0].fetch_add(spans, Relaxed);
    }

    /// Notes that there was no room for some.
    pub(super) fn add_dropped(&self, spans: u64) {
        self.0[2].fetch_add(spans, Relaxed);
    }

    /// Notes that the receiver has taken some.
    pub fn add_exported(&self, spans: u64) {
        self.0[1].fetch_add(spans, Relaxed);
    }

    /// Notes that the receiver has not taken some, and will not be asked again.
    pub fn add_failed(&self, spans: u64) {
        self.0[3].fetch_add(spans, Relaxed);
    }

    /// Of which nobody knows yet.
    pub fn open(&self) -> u64 {
        let known = self.exported() + self.dropped() + self.failed();
        self.recorded().saturating_sub(known)
    }
}
