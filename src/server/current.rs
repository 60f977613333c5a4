//! Which service answers the next request?

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The service that new requests go to; a reload replaces it.
///
/// Each connection keeps a clone and looks at the generation, one atomic load, before each
/// request. So a request costs no reference count that other cores write too, and each request
/// is served by one service from its start to its end. An idle connection keeps the old service
/// alive until its next request or its end.
#[derive(Debug)]
pub(super) struct Current<S> {
    generation: AtomicU64,
    service: Mutex<S>,
}

/// A connection's clone of the service.
#[derive(Debug)]
pub(super) struct Held<S> {
    generation: u64,
    pub(super) service: S,
}

impl<S: Clone> Current<S> {
    pub(super) fn new(service: S) -> Self {
        Self { generation: AtomicU64::new(0), service: Mutex::new(service) }
    }

    pub(super) fn replace(&self, service: S) {
        let mut current = self.lock();
        let old = std::mem::replace(&mut *current, service);
        // Under the lock: a connection that sees the new number finds the new service.
        self.generation.fetch_add(1, Ordering::Release);
        drop(current);
        drop(old);
    }

    pub(super) fn hold(&self) -> Held<S> {
        let current = self.lock();
        Held { generation: self.generation.load(Ordering::Acquire), service: current.clone() }
    }

    /// Brings a connection's clone up to date.
    pub(super) fn refresh(&self, held: &mut Held<S>) {
        if held.generation != self.generation.load(Ordering::Acquire) {
            *held = self.hold();
        }
    }

    /// A panic in a clone leaves the service whole: it is only ever replaced.
    fn lock(&self) -> MutexGuard<'_, S> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_service_is_seen_by_those_who_hold_the_old_one() {
        let current = Current::new("old");
        let mut held = current.hold();
        current.refresh(&mut held);
        assert_eq!(held.service, "old");
        current.replace("new");
        assert_eq!(held.service, "old");
        current.refresh(&mut held);
        assert_eq!(held.service, "new");
    }
}
