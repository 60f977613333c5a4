//! Is what goes out what the messages say?

use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use http::Uri;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use prost::Message;

use super::expected::expected;
use super::message::ExportTraceServiceRequest;
use crate::otlp::span::Encoder;
use crate::trace::{Finished, SpanId, Spans, TraceId};

/// Texts on both sides of where their length has one more byte, and one where that of the span has.
fn text() -> impl Strategy<Value = Arc<str>> {
    let length = prop_oneof![8 => 0..200_usize, 1 => Just(20_000)];
    length.prop_map(|length| "/work-é".chars().cycle().take(length).collect::<String>().into())
}

/// Endpoints are few, and the same texts again and again.
fn endpoint() -> impl Strategy<Value = Arc<str>> {
    static ENDPOINTS: LazyLock<[Arc<str>; 3]> =
        LazyLock::new(|| ["/work".into(), "/read".into(), "/long".repeat(5_000).into()]);
    prop::sample::select(&ENDPOINTS[..])
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![Just(201), Just(429), Just(500), Just(0), any::<u16>()]
}

fn span_id() -> impl Strategy<Value = SpanId> {
    any::<[u8; 8]>().prop_filter_map("all zeros", SpanId::new)
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), any::<u32>().prop_map(|n| Duration::from_micros(n.into()))]
}

prop_compose! {
    fn finished()(
        trace_id in any::<[u8; 16]>().prop_filter_map("all zeros", TraceId::new),
        (parent, server, client) in (option::of(span_id()), span_id(), span_id()),
        (began, took, call) in (1..u64::MAX / 4, time(), option::of((time(), option::of(time())))),
        method in prop::sample::select(&["POST", "GET", "_OTHER"]),
        (endpoint, tenant) in (option::of(endpoint()), option::of(text())),
        (status, upstream_status) in (option::of(status()), option::of(status())),
        reason in option::of(prop::sample::select(&["rate_exceeded", "upstream_timeout"])),
    ) -> Finished {
        let (spans, began) = (Spans { server, client }, UNIX_EPOCH + Duration::from_nanos(began));
        Finished {
            trace_id, parent, spans, began, took, call, method, endpoint, tenant, status,
            upstream_status, reason,
        }
    }
}

fn decoded(written: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(written).unwrap()
}

proptest! {
    #[test]
    fn what_goes_out_is_what_the_messages_say(
        finished in prop::collection::vec(finished(), 0..20),
        service in text(),
        upstream in prop::sample::select(&[
            "https://api.heify.example", "http://127.0.0.1:8080/v1", "http://[::1]", "/no-host",
        ]),
    ) {
        let upstream: Uri = upstream.parse().unwrap();
        let mut encoder = Encoder::new(&service, &upstream);
        let expected = expected(&service, &upstream, &finished);
        let written = encoder.encode(&finished);
        prop_assert_eq!(&decoded(&written), &expected);
        // Nothing is in it but this.
        prop_assert_eq!(written.len(), expected.encoded_len());
        // Everything is known now.
        prop_assert!(encoder.encode(&finished) == written);
    }
}

#[test]
fn more_kinds_of_requests_than_are_kept_are_written_alike() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let one = finished().new_tree(&mut runner).unwrap().current();
    let many = (0..1_000).map(|n| Finished { upstream_status: Some(n % 500), ..one.clone() });
    let many: Vec<_> = many.collect();
    let upstream: Uri = "https://api.heify.example".parse().unwrap();
    let written = Encoder::new("gateway", &upstream).encode(&many);
    assert_eq!(decoded(&written), expected("gateway", &upstream, &many));
}
