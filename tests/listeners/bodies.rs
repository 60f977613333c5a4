//! What becomes of a body that the service does not read?

use heify_gateway::server::Settings;
use tokio::io::AsyncWriteExt;

use crate::support::{Client, Running, soon};

fn post(path: &str, fields: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: a\r\n{fields}\r\n{body}")
}

#[tokio::test]
async fn a_small_unread_body_leaves_the_connection_usable() {
    let running = Running::start(Settings::default());
    let mut client = running.connect().await;
    for body in [
        post("/ignore", "content-length: 5\r\n", "12345"),
        post("/ignore", "transfer-encoding: chunked\r\n", "5\r\n12345\r\n0\r\n\r\n"),
        post("/ignore", "content-length: 60000\r\n", &"x".repeat(60_000)),
    ] {
        client.send(body).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.field("connection")), (403, None));
    }
    assert_eq!(client.get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn an_unread_body_that_comes_after_its_head_is_waited_for() {
    let running = Running::start(Settings::default());
    let mut client = running.connect().await;
    client.send(post("/ignore", "content-length: 5\r\n", "")).await;
    client.send("12345").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.field("connection")), (403, None));
    assert_eq!(client.get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn an_unread_body_that_does_not_come_closes_the_connection() {
    let running = Running::start(Settings::default());
    let mut client = running.connect().await;
    client.send(post("/ignore", "content-length: 5\r\n", "123")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.field("connection")), (403, Some("close")));
    client.ends().await;
}

#[tokio::test]
async fn a_client_that_sends_a_large_body_first_still_gets_its_answer() {
    let running = Running::start(Settings::default());
    for body in [
        post("/ignore", "content-length: 200000\r\n", &"x".repeat(200_000)),
        post("/ignore", "transfer-encoding: chunked\r\n", &"8\r\nxxxxxxxx\r\n".repeat(15_000)),
    ] {
        let mut client = running.connect().await;
        client.send(body).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.field("connection")), (403, Some("close")));
        client.ends().await;
        client.is_heard().await;
    }
}

#[tokio::test]
async fn an_endless_body_gets_an_answer_and_an_end() {
    let running = Running::start(Settings::default());
    let (read, mut write) = tokio::io::split(running.connect().await.io);
    let flood = tokio::spawn(async move {
        let head = post("/ignore", "transfer-encoding: chunked\r\n", "");
        let _ = write.write_all(head.as_bytes()).await;
        let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
        while write.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let mut client = Client::new(tokio::io::join(read, tokio::io::sink()));
    assert_eq!(client.answer().await.status, 403);
    soon(flood).await.unwrap();
}

#[tokio::test]
async fn a_body_that_waits_for_100_continue_is_not_asked_for_in_vain() {
    let running = Running::start(Settings::default());
    let mut client = running.connect().await;
    let fields = "content-length: 5\r\nexpect: 100-continue\r\n";
    client.send(post("/ignore", fields, "")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.field("connection")), (403, Some("close")));
    client.ends().await;
}

#[tokio::test]
async fn a_body_that_waits_for_100_continue_is_asked_for_when_it_is_read() {
    let running = Running::start(Settings::default());
    let mut client = running.connect().await;
    for _ in 0..2 {
        let fields = "content-length: 5\r\nexpect: 100-continue\r\n";
        client.send(post("/read", fields, "")).await;
        assert_eq!(client.answer().await.status, 100);
        client.send("12345").await;
        assert_eq!(client.answer().await.text(), "read 5");
    }
}

#[tokio::test]
async fn the_service_learns_the_peer() {
    let running = Running::start(Settings::default());
    let answer = running.connect().await.get("/peer").await;
    assert_eq!(answer.text(), "Some(Peer(Some(127.0.0.1)))");
}
