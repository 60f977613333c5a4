//! What is known about one request, also when it is dropped half way?

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::HeaderValue;

/// One record per request, shared by the layers as the request extension `Arc<Observation>`. Each
/// layer notes its own fact; the outermost reads them when the answer has ended or was dropped.
#[derive(Debug)]
pub struct Observation {
    /// `x-request-id`, taken over or made.
    pub request_id: HeaderValue,
    /// When the request's head was complete.
    pub started: Instant,
    endpoint: OnceLock<Arc<str>>,
    caller: OnceLock<Caller>,
    sent: AtomicU8,
}

/// Who called, in the operators' words.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant's id.
    pub tenant: Arc<str>,
    /// The key's id; never the key.
    pub key: Arc<str>,
}

const NOT_SENT: u8 = 0;
const SENT_REPEATABLE: u8 = 1;
const SENT_ONCE_ONLY: u8 = 2;

impl Observation {
    /// Opens the record.
    pub fn new(request_id: HeaderValue, started: Instant) -> Self {
        Self {
            request_id,
            started,
            endpoint: OnceLock::new(),
            caller: OnceLock::new(),
            sent: AtomicU8::new(NOT_SENT),
        }
    }

    /// Notes the endpoint's path.
    pub fn set_endpoint(&self, path: &Arc<str>) {
        let _ = self.endpoint.set(Arc::clone(path));
    }

    /// Notes who called.
    pub fn set_caller(&self, caller: Caller) {
        let _ = self.caller.set(caller);
    }

    /// Notes that the call is on its way to the upstream.
    pub fn set_sent(&self, repeatable: bool) {
        let sent = if repeatable { SENT_REPEATABLE } else { SENT_ONCE_ONLY };
        self.sent.store(sent, Ordering::Relaxed);
    }

    /// The endpoint's path, once it is known.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.get().map(|path| &**path)
    }

    /// Who called, once it is known.
    pub fn caller(&self) -> Option<&Caller> {
        self.caller.get()
    }

    /// Whether the call is on its way to the upstream.
    pub fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed) != NOT_SENT
    }

    /// Whether a call that must not be repeated is on its way to the upstream.
    pub fn may_have_taken_effect(&self) -> bool {
        self.sent.load(Ordering::Relaxed) == SENT_ONCE_ONLY
    }
}
