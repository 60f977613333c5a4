//! What does one export consist of?
//!
//! Numbers of fields are those of `opentelemetry/proto/trace/v1/trace.proto`. Fields may stand in any order
//! in protobuf: what is a request's own stands first in its spans, and what it has in common with others
//! is copied in whole.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::Uri;

use super::form::{Forms, tenant};
use super::wire::{bytes, fixed64, head, key, message, sized, text};
use crate::trace::{Finished, SpanId, TraceId};

/// `W3C trace flags`: sampled; and whether it is known that the parent is elsewhere, and whether it is.
const SAMPLED: u32 = 1;
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// More than the spans of a request have as a rule.
const USUAL: usize = 800;
/// Room for what stands before the spans: two tags and two lengths.
const AHEAD: usize = 2 * (1 + 10);

/// Writes exports; what is the same in many of them is written once.
#[derive(Debug)]
pub(super) struct Encoder {
    /// `ResourceSpans.resource`: the process.
    resource: Vec<u8>,
    /// `ScopeSpans.scope`: this crate.
    scope: Vec<u8>,
    forms: Forms,
}

impl Encoder {
    /// For a process of this name, and calls to this upstream.
    pub(super) fn new(service: &str, upstream: &Uri) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let (mut resource, mut scope) = (Vec::new(), Vec::new());
        message(&mut resource, 1, |out| {
            text(out, 1, &key::<14>("service.name"), service);
            text(out, 1, &key::<17>("service.version"), version);
        });
        message(&mut scope, 1, |out| {
            bytes(out, 1, env!("CARGO_PKG_NAME").as_bytes());
            bytes(out, 2, version.as_bytes());
        });
        Self { resource, scope, forms: Forms::new(upstream) }
    }

    /// An `ExportTraceServiceRequest`.
    pub(super) fn encode(&mut self, finished: &[Finished]) -> Bytes {
        let ahead = AHEAD + self.resource.len() + self.scope.len();
        let mut out = Vec::with_capacity(ahead + USUAL * finished.len());
        out.resize(ahead, 0);
        for one in finished {
            self.spans(&mut out, one);
        }
        // The lengths are known now, and stand in front of it all; what they do not need of the room is
        // left out.
        let spans = out.len() - ahead;
        let (mut front, mut scope_spans) = (Vec::new(), Vec::new());
        head(&mut scope_spans, 2, self.scope.len() + spans);
        scope_spans.extend_from_slice(&self.scope);
        head(&mut front, 1, self.resource.len() + scope_spans.len() + spans);
        front.extend_from_slice(&self.resource);
        front.extend_from_slice(&scope_spans);
        let begin = ahead - front.len();
        out[begin..ahead].copy_from_slice(&front);
        Bytes::from(out).slice(begin..)
    }

    /// `ScopeSpans.spans` of one request.
    fn spans(&mut self, out: &mut Vec<u8>, of: &Finished) {
        let form = self.forms.of(of);
        let began = nanos(of.began.duration_since(UNIX_EPOCH).unwrap_or_default());
        let at = |since: Duration| began.saturating_add(nanos(since));
        message(out, 2, |out| {
            let remote = if of.parent.is_some() { IS_REMOTE } else { 0 };
            own(out, of.trace_id, of.spans.server, of.parent, [began, at(of.took)], remote);
            out.extend_from_slice(&form.server);
            if let Some(id) = &of.tenant {
                tenant(out, id);
            }
            out.extend_from_slice(&form.rest);
        });
        let Some((sent, answered)) = of.call else { return };
        message(out, 2, |out| {
            let times = [at(sent), at(answered.unwrap_or(of.took).max(sent))];
            own(out, of.trace_id, of.spans.client, Some(of.spans.server), times, 0);
            out.extend_from_slice(&form.client);
        });
    }
}

/// What no two spans have in common: the ids, from when to when, the flags (field 16, four bytes), and the
/// parent where there is one. All of it has a fixed length.
#[inline]
fn own(
    out: &mut Vec<u8>,
    trace: TraceId,
    id: SpanId,
    parent: Option<SpanId>,
    [began, ended]: [u64; 2],
    remote: u32,
) {
    let mut fields = [0; 62];
    fields[..2].copy_from_slice(&[sized(1), 16]);
    fields[2..18].copy_from_slice(&trace.bytes());
    fields[18..20].copy_from_slice(&[sized(2), 8]);
    fields[20..28].copy_from_slice(&id.bytes());
    fields[28] = fixed64(7);
    fields[29..37].copy_from_slice(&began.to_le_bytes());
    fields[37] = fixed64(8);
    fields[38..46].copy_from_slice(&ended.to_le_bytes());
    fields[46..48].copy_from_slice(&[0x85, 1]);
    fields[48..52].copy_from_slice(&(SAMPLED | HAS_IS_REMOTE | remote).to_le_bytes());
    let Some(parent) = parent else {
        out.extend_from_slice(&fields[..52]);
        return;
    };
    fields[52..54].copy_from_slice(&[sized(4), 8]);
    fields[54..].copy_from_slice(&parent.bytes());
    out.extend_from_slice(&fields);
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
