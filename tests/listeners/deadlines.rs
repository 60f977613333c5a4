//! Does every wait on a client end?

use std::time::Duration;

use heify_gateway::server::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Running, soon};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_silent_client_is_closed() {
    let running = Running::start(Settings { first_byte_timeout: SHORT, ..Settings::default() });
    running.connect().await.ends().await;
}

#[tokio::test]
async fn a_head_that_stops_gets_the_envelope() {
    let running = Running::start(Settings { header_timeout: SHORT, ..Settings::default() });
    for start in ["G", "PRI * HT", "GET / HTTP/1.1\r\nhost: a\r\n", "\r\n\nG"] {
        let mut client = running.connect().await;
        client.send(start).await;
        client.answer().await.is_last_word("head_too_slow");
        client.ends().await;
    }
}

#[tokio::test]
async fn a_dripping_head_gets_the_envelope() {
    let running = Running::start(Settings { header_timeout: SHORT, ..Settings::default() });
    let (read, mut write) = tokio::io::split(running.connect().await.io);
    let drip = tokio::spawn(async move {
        let mut tick = tokio::time::interval(SHORT / 10);
        let _ = write.write_all(b"GET / HTTP/1.1\r\nx: ").await;
        while write.write_all(b"x").await.is_ok() {
            tick.tick().await;
        }
        write
    });
    let mut client = crate::support::Client::new(tokio::io::join(read, tokio::io::sink()));
    client.answer().await.is_last_word("head_too_slow");
    soon(drip).await.unwrap();
}

#[tokio::test]
async fn a_second_head_that_stops_gets_the_envelope() {
    let running = Running::start(Settings { header_timeout: SHORT, ..Settings::default() });
    let mut client = running.connect().await;
    assert_eq!(client.get("/hello").await.text(), "hello");
    client.send("GET / HT").await;
    client.answer().await.is_last_word("head_too_slow");
}

#[tokio::test]
async fn a_head_that_came_with_the_request_before_it_gets_the_envelope() {
    let running = Running::start(Settings { idle_timeout: SHORT, ..Settings::default() });
    let mut client = running.connect().await;
    client.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\nGET /hel").await;
    assert_eq!(client.answer().await.text(), "hello");
    client.answer().await.is_last_word("head_too_slow");
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_silence() {
    let running = Running::start(Settings { idle_timeout: SHORT, ..Settings::default() });
    let mut client = running.connect().await;
    assert_eq!(client.get("/hello").await.text(), "hello");
    client.ends().await;
}

#[tokio::test]
async fn an_empty_line_after_a_body_is_no_head() {
    let running = Running::start(Settings { header_timeout: SHORT, ..Settings::default() });
    let mut client = running.connect().await;
    client.send("POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx").await;
    assert_eq!(client.answer().await.text(), "read 1");
    client.send("\r\n").await;
    client.ends().await;
}

#[tokio::test]
async fn a_request_in_progress_is_not_idle() {
    let running = Running::start(Settings {
        first_byte_timeout: SHORT,
        header_timeout: SHORT,
        idle_timeout: SHORT,
        write_timeout: SHORT,
        ..Settings::default()
    });
    let mut waiting = running.connect().await;
    waiting.send("POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n").await;
    // Two idle connections, one after the other, run out of time meanwhile.
    for _ in 0..2 {
        let mut idle = running.connect().await;
        idle.get("/hello").await;
        idle.ends().await;
    }
    waiting.send("body").await;
    assert_eq!(waiting.answer().await.text(), "read 4");
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_dropped() {
    let running = Running::start(Settings { write_timeout: SHORT, ..Settings::default() });
    let mut client = running.connect().await;
    client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // The answer is given up, though the client is still there.
    assert!(soon(running.app.large.acquire()).await.is_err());
    drop(client);
}

#[tokio::test]
async fn a_client_that_takes_its_answer_gets_it_whole() {
    let running = Running::start(Settings::default());
    // hyper may end a connection with `Upgrade` before its buffer is written.
    for head in [
        "GET /large HTTP/1.0\r\n\r\n",
        "GET /large HTTP/1.1\r\nconnection: close\r\n\r\n",
        "POST /whole HTTP/1.1\r\ncontent-length: 90000\r\nupgrade: h2c\r\n\r\n",
    ] {
        let mut client = running.connect().await;
        client.send(head).await;
        let mut bytes = Vec::new();
        soon(client.io.read_to_end(&mut bytes)).await.unwrap();
        assert!(bytes.len() > 64 * 1024 * 1024, "{head:?}: {}", bytes.len());
        assert!(bytes.ends_with(b"x") || bytes.ends_with(b"x\r\n0\r\n\r\n"), "{head:?}");
    }
}
