//! Does anything of one tenant show, or cost something, at another?

mod support;

use std::time::Duration;

use heify_gateway::rate::Rate;
use heify_gateway::stack::Settings;
use support::gateway::{Answer, Gateway, add_tenant, read, settings};
use support::upstream::{Act, Upstream};
use support::{CENTRAL, KEY, READ};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const OTHER: &str = "a-key-that-team-b-has";
const PATH: &str = "/get-configuration";

fn two(upstream: &Upstream) -> Settings {
    let mut settings = settings(upstream.address);
    add_tenant(&mut settings, "team-b", OTHER);
    settings
}

async fn call(gateway: &Gateway, key: &str) -> Answer {
    gateway.post(PATH, &[("x-api-key", key)], READ).await
}

/// Everything that a client can see, but for what differs from call to call.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let fields = answer.headers.iter();
    let fields = fields.filter(|(name, _)| !matches!(&**name, "x-request-id" | "date"));
    (answer.status, fields.cloned().collect(), answer.body.clone())
}

#[tokio::test]
async fn two_tenants_see_the_same_in_answers_limits_and_errors() {
    let acts = [
        Act::json(200, r#"{"data":{}}"#),
        Act::json(400, r#"{"error":{"message":"Configuration not found","code":400}}"#),
        Act::json(403, r#"{"message":"Forbidden"}"#),
        Act::json(402, r#"{"error":{"message":"No minutes","code":402}}"#),
        Act::json(429, r#"{"message":"Too Many Requests"}"#),
        Act::json(502, "<html>"),
    ];
    let upstream = Upstream::start(acts.iter().flat_map(|act| [act.clone(), act.clone()])).await;
    let mut settings = two(&upstream);
    for rates in &mut settings.rate_limit.tenants {
        rates.endpoints = [(PATH.into(), Rate::new(1, 100).unwrap())].into();
    }
    let gateway = Gateway::start(settings).await;
    for act in acts {
        let (one, other) = (call(&gateway, KEY).await, call(&gateway, OTHER).await);
        assert_eq!(seen(&one), seen(&other), "{act:?}");
        let whole = format!("{one:?}{other:?}");
        for secret in [KEY, OTHER, CENTRAL, "team-a", "team-b"] {
            assert!(!whole.contains(secret), "{secret}: {whole}");
        }
    }
    for request in upstream.requests() {
        for secret in [KEY, OTHER, "team-a", "team-b"] {
            assert!(!request.contains(secret), "{secret}: {request}");
        }
    }
}

#[tokio::test]
async fn a_tenant_that_is_past_its_limits_leaves_the_other_untouched() {
    let upstream = Upstream::start([]).await;
    let mut settings = two(&upstream);
    for rates in &mut settings.rate_limit.tenants {
        rates.total = Rate::new(1, 3);
        rates.endpoints = [(PATH.into(), Rate::new(1, 5).unwrap())].into();
    }
    let gateway = Gateway::start(settings).await;
    for _ in 0..3 {
        assert_eq!(call(&gateway, KEY).await.status, 200);
    }
    for _ in 0..50 {
        call(&gateway, KEY).await.assert_refused(429, "rate_limited");
    }
    for left in ["2", "1", "0"] {
        let answer = call(&gateway, OTHER).await;
        assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (200, Some(left)));
    }
    call(&gateway, OTHER).await.assert_refused(429, "rate_limited");
}

/// Begins a body of 40,000 bytes and leaves its last byte out.
async fn stall(gateway: &Gateway, key: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-api-key: {key}\r\n\
         content-length: 40000\r\n\r\n{READ}{}",
        " ".repeat(39_999 - READ.len())
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn stalled_bodies_of_one_tenant_are_bounded_and_the_other_is_served() {
    let upstream = Upstream::start([]).await;
    let mut settings = two(&upstream);
    settings.validate.tenant_bytes_in_flight = 100_000;
    settings.validate.bytes_in_flight = 200_000;
    settings.validate.body_timeout = Duration::from_secs(600);
    let gateway = Gateway::start(settings).await;
    let (one, two) = (stall(&gateway, KEY).await, stall(&gateway, KEY).await);
    let three = stall(&gateway, KEY).await;
    // Which of the three is past the budget depends on whose bytes come last.
    let (mut refused, mut open) = tokio::select! {
        _ = one.readable() => (one, [two, three]),
        _ = two.readable() => (two, [one, three]),
        _ = three.readable() => (three, [one, two]),
    };
    let answer = read(&mut refused).await;
    answer.assert_refused(429, "tenant_bytes_exhausted");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(call(&gateway, OTHER).await.status, 200);
    assert_eq!(call(&gateway, KEY).await.status, 200, "a small body still fits");

    let mut other = stall(&gateway, OTHER).await;
    other.write_all(b" ").await.unwrap();
    assert_eq!(read(&mut other).await.status, 200, "a large one of the other tenant, too");
    for stream in &mut open {
        stream.write_all(b" ").await.unwrap();
        assert_eq!(read(stream).await.status, 200, "what was begun within the budget ends well");
    }
    // All was given back: as much fits again.
    let mut again = [stall(&gateway, KEY).await, stall(&gateway, KEY).await];
    for stream in &mut again {
        stream.write_all(b" ").await.unwrap();
        assert_eq!(read(stream).await.status, 200);
    }
}

#[tokio::test]
async fn bodies_that_break_off_give_the_budget_back() {
    let upstream = Upstream::start([]).await;
    let mut settings = two(&upstream);
    settings.validate.tenant_bytes_in_flight = 50_000;
    let gateway = Gateway::start(settings).await;
    for _ in 0..20 {
        let mut stream = stall(&gateway, KEY).await;
        stream.shutdown().await.unwrap();
        read(&mut stream).await.assert_refused(400, "body_unreadable");
    }
    let mut stream = stall(&gateway, KEY).await;
    stream.write_all(b" ").await.unwrap();
    assert_eq!(read(&mut stream).await.status, 200);
}

#[tokio::test]
async fn two_requests_on_one_connection_are_told_apart_by_their_keys() {
    let upstream = Upstream::start([Act::Echo, Act::Echo]).await;
    let mut settings = two(&upstream);
    settings.authenticate.tenants[1].endpoints = Some(vec!["/submit".into()]);
    let gateway = Gateway::start(settings).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let length = READ.len();
    for key in [KEY, OTHER, KEY] {
        let request = format!(
            "POST {PATH} HTTP/1.1\r\nhost: a\r\nx-api-key: {key}\r\n\
             content-length: {length}\r\n\r\n{READ}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        let expected: &[u8] = if key == KEY { b"HTTP/1.1 200" } else { b"HTTP/1.1 403" };
        assert_eq!(head, expected);
        // The rest of the answer, up to the end of its JSON or echo.
        let mut rest = Vec::new();
        let end = if key == KEY { READ.as_bytes() } else { b"\"code\":403}}" };
        while !rest.ends_with(end) {
            assert_ne!(stream.read_buf(&mut rest).await.unwrap(), 0);
        }
    }
    assert_eq!(upstream.requests().len(), 2);
}
