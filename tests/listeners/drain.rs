//! Does a listener stop without losing what it has begun?

use std::time::Duration;

use heify_gateway::server::{Drained, Settings};
use tokio::net::TcpStream;

use crate::support::{Running, soon};

#[tokio::test]
async fn a_drain_lets_requests_in_progress_end() {
    let running = Running::start(Settings::default());
    let mut idle = running.connect().await;
    idle.get("/hello").await;
    let mut client = running.connect().await;
    client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    soon(running.app.begun.acquire()).await.unwrap().forget();
    running.server.shutdown();
    idle.ends().await;
    running.app.gate.add_permits(1);
    let answer = client.answer().await;
    assert_eq!((answer.text(), answer.field("connection")), ("waited", Some("close")));
    client.ends().await;
    let address = running.address;
    assert_eq!(running.drained().await, Drained { cut: 0 });
    assert!(TcpStream::connect(address).await.is_err(), "nobody accepts any more");
}

#[tokio::test]
async fn a_drain_cuts_what_takes_too_long() {
    let drain_timeout = Duration::from_millis(100);
    let running = Running::start(Settings { drain_timeout, ..Settings::default() });
    let mut client = running.connect().await;
    client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    soon(running.app.begun.acquire()).await.unwrap().forget();
    running.server.shutdown();
    assert_eq!(running.drained().await, Drained { cut: 1 });
    client.ends().await;
}

#[tokio::test]
async fn silent_connections_do_not_hold_up_a_drain() {
    let running = Running::start(Settings::default());
    let mut silent = running.connect().await;
    // The server has accepted the silent one when it serves the next.
    running.connect().await.get("/hello").await;
    running.server.shutdown();
    silent.ends().await;
    assert_eq!(running.drained().await, Drained { cut: 0 });
}

#[tokio::test]
async fn connections_above_the_cap_wait_for_room() {
    let running = Running::start(Settings { max_connections: 1, ..Settings::default() });
    let mut first = running.connect().await;
    first.get("/hello").await;
    let mut second = running.connect().await;
    second.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let early = tokio::time::timeout(Duration::from_millis(100), second.try_answer()).await;
    assert!(early.is_err(), "no room yet");
    drop(first);
    assert_eq!(second.answer().await.text(), "hello");
}

#[tokio::test]
async fn a_drain_comes_through_when_all_connections_are_taken() {
    let drain_timeout = Duration::from_millis(100);
    let settings = Settings { max_connections: 1, drain_timeout, ..Settings::default() };
    let running = Running::start(settings);
    let mut first = running.connect().await;
    first.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    soon(running.app.begun.acquire()).await.unwrap().forget();
    let _second = running.connect().await;
    running.server.shutdown();
    // The second one, too, where it was accepted already and waited for room.
    assert!((1..=2).contains(&running.drained().await.cut));
}

#[tokio::test]
async fn who_has_just_connected_is_still_served() {
    let running = Running::start(Settings::default());
    let mut client = running.connect().await;
    // The server has accepted it when it serves the next.
    running.connect().await.get("/hello").await;
    running.server.shutdown();
    let answer = client.get("/hello").await;
    assert_eq!((answer.text(), answer.field("connection")), ("hello", Some("close")));
    assert_eq!(running.drained().await, Drained { cut: 0 });
}
