//! What does each rule cost by itself, and what the whole stack?
//!
//! `cargo bench --bench rules`. The stack is called in process, without a listener; the accepted
//! request goes to an upstream on a thread of its own. For whole processes, instruction counts and
//! peers see the bench `cost`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may end on what it did not expect")]

use std::convert::Infallible;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use heify_gateway::authenticate::{self, Directory, KeySettings, Switch, TenantSettings};
use heify_gateway::contract::{Contract, Endpoint, Lookup};
use heify_gateway::forward::upstream_fields;
use heify_gateway::key::KeyDigest;
use heify_gateway::observe::request_id;
use heify_gateway::rate::{LimitPolicy, Rate};
use heify_gateway::rate_limit::{self, Limiter, TenantRates};
use heify_gateway::refusal::Refusal;
use heify_gateway::secret::Secret;
use heify_gateway::stack::{Rooms, Settings, Stack};
use heify_gateway::upstream::{Redaction, Redactor};
use heify_gateway::validate::{self, judge};
use heify_gateway::{pace, quota, route, upstream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt};

const KEY: &str = "a-key-for-the-bench-only";
const BODY: &[u8] = br#"{"configuration_id":"3f0c1a52-7b1e-4d6a-9c55-0a1b2c3d4e5f","url":"https://media.example.org/calls/2026/04/02/call-17.mp3","name":"call-17.mp3","participant_id":"51e9c7aa-6d34-4f02-8b1c-2a3b4c5d6e7f"}"#;

fn submit(contract: &Contract) -> Arc<Endpoint> {
    match contract.find("/submit", &Method::POST) {
        Lookup::Found(endpoint) => Arc::clone(endpoint),
        _ => unreachable!("the built-in contract has it"),
    }
}

fn request(key: &'static str) -> Request<Full<Bytes>> {
    let mut request = Request::post("/submit").body(Full::new(Bytes::from_static(BODY))).unwrap();
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static("gateway"));
    headers.insert("accept", HeaderValue::from_static("*/*"));
    headers.insert("x-api-key", HeaderValue::from_static(key));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    request
}

fn tenants() -> authenticate::Settings {
    let key = KeySettings {
        id: "bench-1".into(),
        digest: KeyDigest::of(KEY.as_bytes()),
        expires: None,
        state: Switch::Enabled,
    };
    let keys = vec![key];
    let tenant =
        TenantSettings { id: "bench".into(), state: Switch::Enabled, keys, endpoints: None };
    authenticate::Settings { tenants: vec![tenant], failed_attempts: None }
}

/// As many as the gateway gives to each request.
fn own_fields() -> HeaderMap {
    let names = ["host", "content-type", "accept-encoding", "user-agent", "x-api-key"];
    let value = HeaderValue::from_static("a value of the gateway");
    names.map(|name| (HeaderName::from_static(name), value.clone())).into_iter().collect()
}

fn rules(criterion: &mut Criterion) {
    let contract = Contract::built_in().unwrap();
    let endpoint = submit(&contract);
    criterion.bench_function("route", |bencher| {
        let request = request(KEY);
        bencher.iter(|| route::route(&contract, &[], black_box(&request)).is_ok());
    });
    criterion.bench_function("authenticate/known key", |bencher| {
        let directory = Directory::new(&tenants(), &contract);
        let now = SystemTime::now();
        bencher.iter(|| directory.admit(black_box(KEY.as_bytes()), &endpoint, || now).is_ok());
    });
    criterion.bench_function("rate limit/charge", |bencher| {
        let rate = Rate::new(1_000_000_000, 1_000_000_000).unwrap();
        let limiter: Limiter =
            Limiter::new(Arc::new(LimitPolicy::new("submit", rate)), Default::default());
        bencher.iter(|| limiter.charge().is_ok());
    });
    criterion.bench_function("validate/fits", |bencher| {
        bencher.iter(|| judge(black_box(BODY), endpoint.body.as_ref()).is_ok());
    });
    criterion.bench_function("validate/a field is missing", |bencher| {
        bencher.iter(|| judge(black_box(br#"{"name":"x"}"#), endpoint.body.as_ref()).is_err());
    });
    criterion.bench_function("forward/fields of the request", |bencher| {
        let request = request(KEY);
        let own = own_fields();
        bencher.iter(|| upstream_fields(black_box(request.headers()), &own, None));
    });
    criterion.bench_function("upstream/redact 64 KiB", |bencher| {
        let redactor = Redactor::new(&Secret::new("central-key-0123456789"));
        let piece = Bytes::from(vec![b'a'; 64 * 1024]);
        bencher.iter(|| Redaction::new(redactor.clone()).pass(black_box(piece.clone())));
    });
    criterion.bench_function("observe/make an id", |bencher| {
        let headers = HeaderMap::new();
        bencher.iter(|| request_id(black_box(&headers)));
    });
    criterion.bench_function("refusal/answer", |bencher| {
        bencher.iter(|| black_box(Refusal::UnknownKey).into_response::<Bytes>());
    });
}

fn stack(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rate = Rate::new(1_000_000_000, 1_000_000_000);
    let settings = Settings {
        authenticate: tenants(),
        rate_limit: rate_limit::Settings {
            tenants: vec![TenantRates {
                id: "bench".into(),
                total: rate,
                endpoints: [(Box::from("/submit"), rate.unwrap())].into(),
                shadow: Default::default(),
            }],
        },
        validate: validate::Settings::default(),
        upstream: upstream::Settings::new(
            format!("http://{}", answering()).parse().unwrap(),
            Secret::new("central-key-0123456789"),
        ),
        isolate: None,
        preflight: None,
        relay: None,
        quota: quota::Settings::default(),
        pace: pace::Settings::default(),
        max_in_flight: 4096,
        contact: None,
    };
    let rooms = Rooms::new(settings, Arc::new(Contract::built_in().unwrap()), None, None);
    let stack = rooms.stack(rooms.upstream().unwrap());
    for (name, key, status) in [
        ("stack/accepted and forwarded", KEY, 201),
        ("stack/refused for its key", "not-a-key-of-anyone", 403),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(runtime.block_on(call(stack.clone(), key)), status));
        });
    }
}

async fn call(mut stack: Stack, key: &'static str) -> u16 {
    let ready = ServiceExt::<Request<Full<Bytes>>>::ready(&mut stack).await.unwrap();
    let answer = ready.call(request(key)).await.unwrap();
    let status = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    status
}

/// An upstream on a thread of its own.
fn answering() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let answer = hyper::service::service_fn(|request: Request<_>| async {
                    let _: Result<_, hyper::Error> =
                        <hyper::body::Incoming as BodyExt>::collect(request.into_body()).await;
                    let body = Full::new(Bytes::from_static(b"{\"data\":{}}"));
                    let mut answer = Response::new(body);
                    *answer.status_mut() = http::StatusCode::CREATED;
                    Ok::<_, Infallible>(answer)
                });
                let io = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(io, answer),
                );
            }
        });
    });
    address
}

criterion_group!(benches, rules, stack);
criterion_main!(benches);
