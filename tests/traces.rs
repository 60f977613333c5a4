//! Does a trace go on behind the gateway, and come out of it as OpenTelemetry expects?
#![cfg(feature = "otlp")]
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod support;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use heify_gateway::contract::Contract;
use heify_gateway::otlp::Exporter;
use heify_gateway::server;
use heify_gateway::stack::Rooms;
use heify_gateway::trace::{Export, Ratio, Tracer};
use support::gateway::{Gateway, settings};
use support::upstream::Upstream;
use support::{KEY, READ};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A gateway that records so much, its upstream, and the bodies that the receiver of spans got.
struct World {
    gateway: Gateway,
    upstream: Upstream,
    tracer: Tracer,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl World {
    async fn start(ratio: f64) -> Self {
        let bodies: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = Arc::clone(&bodies);
        let keep =
            move |body: bytes::Bytes| async move { kept.lock().unwrap().push(body.to_vec()) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(keep));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

        let export = Export {
            endpoint: endpoint.parse().unwrap(),
            headers: Vec::new(),
            service: "gateway".into(),
            ratio: Ratio::new(ratio).unwrap(),
        };
        let upstream = Upstream::start([]).await;
        let settings = settings(upstream.address);
        let (tracer, left) = Tracer::new(export.ratio);
        let exporter = Exporter::new(&export, &settings.upstream.url, &tracer, left).unwrap();
        tokio::spawn(exporter.run());
        let contract = Arc::new(Contract::built_in().unwrap());
        let rooms = Rooms::new(settings, contract, None, None).traced(Some(tracer.clone()));
        let gateway = Gateway::serve(rooms, server::Settings::default(), None);
        Self { gateway, upstream, tracer, bodies }
    }

    /// Calls with these fields; the `traceparent` and `tracestate` that the upstream got.
    async fn call(&self, fields: &[(&str, &str)]) -> [Option<String>; 2] {
        let fields = [&[("x-api-key", KEY)], fields].concat();
        let answer = self.gateway.post("/get-configuration", &fields, READ).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let request = self.upstream.requests().pop().unwrap();
        ["traceparent: ", "tracestate: "]
            .map(|name| request.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned))
    }

    /// Trace, span and parent of all spans that were exported.
    async fn spans(&self) -> Vec<[String; 3]> {
        self.tracer.flush().await;
        let bodies = self.bodies.lock().unwrap();
        let resources = bodies.iter().flat_map(|body| inside(body, 1));
        let spans = resources.flat_map(|one| inside(one, 2)).flat_map(|scope| inside(scope, 2));
        let id = |span: &[u8], number| inside(span, number).map(hex).next().unwrap_or_default();
        spans.map(|span| [1, 2, 4].map(|number| id(span, number))).collect()
    }
}

/// What stands in the fields of this number: protobuf, read without the gateway's own messages.
fn inside(mut message: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let length = match tag & 7 {
            0 => {
                varint(&mut message);
                0
            }
            1 => 8,
            2 => varint(&mut message) as usize,
            5 => 4,
            kind => panic!("wire type {kind}"),
        };
        let (value, rest) = message.split_at(length);
        message = rest;
        if tag >> 3 == wanted && tag & 7 == 2 {
            found.push(value);
        }
    }
    found.into_iter()
}

fn varint(message: &mut &[u8]) -> u64 {
    let end = message.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let (number, rest) = message.split_at(end);
    *message = rest;
    number.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_recorded_trace_goes_on_with_the_span_of_the_call() {
    let world = World::start(0.0).await;
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let fields = [("traceparent", &*parent), ("tracestate", "a=1,b=2")];
    let [sent, state] = world.call(&fields).await;
    let [server, client] = &world.spans().await[..] else { panic!("not two spans") };
    assert_eq!((&*server[0], &*server[2]), (TRACE, CALLER));
    assert_eq!((&client[0], &client[2]), (&server[0], &server[1]));
    assert_eq!(sent.unwrap(), format!("00-{TRACE}-{}-01", client[1]));
    assert_eq!(state.unwrap(), "a=1,b=2");
}

#[tokio::test]
async fn a_trace_that_is_not_recorded_passes_as_it_is() {
    let world = World::start(1.0).await;
    let parent = format!("00-{TRACE}-{CALLER}-00");
    let sent = world.call(&[("traceparent", &parent), ("tracestate", "a=1")]).await;
    assert_eq!(sent, [Some(parent), Some("a=1".to_owned())]);
    assert!(world.spans().await.is_empty());
}

#[tokio::test]
async fn a_request_without_a_valid_trace_begins_one_as_often_as_is_wanted() {
    for (ratio, spans) in [(0.0, 0), (1.0, 2)] {
        let world = World::start(ratio).await;
        let [sent, state] = world.call(&[("traceparent", "00-x"), ("tracestate", "a=1")]).await;
        let found = world.spans().await;
        assert_eq!((found.len(), state), (spans, None));
        let wanted = found.get(1).map(|client| format!("00-{}-{}-01", client[0], client[1]));
        assert_eq!(sent, wanted);
        assert!(found.first().is_none_or(|server| server[2].is_empty()));
    }
}
