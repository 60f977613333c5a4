//! What is known about one request, also when it is dropped half way?

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};

/// The header field that carries the id of a request.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One record per request, shared by the layers as the request extension `Arc<Observation>`. Each
/// layer notes its own fact; the outermost reads them when the answer has ended or was dropped.
#[derive(Debug)]
pub struct Observation {
    /// `x-request-id`, taken over or made.
    pub request_id: HeaderValue,
    /// When the request's head was complete.
    pub started: Instant,
    endpoint: OnceLock<(usize, Arc<str>)>,
    caller: OnceLock<Caller>,
    sent: AtomicU8,
    /// Whether it exceeded a limit that is not enforced: the answer tells which.
    shadowed: AtomicBool,
    /// Microseconds from the start until the call was sent, and until the upstream answered: 0 for
    /// not at all.
    sent_after: AtomicU32,
    answered_after: AtomicU32,
    /// The status of the upstream's answer; 0: there was none.
    upstream_status: AtomicU16,
    /// Bytes of the body that were read.
    body_bytes: AtomicU32,
}

/// Who called, in the operators' words.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant's dense index in its configuration.
    pub index: usize,
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
            shadowed: AtomicBool::new(false),
            sent_after: AtomicU32::new(0),
            answered_after: AtomicU32::new(0),
            upstream_status: AtomicU16::new(0),
            body_bytes: AtomicU32::new(0),
        }
    }

    /// Notes how many bytes of the body were read.
    pub fn set_body_bytes(&self, bytes: usize) {
        self.body_bytes.store(u32::try_from(bytes).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// How many bytes of the body were read; 4 GiB and more are that.
    pub fn body_bytes(&self) -> u32 {
        self.body_bytes.load(Ordering::Relaxed)
    }

    /// Notes the status of the upstream's answer.
    pub fn set_upstream_status(&self, status: u16) {
        self.upstream_status.store(status, Ordering::Relaxed);
    }

    /// The status of the upstream's answer, before it was judged.
    pub fn upstream_status(&self) -> Option<u16> {
        let status = self.upstream_status.load(Ordering::Relaxed);
        (status != 0).then_some(status)
    }

    /// Notes the endpoint, by its place in the contract and its path.
    pub fn set_endpoint(&self, index: usize, path: &Arc<str>) {
        let _ = self.endpoint.set((index, Arc::clone(path)));
    }

    /// Notes who called.
    pub fn set_caller(&self, caller: Caller) {
        let _ = self.caller.set(caller);
    }

    /// Notes that the call is on its way to the upstream.
    pub fn set_sent(&self, repeatable: bool, now: Instant) {
        let sent = if repeatable { SENT_REPEATABLE } else { SENT_ONCE_ONLY };
        self.sent.store(sent, Ordering::Relaxed);
        self.sent_after.store(self.micros(now), Ordering::Relaxed);
    }

    /// Notes that the request exceeds a limit that is not enforced.
    pub fn set_shadowed(&self) {
        self.shadowed.store(true, Ordering::Relaxed);
    }

    /// Whether the request exceeds a limit that is not enforced.
    pub fn is_shadowed(&self) -> bool {
        self.shadowed.load(Ordering::Relaxed)
    }

    /// Notes that the head of the upstream's answer is there.
    pub fn set_answered(&self, now: Instant) {
        self.answered_after.store(self.micros(now), Ordering::Relaxed);
    }

    /// The endpoint's path, once it is known.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint_path().map(|path| &**path)
    }

    /// The endpoint's path, to be kept.
    pub fn endpoint_path(&self) -> Option<&Arc<str>> {
        self.endpoint.get().map(|(_, path)| path)
    }

    /// The endpoint's place in the contract.
    pub fn endpoint_index(&self) -> Option<usize> {
        self.endpoint.get().map(|(index, _)| *index)
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

    /// How long the upstream took until the head of its answer; `None`: it was not asked, or has not
    /// answered.
    pub fn upstream_time(&self) -> Option<Duration> {
        let answered = self.answered_after.load(Ordering::Relaxed);
        let sent = self.sent_after.load(Ordering::Relaxed);
        (answered > 0).then(|| Duration::from_micros(answered.saturating_sub(sent).into()))
    }

    /// From the start until the call was sent, and until the upstream answered or was given up; `None`:
    /// it was not sent.
    pub fn call(&self) -> Option<(Duration, Option<Duration>)> {
        let micros = |micros: u32| Duration::from_micros(micros.into());
        let (sent, answered) = (&self.sent_after, &self.answered_after);
        let (sent, answered) = (sent.load(Ordering::Relaxed), answered.load(Ordering::Relaxed));
        (sent > 0).then(|| (micros(sent), (answered > 0).then(|| micros(answered.max(sent)))))
    }

    /// Since the start, and never 0; more than an hour is an hour.
    fn micros(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.started);
        u32::try_from(since.as_micros()).unwrap_or(u32::MAX).max(1)
    }
}
