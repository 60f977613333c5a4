//! Does the simulator break as scripted, and does it tell what arrived?

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Heify, KEY, settings};

async fn heify() -> Heify {
    Heify::start(settings(Duration::ZERO)).await
}

fn on_list(fault: Value) -> Value {
    json!({ "endpoint": "/list-participants", "fault": fault })
}

/// Everything that one raw request gets back before the connection ends.
async fn raw(heify: &Heify, fault: Value) -> std::io::Result<Vec<u8>> {
    heify.script(on_list(fault)).await;
    let mut stream = TcpStream::connect(heify.simulator.address()).await?;
    let request = format!(
        "POST /list-participants HTTP/1.1\r\nhost: a\r\nx-api-key: {KEY}\r\n\
         content-length: 2\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_status_replaces_the_answer_as_often_as_asked() {
    let heify = heify().await;
    let html = json!({
        "kind": "status", "status": 502, "body": "<html>bad gateway</html>",
        "headers": { "content-type": "text/html" },
    });
    heify.script(json!({ "endpoint": "/list-participants", "times": 2, "fault": html })).await;
    for _ in 0..2 {
        let reply = heify.call("/list-participants", &json!({})).await.unwrap();
        assert_eq!(reply.status, 502);
        assert_eq!(reply.headers["content-type"], "text/html");
        assert_eq!(reply.body, "<html>bad gateway</html>");
    }
    heify.script(on_list(json!({ "kind": "status", "status": 500 }))).await;
    let reply = heify.call("/list-participants", &json!({})).await.unwrap();
    assert!(reply.status == 500 && reply.body.is_empty());
    let forbidden = json!({ "message": "Forbidden" });
    heify.script(on_list(json!({ "kind": "status", "status": 403, "body": forbidden }))).await;
    let reply = heify.call("/list-participants", &json!({})).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.json()), (403, forbidden));
    heify.data("/list-participants", json!({})).await;
}

#[tokio::test]
async fn a_lost_answer_may_have_had_its_effect() {
    let heify = heify().await;
    for (perform, count) in [(false, 0), (true, 1)] {
        let fault = json!({ "kind": "close" });
        let script = json!({ "endpoint": "*", "perform": perform, "fault": fault });
        heify.script(script).await;
        heify.call("/create-participant", &json!({ "tag": "t" })).await.unwrap_err();
        assert_eq!(heify.data("/list-participants", json!({})).await["count"], count);
    }
}

#[tokio::test]
async fn connections_end_where_the_script_says() {
    let heify = heify().await;
    assert_eq!(raw(&heify, json!({ "kind": "close" })).await.unwrap(), b"");
    let half = raw(&heify, json!({ "kind": "close", "at": "body" })).await.unwrap();
    let half = String::from_utf8(half).unwrap();
    let (head, body) = half.split_once("\r\n\r\n").unwrap();
    let whole = json!({ "data": { "items": [], "count": 0 } }).to_string().len();
    assert!(head.contains(&format!("content-length: {whole}")), "{head}");
    assert_eq!(body.len(), whole / 2);
    for at in ["head", "body"] {
        let reset = raw(&heify, json!({ "kind": "reset", "at": at })).await.unwrap_err();
        assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    }
    let garbage = raw(&heify, json!({ "kind": "garbage" })).await.unwrap();
    assert!(!garbage.is_empty() && !garbage.starts_with(b"HTTP"));
}

#[tokio::test]
async fn slow_answers_are_true_answers() {
    let heify = heify().await;
    for fault in [
        json!({ "kind": "delay", "millis": 1 }),
        json!({ "kind": "drip", "bytes": 3, "interval_millis": 1 }),
    ] {
        heify.script(on_list(fault)).await;
        assert_eq!(heify.data("/list-participants", json!({})).await["count"], 0);
    }
}

#[tokio::test]
async fn a_hanging_call_stays_open_and_harms_no_other() {
    let heify = heify().await;
    heify.script(on_list(json!({ "kind": "hang" }))).await;
    let empty = json!({});
    let hanging = heify.call("/list-participants", &empty);
    let patience = Duration::from_millis(50);
    assert!(tokio::time::timeout(patience, hanging).await.is_err());
    heify.data("/list-participants", json!({})).await;
}

#[tokio::test]
async fn an_oversized_header_is_too_much_for_a_client() {
    let heify = heify().await;
    heify.script(on_list(json!({ "kind": "oversized_header" }))).await;
    heify.call("/list-participants", &json!({})).await.unwrap_err();
    heify.script(on_list(json!({ "kind": "oversized_header", "bytes": 100 }))).await;
    let reply = heify.call("/list-participants", &json!({})).await.unwrap();
    assert_eq!(reply.headers["x-oversized"].len(), 100);
}

#[tokio::test]
async fn an_echo_shows_the_request_as_it_arrived() {
    let heify = heify().await;
    heify.script(json!({ "endpoint": "/nowhere", "fault": { "kind": "echo" } })).await;
    let headers = [("x-api-key", "any-key"), ("x-trace", "7")];
    let echo = heify.send("PATCH", "/nowhere?a=b", &headers, "text").await.unwrap().json();
    assert_eq!((&echo["method"], &echo["uri"]), (&json!("PATCH"), &json!("/nowhere?a=b")));
    assert_eq!(echo["body"], "text");
    let sent = echo["headers"].as_array().unwrap();
    assert!(sent.contains(&json!(["x-api-key", "any-key"])));
    assert!(sent.contains(&json!(["x-trace", "7"])));
}

#[tokio::test]
async fn the_journal_tells_what_arrived_and_no_key() {
    let heify = heify().await;
    let empty = heify.steer("GET", "requests", &json!(null)).await.json();
    assert_eq!(empty["total"], 0);
    heify.data("/list-participants", json!({})).await;
    let headers = [("x-api-key", "wrong-key"), ("authorization", KEY)];
    heify.send("POST", "/nowhere", &headers, "").await.unwrap();
    let journal = heify.steer("GET", "requests", &json!(null)).await;
    assert!(!String::from_utf8_lossy(&journal.body).contains(KEY));
    let journal = journal.json();
    assert_eq!(journal["counts"], json!({ "/list-participants": 1, "other": 1 }));
    let first = &journal["requests"][0];
    assert_eq!((&first["key"], &first["body_bytes"]), (&json!("valid"), &json!(2)));
    assert_eq!(journal["requests"][1]["key"], "unknown");
    heify.steer("DELETE", "requests", &json!(null)).await;
    assert_eq!(heify.steer("GET", "requests", &json!(null)).await.json()["total"], 0);
}

#[tokio::test]
async fn nobody_steers_without_the_token() {
    let heify = heify().await;
    for headers in [&[][..], &[("x-simulator-token", "guessed")][..]] {
        let reply = heify.send("GET", "/_simulator/requests", headers, "").await.unwrap();
        assert_eq!(reply.status, 403);
    }
    heify.script(on_list(json!({ "kind": "status", "status": 500 }))).await;
    heify.steer("DELETE", "faults", &json!(null)).await;
    heify.data("/list-participants", json!({})).await;
    heify.steer("PUT", "account", &json!({ "deactivate_key": KEY })).await;
    assert_eq!(heify.call("/list-participants", &json!({})).await.unwrap().status, 403);
    heify.steer("PUT", "account", &json!({ "activate_key": KEY })).await;
    heify.data("/list-participants", json!({})).await;
}

#[tokio::test]
async fn http_2_is_spoken_in_the_clear() {
    let heify = heify().await;
    let stream = TcpStream::connect(heify.simulator.address()).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);
    let request = |path: &str| {
        let uri = format!("{}{path}", heify.simulator.url());
        let request = Request::post(uri).header("x-api-key", KEY);
        request.body(Full::<bytes::Bytes>::from("{}")).unwrap()
    };
    let answer = sender.send_request(request("/list-participants")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    heify.script(on_list(json!({ "kind": "reset" }))).await;
    sender.send_request(request("/list-participants")).await.unwrap_err();
    // The whole connection is gone, not only the stream.
    assert!(connection.await.is_ok());
}
