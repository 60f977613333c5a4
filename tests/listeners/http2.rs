//! Does HTTP/2 work on the plain port, and under the same bounds?

use std::time::Duration;

use bytes::Bytes;
use heify_gateway::refusal::is_envelope;
use heify_gateway::server::{Drained, Settings};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Connection, SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::{Running, soon};

type Driver = Connection<TokioIo<TcpStream>, Full<Bytes>, TokioExecutor>;

async fn connect(running: &Running) -> (SendRequest<Full<Bytes>>, Driver) {
    let stream = TcpStream::connect(running.address).await.unwrap();
    handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap()
}

fn request(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(format!("http://a{path}")).body(Full::from(body)).unwrap()
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>, path: &str, body: &'static str) -> Bytes {
    let answer = soon(sender.send_request(request(path, body))).await.unwrap();
    soon(answer.into_body().collect()).await.unwrap().to_bytes()
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_served() {
    let running = Running::start(Settings::default());
    let (mut sender, driver) = connect(&running).await;
    tokio::spawn(driver);
    assert_eq!(ask(&mut sender, "/read", "12345").await, "read 5");
    assert!(is_envelope(&ask(&mut sender, "/ignore", "unread").await));
    assert_eq!(ask(&mut sender, "/hello", "").await, "hello");
    assert_eq!(ask(&mut sender, "/peer", "").await, "Some(Peer(Some(127.0.0.1)))");
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed() {
    let idle_timeout = Duration::from_millis(100);
    let running = Running::start(Settings { idle_timeout, ..Settings::default() });
    let (mut sender, driver) = connect(&running).await;
    let driver = tokio::spawn(driver);
    assert_eq!(ask(&mut sender, "/hello", "").await, "hello");
    soon(driver).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_http2_client_that_takes_no_answer_is_dropped() {
    let short = Duration::from_millis(100);
    let running = Running::start(Settings {
        first_byte_timeout: short,
        idle_timeout: short,
        write_timeout: short,
        ..Settings::default()
    });
    let (mut sender, driver) = connect(&running).await;
    tokio::spawn(driver);
    let answer = soon(sender.send_request(request("/large", ""))).await.unwrap();
    assert!(soon(running.app.large.acquire()).await.is_err());
    assert!(soon(answer.into_body().collect()).await.is_err());
}

#[tokio::test]
async fn a_drain_lets_streams_in_progress_end() {
    let running = Running::start(Settings::default());
    let (mut sender, driver) = connect(&running).await;
    let driver = tokio::spawn(driver);
    let waiting = tokio::spawn(sender.send_request(request("/wait", "")));
    soon(running.app.begun.acquire()).await.unwrap().forget();
    running.server.shutdown();
    running.app.gate.add_permits(1);
    let answer = soon(waiting).await.unwrap().unwrap();
    assert_eq!(soon(answer.into_body().collect()).await.unwrap().to_bytes(), "waited");
    soon(driver).await.unwrap().unwrap();
    assert_eq!(running.drained().await, Drained { cut: 0 });
}
