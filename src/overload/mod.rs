//! Is there room for one more request?
//!
//! One atomic counter over all threads bounds the requests between head and answer. Past it the room
//! refuses at once with 500 `overloaded` and a `Retry-After`, before anything is looked up or read:
//! work that cannot be done in time is not begun.
//!
//! ```
//! use heify_gateway::overload::Capacity;
//!
//! let capacity = Capacity::new(1);
//! let first = capacity.enter();
//! assert!(first.is_some() && capacity.enter().is_none());
//! drop(first);
//! assert!(capacity.enter().is_some());
//! ```

mod layer;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use layer::{Overload, OverloadFuture, OverloadLayer};

/// How many requests may be in progress, and how many are.
#[derive(Debug, Clone)]
pub struct Capacity {
    in_progress: Arc<AtomicUsize>,
    limit: usize,
}

/// One request in progress; leaves when dropped.
#[derive(Debug)]
pub struct Place {
    in_progress: Arc<AtomicUsize>,
}

impl Capacity {
    /// Room for so many requests.
    pub fn new(limit: usize) -> Self {
        Self { in_progress: Arc::default(), limit }
    }

    /// The same room with another limit: who is inside stays counted.
    pub fn with_limit(&self, limit: usize) -> Self {
        Self { in_progress: Arc::clone(&self.in_progress), limit }
    }

    /// The requests that are in progress.
    pub fn in_progress(&self) -> usize {
        self.in_progress.load(Ordering::Relaxed)
    }

    /// As many as there may be.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Takes a place, if one is free.
    pub fn enter(&self) -> Option<Place> {
        let place = Place { in_progress: Arc::clone(&self.in_progress) };
        let before = self.in_progress.fetch_add(1, Ordering::Relaxed);
        // Dropping the place takes the addition back.
        (before < self.limit).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}
