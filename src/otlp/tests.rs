//! Does every span reach its receiver, or a counter?

mod expected;
mod message;
mod written;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use prost::Message;

use self::message::StatusCode as Code;
use self::message::*;
use super::answer::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use super::*;
use crate::trace::{Export, Finished, Ratio, SpanId, Spans, TraceId, Tracer};

/// What a receiver says to one export.
#[derive(Clone)]
struct Said(StatusCode, Option<&'static str>, Vec<u8>);

/// A receiver that says what it is told to, and then yes; and what it got.
#[derive(Clone, Default)]
struct Receiver {
    script: Arc<Mutex<VecDeque<Said>>>,
    got: Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>,
}

async fn take(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    receiver.got.lock().unwrap().push((headers, request));
    let said = receiver.script.lock().unwrap().pop_front();
    let Said(status, retry, body) = said.unwrap_or(Said(StatusCode::OK, None, Vec::new()));
    let mut headers = HeaderMap::new();
    headers.extend(retry.map(|retry| (http::header::RETRY_AFTER, HeaderValue::from_static(retry))));
    (status, headers, body)
}

impl Receiver {
    /// A receiver with this script, and a tracer whose exporter sends to it.
    async fn start(script: impl IntoIterator<Item = Said>) -> (Self, Tracer) {
        let receiver = Self::default();
        receiver.script.lock().unwrap().extend(script);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/traces", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (receiver, export_to(&format!("http://{address}")))
    }

    fn requests(&self) -> usize {
        self.got.lock().unwrap().len()
    }
}

fn export_to(endpoint: &str) -> Tracer {
    let export = Export {
        endpoint: endpoint.parse().unwrap(),
        headers: vec![("api-key".parse().unwrap(), "of-the-collector".parse().unwrap())],
        service: "gateway-of-a-test".into(),
        ratio: Ratio::ALL,
    };
    let (tracer, left) = Tracer::new(export.ratio);
    let upstream = "https://api.heify.example".parse().unwrap();
    tokio::spawn(Exporter::new(&export, &upstream, &tracer, left).unwrap().run());
    tracer
}

/// A call that was refused with 429 by the upstream.
fn finished() -> Finished {
    let id = |byte| SpanId::new([byte; 8]).unwrap();
    Finished {
        trace_id: TraceId::new([1; 16]).unwrap(),
        parent: Some(id(2)),
        spans: Spans { server: id(3), client: id(4) },
        began: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        took: Duration::from_millis(30),
        call: Some((Duration::from_millis(10), Some(Duration::from_millis(20)))),
        method: "POST",
        endpoint: Some("/work".into()),
        tenant: Some("acme".into()),
        status: Some(500),
        upstream_status: Some(429),
        reason: Some("account_rate_limited"),
    }
}

/// Exported, dropped and failed.
fn outcome(tracer: &Tracer) -> [u64; 3] {
    let counts = tracer.counts();
    assert_eq!(counts.open(), 0);
    [counts.exported(), counts.dropped(), counts.failed()]
}

fn shown(attributes: &[KeyValue]) -> Vec<String> {
    let one = |pair: &KeyValue| match pair.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::Text(text) => format!("{}={text}", pair.key),
        Value::Number(number) => format!("{}={number}", pair.key),
    };
    attributes.iter().map(one).collect()
}

#[tokio::test]
async fn a_request_is_a_server_span_and_the_call_within_it_a_client_span() {
    let (receiver, tracer) = Receiver::start([]).await;
    tracer.leave(finished());
    tracer.flush().await;
    assert_eq!(outcome(&tracer), [2, 0, 0]);
    let got = receiver.got.lock().unwrap();
    let (headers, request) = &got[0];
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["api-key"], "of-the-collector");
    assert!(!headers.contains_key("x-api-key"));
    let [resource] = &request.resource_spans[..] else { panic!("{request:?}") };
    let named = shown(&resource.resource.as_ref().unwrap().attributes);
    assert_eq!(named[0], "service.name=gateway-of-a-test");
    let [server, client] = &resource.scope_spans[0].spans[..] else { panic!("{request:?}") };
    for (span, id, parent, kind, began, ended, flags) in [
        (server, 3, 2, SpanKind::Server, 0, 30, 0x301),
        (client, 4, 3, SpanKind::Client, 10, 20, 0x101),
    ] {
        assert_eq!((&span.trace_id[..], &span.span_id[..]), (&[1; 16][..], &[id; 8][..]));
        assert_eq!((&span.parent_span_id[..], span.kind()), (&[parent; 8][..], kind));
        let at = |millis: u64| 1_700_000_000_000_000_000 + millis * 1_000_000;
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (at(began), at(ended)));
        assert_eq!((&*span.name, span.flags), ("POST /work", flags));
        assert_eq!(span.status.as_ref().unwrap().code(), Code::Error);
    }
    assert_eq!(
        shown(&server.attributes),
        [
            "http.request.method=POST",
            "http.route=/work",
            "http.response.status_code=500",
            "heify_gateway.tenant=acme",
            "heify_gateway.reason=account_rate_limited",
            "error.type=account_rate_limited",
        ]
    );
    assert_eq!(
        shown(&client.attributes),
        [
            "http.request.method=POST",
            "url.template=/work",
            "server.address=api.heify.example",
            "server.port=443",
            "http.response.status_code=429",
            "error.type=account_rate_limited",
        ]
    );
}

#[tokio::test]
async fn a_refusal_is_one_span_and_no_error() {
    let (receiver, tracer) = Receiver::start([]).await;
    let refused = Finished { call: None, parent: None, status: Some(429), ..finished() };
    tracer.leave(refused);
    tracer.flush().await;
    let got = receiver.got.lock().unwrap();
    let [span] = &got[0].1.resource_spans[0].scope_spans[0].spans[..] else { panic!("{got:?}") };
    assert_eq!((span.status.as_ref().unwrap().code(), span.flags), (Code::Unset, 0x101));
    assert!(span.parent_span_id.is_empty());
    assert!(!shown(&span.attributes).iter().any(|pair| pair.starts_with("error.type")));
}

#[tokio::test]
async fn what_may_be_tried_again_is_until_it_is_taken() {
    let later = |status: u16| Said(StatusCode::from_u16(status).unwrap(), Some("0"), Vec::new());
    let (receiver, tracer) = Receiver::start([429, 502, 503, 504].map(later)).await;
    tracer.leave(finished());
    tracer.flush().await;
    assert_eq!((outcome(&tracer), receiver.requests()), ([2, 0, 0], 5));
    let got = receiver.got.lock().unwrap();
    assert!(got.iter().all(|one| one.1 == got[0].1), "not the same spans");
}

#[tokio::test]
async fn what_is_not_taken_is_counted() {
    let later = Said(StatusCode::SERVICE_UNAVAILABLE, Some("0"), Vec::new());
    let refused = Said(StatusCode::BAD_REQUEST, None, Vec::new());
    for (said, requests) in [(later, 5), (refused, 1)] {
        let (receiver, tracer) = Receiver::start(vec![said; 5]).await;
        tracer.leave(finished());
        tracer.flush().await;
        assert_eq!((outcome(&tracer), receiver.requests()), ([0, 0, 2], requests));
    }
}

#[tokio::test]
async fn what_the_receiver_rejects_of_a_batch_is_counted() {
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans: 3 });
    let answer = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    let (_receiver, tracer) = Receiver::start([Said(StatusCode::OK, None, answer)]).await;
    for _ in 0..3 {
        tracer.leave(finished());
    }
    tracer.flush().await;
    assert_eq!(outcome(&tracer), [3, 0, 3]);
}

#[tokio::test]
async fn many_spans_go_out_in_few_batches_and_all_are_accounted_for() {
    let (receiver, tracer) = Receiver::start([]).await;
    for _ in 0..2_000 {
        tracer.leave(finished());
    }
    tracer.flush().await;
    let [exported, dropped, failed] = outcome(&tracer);
    assert_eq!((exported + dropped, failed), (4_000, 0));
    assert!((4..=6).contains(&receiver.requests()), "{}", receiver.requests());
    let got = receiver.got.lock().unwrap();
    let spans = |one: &ExportTraceServiceRequest| one.resource_spans[0].scope_spans[0].spans.len();
    assert_eq!(got.iter().map(|one| spans(&one.1)).sum::<usize>() as u64, exported);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_not_there_costs_its_spans_and_nothing_else() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let tracer = export_to(&format!("http://{address}"));
    tracer.leave(finished());
    tracer.flush().await;
    assert_eq!(outcome(&tracer), [0, 0, 2]);
}
