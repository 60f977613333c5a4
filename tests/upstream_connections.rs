//! Which connections to the upstream are made, used again, and closed?

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::gateway::{Gateway, settings};
use support::upstream::{Act, Upstream};
use support::{READ, SUBMIT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

#[tokio::test]
async fn calls_one_after_the_other_share_a_connection_whatever_their_answers() {
    let large = format!("{{\"data\":\"{}\"}}", "x".repeat(300_000));
    let acts = [
        Act::json(200, "{}"),
        Act::json(200, &large),
        Act::json(404, r#"{"error":{"message":"x","code":404}}"#),
        Act::Write(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".into(),
        ),
        Act::Write(b"HTTP/1.1 204 No Content\r\n\r\n".into()),
        Act::json(403, r#"{"message":"Forbidden"}"#),
    ];
    let calls = acts.len() + 1;
    let upstream = Upstream::start(acts).await;
    let gateway = Gateway::start(settings(upstream.address)).await;
    for _ in 0..calls {
        gateway.call("/get-configuration", READ).await;
    }
    assert_eq!((upstream.requests().len(), upstream.connections()), (calls, 1));
    let counted = || gateway.rooms.levels().upstream_connections();
    // It is given back a moment after the client has its answer.
    let given_back = async {
        while counted().idle == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), given_back).await.unwrap();
    let counted = counted();
    assert_eq!((counted.opened, counted.open, counted.idle, counted.failed), (1, 1, 1, 0));
}

#[tokio::test]
async fn calls_at_once_have_a_connection_each_and_leave_them_to_later_ones() {
    let gate = Arc::new(Notify::new());
    let upstream = Upstream::start([Act::Await(gate.clone()), Act::Await(gate.clone())]).await;
    let gateway = Gateway::start(settings(upstream.address)).await;
    let both = async {
        tokio::join!(
            gateway.call("/get-configuration", READ),
            gateway.call("/get-configuration", READ)
        )
    };
    let open = async {
        upstream.asked(2).await;
        gate.notify_waiters();
    };
    let ((one, other), ()) = tokio::join!(both, open);
    assert_eq!((one.status, other.status, upstream.connections()), (200, 200, 2));
    for _ in 0..4 {
        assert_eq!(gateway.call("/get-configuration", READ).await.status, 200);
    }
    assert_eq!(upstream.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_the_upstream_ends_is_not_used_again() {
    let announced = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    let silent = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let acts = [Act::Write(announced.to_vec()), Act::WriteAndClose(silent.to_vec())];
    let upstream = Upstream::start(acts).await;
    let gateway = Gateway::start(settings(upstream.address)).await;
    assert_eq!(gateway.call("/get-configuration", READ).await.status, 200);
    // It creates something, so it must not be sent twice: it must not fail in the first place.
    for _ in 0..2 {
        assert_eq!(gateway.call("/submit", SUBMIT).await.status, 200);
    }
    assert_eq!((upstream.requests().len(), upstream.connections()), (3, 3));
    let counted = gateway.rooms.levels().upstream_connections();
    assert_eq!((counted.opened, counted.failed), (3, 0));
    assert!(counted.open <= 1, "those that have ended are not open: {counted:?}");
}

#[tokio::test]
async fn an_answer_whose_client_has_gone_costs_its_connection_and_nothing_else() {
    let endless = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n".to_vec();
    let upstream = Upstream::start([Act::Repeat(endless)]).await;
    let mut settings = settings(upstream.address);
    settings.upstream.timeout = Duration::from_millis(200);
    settings.upstream.total_timeout = Duration::from_millis(200);
    let gateway = Gateway::start(settings).await;
    gateway.call("/get-configuration", READ).await;
    assert_eq!(gateway.call("/submit", SUBMIT).await.status, 200);
    assert_eq!(upstream.connections(), 2);
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_time_though_no_call_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(listener.local_addr().unwrap());
    settings.upstream.pool_idle_timeout = Duration::from_millis(50);
    let gateway = Gateway::start(settings).await;
    let upstream = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        tokio::time::timeout(Duration::from_secs(20), stream.read(&mut buffer)).await
    };
    let (answer, read) = tokio::join!(gateway.call("/get-configuration", READ), upstream);
    assert_eq!(answer.status, 200);
    assert_eq!(read.expect("the connection stayed open").unwrap(), 0);
}
