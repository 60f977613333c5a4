//! Is everything that the contract does not allow refused in the envelope, and never forwarded?

mod support;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use support::gateway::{Answer, Gateway, settings};
use support::upstream::{Act, Upstream};
use support::{KEY, READ, SUBMIT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// The greatest body that the gateway of these tests reads.
const LIMIT: usize = 100_000;

async fn start() -> (Gateway, Upstream) {
    let upstream = Upstream::start([]).await;
    let mut settings = settings(upstream.address);
    settings.validate.body_limit = LIMIT;
    (Gateway::start(settings).await, upstream)
}

/// A request with the valid key, from the method on.
async fn send(gateway: &Gateway, start: &str, fields: &str, body: &[u8]) -> Answer {
    let mut request = format!(
        "{start} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\nx-api-key: {KEY}\r\n\
         {fields}\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    gateway.raw(&request).await
}

/// A POST to an endpoint that takes the body as it is.
async fn post(gateway: &Gateway, fields: &str, body: &[u8]) -> Answer {
    let fields = format!("content-length: {}\r\n{fields}", body.len());
    send(gateway, "POST /get-configuration", &fields, body).await
}

/// The body in pieces of this size.
fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// `READ`, as long as this through spaces.
fn long(length: usize) -> String {
    format!("{READ}{}", " ".repeat(length - READ.len()))
}

#[tokio::test]
async fn each_example_is_refused_or_forwarded_byte_for_byte() {
    let (gateway, upstream) = start().await;
    let mut forwarded = 0;
    for row in include_str!("data/heify-examples.jsonl").lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let (path, body) = (row["endpoint"].as_str().unwrap(), row["body"].as_str().unwrap());
        let answer = gateway.call(path, body).await;
        if row["expected"] == "refused" {
            assert_eq!(answer.json()["error"]["message"], row["message"], "{row}");
            let reason = answer.header("x-gateway-reason").unwrap().to_owned();
            let known = ["missing_field", "invalid_field", "invalid_json", "unsupported_audio"];
            assert!(known.contains(&&*reason), "{reason}");
            answer.assert_refused(400, &reason);
        } else {
            assert_eq!(answer.status, 200, "{row} {answer:?}");
            forwarded += 1;
            let requests = upstream.requests();
            assert_eq!(requests.len(), forwarded, "{row}");
            let (head, sent) = requests[forwarded - 1].split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("POST {path} ")), "{head}");
            assert_eq!(sent, body, "{row}");
        }
        assert_eq!(upstream.requests().len(), forwarded, "{row}");
    }
    assert!(forwarded > 40, "{forwarded}");
}

#[tokio::test]
async fn a_path_that_is_not_in_the_contract_is_not_found_and_the_likely_one_named() {
    let (gateway, upstream) = start().await;
    let none = "check the path against the API reference";
    let submit = "did you mean /submit?";
    for (path, hint) in [
        ("/", none),
        ("/details", none),
        ("/get-configurations", "did you mean /get-configuration?"),
        ("/submit/", submit),
        ("//submit", submit),
        ("/v1/submit", submit),
        ("/api/v1/submit/", submit),
        ("/SUBMIT", submit),
        ("/Submit?name=1", submit),
        ("/sumbit", submit),
        ("/./submit", submit),
        ("/x/../submit", submit),
        ("/submit/../get-configuration", "did you mean /get-configuration?"),
        ("/%73ubmit", none),
        ("/submit%2f", none),
        ("/%2e/submit", submit),
        ("/%2e%2e/submit", submit),
        ("/submit%00", none),
        ("/submit;v=1", none),
        ("/submit\\", submit),
        ("/_gateway/nothing", none),
        ("http://gateway/nothing", none),
        ("/livez", none),
        ("/metrics", none),
    ] {
        for key in [KEY, "nobody-has-this-key"] {
            let answer = gateway.post(path, &[("x-api-key", key)], SUBMIT).await;
            println!("{path} {:?}", answer.header("x-gateway-hint"));
            answer.assert_refused(404, "unknown_endpoint");
            assert_eq!(answer.json()["error"]["message"], "The requested endpoint does not exist.");
            assert_eq!(answer.header("x-gateway-hint"), Some(hint), "{path}");
        }
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn another_method_than_post_is_not_found_and_post_is_named() {
    let (gateway, upstream) = start().await;
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post"] {
        let answer = send(&gateway, &format!("{method} /submit"), "", b"").await;
        println!("{method}");
        answer.assert_refused(404, "wrong_method");
        assert_eq!(
            answer.json()["error"]["message"],
            "This endpoint must be called with the method POST."
        );
        assert_eq!(answer.header("x-gateway-hint"), Some("use POST"));
    }
    let answer = send(&gateway, "HEAD /submit", "", b"").await;
    assert_eq!((answer.status, answer.body.as_str()), (404, ""));
    assert_eq!(answer.header("x-gateway-reason"), Some("wrong_method"));
    send(&gateway, "OPTIONS *", "", b"").await.assert_refused(404, "unknown_endpoint");
    let answer = send(&gateway, "CONNECT gateway:443", "", b"").await;
    answer.assert_refused(404, "unknown_endpoint");
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_body_that_is_no_clear_json_is_refused() {
    let (gateway, upstream) = start().await;
    let id = &READ[..READ.len() - 1];
    let nested = |depth: usize| {
        format!("{id},\"x\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1)).into_bytes()
    };
    let twice = format!("{id},\"a\":{{\"b\":1,\"c\":2,\"b\":3}}}}");
    let escaped = format!("{id},\"a\\u0062\":1,\"ab\":2}}");
    let json = "Invalid JSON format";
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (b"".into(), "empty_body", json),
        (b" \r\n\t".into(), "empty_body", json),
        (b"{".into(), "invalid_json", json),
        (format!("{id},}}").into(), "invalid_json", json),
        (format!("{READ}{READ}").into(), "invalid_json", json),
        (format!("{READ}\0").into(), "invalid_json", json),
        (b"\xef\xbb\xbf{}".into(), "invalid_json", json),
        (b"{'a':1}".into(), "invalid_json", json),
        (b"{\"a\":NaN}".into(), "invalid_json", json),
        (b"configuration_id=1".into(), "invalid_json", json),
        (b"{\"a\":\"\xff\"}".into(), "not_utf8", "The request body must be UTF-8."),
        (b"\xff\xfe{\0}\0".into(), "not_utf8", "The request body must be UTF-8."),
        (twice.into(), "duplicate_field", "The field a.b appears more than once."),
        (escaped.into(), "duplicate_field", "The field ab appears more than once."),
        (nested(50_000 / 2), "too_deep", "The request body is nested more than 64 levels deep."),
        (b"[]".into(), "invalid_field", "The request body must be a JSON object."),
    ];
    for (body, reason, message) in cases {
        let answer = post(&gateway, "", &body).await;
        println!("{:?}", body[..body.len().min(60)].escape_ascii().to_string());
        answer.assert_refused(400, reason);
        assert_eq!(answer.json()["error"]["message"], message);
    }
    assert!(upstream.requests().is_empty());
    let answer = post(&gateway, "", b"{\n  \"a\": 1,\n}").await;
    assert_eq!(answer.header("x-gateway-hint"), Some("the first error is at line 3, column 1"));
    assert_eq!(post(&gateway, "", &nested(30)).await.status, 200);
}

#[tokio::test]
async fn a_compressed_body_is_refused_and_identity_is_none() {
    let (gateway, upstream) = start().await;
    for encoding in ["gzip", "deflate", "br", "gzip, identity", "x", ""] {
        let field = format!("content-encoding: {encoding}\r\n");
        let answer = post(&gateway, &field, READ.as_bytes()).await;
        println!("{encoding}");
        answer.assert_refused(400, "encoded_body");
    }
    assert!(upstream.requests().is_empty());
    let answer = post(&gateway, "content-encoding: Identity\r\n", READ.as_bytes()).await;
    assert_eq!(answer.status, 200);
    assert!(!upstream.requests()[0].to_lowercase().contains("content-encoding"));
}

#[tokio::test]
async fn any_content_type_is_accepted_and_json_is_what_is_forwarded() {
    let (gateway, upstream) = start().await;
    for field in [
        "",
        "content-type: \r\n",
        "content-type: text/plain\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: application/json; charset=utf-16\r\n",
        "content-type: application/json\r\ncontent-type: text/html\r\n",
        "content-type: \u{fffd}\r\n",
    ] {
        assert_eq!(post(&gateway, field, READ.as_bytes()).await.status, 200, "{field:?}");
        let request = upstream.requests().pop().unwrap().to_lowercase();
        let types: Vec<_> =
            request.lines().filter(|line| line.starts_with("content-type:")).collect();
        assert_eq!(types, ["content-type: application/json"], "{field:?}");
    }
}

#[tokio::test]
async fn a_body_of_just_the_limit_passes_and_one_byte_more_does_not() {
    let (gateway, upstream) = start().await;
    let (fits, more) = (long(LIMIT), long(LIMIT + 1));
    let te = "transfer-encoding: chunked\r\n";
    let path = "POST /get-configuration";
    assert_eq!(post(&gateway, "", fits.as_bytes()).await.status, 200);
    for size in [1000, LIMIT] {
        let answer = send(&gateway, path, te, &chunked(fits.as_bytes(), size)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for request in upstream.requests() {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(body == fits && !head.contains("chunked"), "{head}");
    }
    let message = format!("The request body is larger than {LIMIT} bytes.");
    let mut answers = vec![post(&gateway, "", more.as_bytes()).await];
    for size in [1000, LIMIT + 1] {
        answers.push(send(&gateway, path, te, &chunked(more.as_bytes(), size)).await);
    }
    // Told by the announced length alone: not a byte of the body has been sent.
    answers.push(send(&gateway, path, "content-length: 99999999999\r\n", b"").await);
    for answer in answers {
        answer.assert_refused(400, "body_too_large");
        assert_eq!(answer.json()["error"]["message"], message);
    }
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn a_body_that_does_not_come_or_breaks_off_is_refused() {
    let upstream = Upstream::start([]).await;
    let mut settings = settings(upstream.address);
    settings.validate.body_timeout = Duration::from_millis(200);
    let gateway = Gateway::start(settings).await;
    let path = "POST /get-configuration";
    let te = "transfer-encoding: chunked\r\n";
    for (fields, body) in [("content-length: 9\r\n", "{}"), (te, "2\r\n{}\r\n"), (te, "")] {
        let answer = send(&gateway, path, fields, body.as_bytes()).await;
        answer.assert_refused(400, "body_too_slow");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    for (fields, body) in [
        ("content-length: 9\r\n", "{}"),
        (te, "2\r\n{}\r\n"),
        (te, "9\r\n{}"),
        (te, "zz\r\n{}\r\n0\r\n\r\n"),
        (te, "2\r\n{}x\r\n0\r\n\r\n"),
    ] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let head = format!("{path} HTTP/1.1\r\nhost: a\r\nx-api-key: {KEY}\r\n{fields}\r\n{body}");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = support::gateway::read(&mut stream).await;
        println!("{body:?}");
        answer.assert_refused(400, "body_unreadable");
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_refused_before_it_sends_the_body() {
    let (gateway, upstream) = start().await;
    let expect = "expect: 100-continue\r\n";
    let length = format!("{expect}content-length: {}\r\n", READ.len());
    let large = format!("{expect}content-length: {}\r\n", LIMIT + 1);
    let zipped = format!("{length}content-encoding: gzip\r\n");
    let post = "POST /get-configuration";
    for (start, fields, status, reason) in [
        ("POST /nothing", &length, 404, "unknown_endpoint"),
        ("PUT /submit", &length, 404, "wrong_method"),
        (post, &format!("{length}x-api-key: twice\r\n"), 403, "repeated_key"),
        (post, &large, 400, "body_too_large"),
        (post, &zipped, 400, "encoded_body"),
    ] {
        let answer = send(&gateway, start, fields, b"").await;
        answer.assert_refused(status, reason);
    }
    assert!(upstream.requests().is_empty());

    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = format!(
        "{post} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-api-key: {KEY}\r\n{length}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(READ.as_bytes()).await.unwrap();
    assert_eq!(support::gateway::read(&mut stream).await.status, 200);
}

#[tokio::test]
async fn past_the_requests_in_flight_one_more_is_refused_and_may_be_retried() {
    let gate = Arc::new(Notify::new());
    let upstream = Upstream::start([Act::Await(Arc::clone(&gate))]).await;
    let mut settings = settings(upstream.address);
    settings.max_in_flight = 1;
    let gateway = Gateway::start(settings).await;
    let mut first = Box::pin(gateway.call("/get-configuration", READ));
    tokio::select! {
        biased;
        answer = &mut first => panic!("{answer:?}"),
        () = upstream.asked(1) => {}
    }
    for _ in 0..10 {
        let answer = gateway.call("/get-configuration", READ).await;
        answer.assert_refused(500, "overloaded");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(upstream.requests().len(), 1);
    gate.notify_one();
    assert_eq!(first.await.status, 200);
    assert_eq!(gateway.call("/get-configuration", READ).await.status, 200);
}
