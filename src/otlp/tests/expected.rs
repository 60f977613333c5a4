//! What does an export say, as a tree of messages?
//!
//! The slow and plain way, by which the one that goes out is judged.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Uri;

use super::message::{
    AnyValue, ExportTraceServiceRequest, InstrumentationScope, KeyValue, Resource, ResourceSpans,
    ScopeSpans, Span, SpanKind, Status, StatusCode, Value,
};
use crate::trace::{Finished, SpanId};

/// `W3C trace flags`: sampled; and whether it is known that the parent is elsewhere, and whether it is.
const SAMPLED: u32 = 1;
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// One export of a process of this name that calls this upstream.
pub(super) fn expected(
    service: &str,
    upstream: &Uri,
    finished: &[Finished],
) -> ExportTraceServiceRequest {
    let mut spans = Vec::new();
    for one in finished {
        spans.push(server(one));
        spans.extend(client(one, upstream));
    }
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let scope = InstrumentationScope { name: name.to_owned(), version: version.to_owned() };
    let attributes = vec![text("service.name", service), text("service.version", version)];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans }],
        }],
    }
}

fn server(of: &Finished) -> Span {
    let mut attributes = vec![text("http.request.method", of.method)];
    attributes.extend(of.endpoint.as_deref().map(|route| text("http.route", route)));
    attributes.extend(of.status.map(|status| number("http.response.status_code", status)));
    attributes.extend(of.tenant.as_deref().map(|id| text("heify_gateway.tenant", id)));
    attributes.extend(of.reason.map(|reason| text("heify_gateway.reason", reason)));
    // A refusal is no error of the server (conventions for HTTP spans, status).
    let failed = of.status.is_some_and(|status| status >= 500);
    if let (true, Some(status)) = (failed, of.status) {
        attributes.push(error(of.reason, Some(status)));
    }
    let remote = if of.parent.is_some() { IS_REMOTE } else { 0 };
    let span = Spanned { id: of.spans.server, parent: of.parent, kind: SpanKind::Server, failed };
    span.build(of, of.began, of.began + of.took, attributes, remote)
}

fn client(of: &Finished, upstream: &Uri) -> Option<Span> {
    let (sent, answered) = of.call?;
    let mut attributes = vec![text("http.request.method", of.method)];
    attributes.extend(of.endpoint.as_deref().map(|path| text("url.template", path)));
    attributes.extend(upstream.host().map(|host| text("server.address", host)));
    let usual = if upstream.scheme_str() == Some("https") { 443 } else { 80 };
    attributes.push(number("server.port", upstream.port_u16().unwrap_or(usual)));
    let status = of.upstream_status;
    attributes.extend(status.map(|status| number("http.response.status_code", status)));
    let failed = status.is_none_or(|status| status >= 400);
    if failed {
        attributes.push(error(of.reason, status));
    }
    let ended = of.began + answered.unwrap_or(of.took).max(sent);
    let parent = Some(of.spans.server);
    let span = Spanned { id: of.spans.client, parent, kind: SpanKind::Client, failed };
    Some(span.build(of, of.began + sent, ended, attributes, 0))
}

struct Spanned {
    id: SpanId,
    parent: Option<SpanId>,
    kind: SpanKind,
    failed: bool,
}

impl Spanned {
    fn build(
        self,
        of: &Finished,
        began: SystemTime,
        ended: SystemTime,
        attributes: Vec<KeyValue>,
        remote: u32,
    ) -> Span {
        let method = if of.method == "_OTHER" { "HTTP" } else { of.method };
        let name = match &of.endpoint {
            Some(endpoint) => format!("{method} {endpoint}"),
            None => method.to_owned(),
        };
        let code = if self.failed { StatusCode::Error } else { StatusCode::Unset };
        Span {
            trace_id: of.trace_id.bytes().to_vec(),
            span_id: self.id.bytes().to_vec(),
            parent_span_id: self.parent.map(|id| id.bytes().to_vec()).unwrap_or_default(),
            name,
            kind: self.kind.into(),
            start_time_unix_nano: nanos(began),
            end_time_unix_nano: nanos(ended),
            attributes,
            status: Some(Status { code: code.into() }),
            flags: SAMPLED | HAS_IS_REMOTE | remote,
        }
    }
}

/// The kind of an error: the gateway's own word for it, else the status.
fn error(reason: Option<&'static str>, status: Option<u16>) -> KeyValue {
    match (reason, status) {
        (Some(reason), _) => text("error.type", reason),
        (None, Some(status)) => text("error.type", &status.to_string()),
        (None, None) => text("error.type", "_OTHER"),
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::Text(value.to_owned())) });
    KeyValue { key: key.to_owned(), value }
}

fn number(key: &str, value: u16) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::Number(value.into())) });
    KeyValue { key: key.to_owned(), value }
}

fn nanos(time: SystemTime) -> u64 {
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
