//! What is recorded of a request that has ended?

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::parent::{SpanId, TraceId};
use super::tracer::Spans;

/// What is recorded of a request that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span.
    pub parent: Option<SpanId>,
    /// The ids of its spans.
    pub spans: Spans,
    /// When its head was complete.
    pub began: SystemTime,
    /// Until the end of its answer.
    pub took: Duration,
    /// From its beginning until the call was sent, and until the upstream answered or was given up;
    /// `None`: it was not sent.
    pub call: Option<(Duration, Option<Duration>)>,
    /// The method, of those that are known.
    pub method: &'static str,
    /// The path of an endpoint in the contract.
    pub endpoint: Option<Arc<str>>,
    /// The tenant's id.
    pub tenant: Option<Arc<str>>,
    /// The status of the answer; `None`: the client went away before there was one.
    pub status: Option<u16>,
    /// The status of the upstream's answer.
    pub upstream_status: Option<u16>,
    /// The reason of a refusal.
    pub reason: Option<&'static str>,
}

impl Finished {
    /// How many spans it is.
    pub fn count(&self) -> u64 {
        1 + u64::from(self.call.is_some())
    }
}
