//! Does HTTP/2 work on the plain port, and under the same bounds?

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use heify_gateway::peer::Peer;
use heify_gateway::refusal::is_envelope;
use heify_gateway::server::{Drained, RequestBody, Server, Settings};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Connection, SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
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

/// A frame of HTTP/2 (RFC 9113, section 4.1).
#[derive(Debug)]
struct Received {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

async fn frame(stream: &mut (impl AsyncRead + Unpin)) -> Received {
    let mut head = [0; 9];
    soon(stream.read_exact(&mut head)).await.unwrap();
    let [one, two, three, kind, flags, number @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, one, two, three]) as usize];
    soon(stream.read_exact(&mut payload)).await.unwrap();
    Received { kind, flags, stream: u32::from_be_bytes(number), payload }
}

/// Sends a ping, and gives the frames of stream 1 that come before its answer.
async fn until_pong(stream: &mut TcpStream) -> Vec<Received> {
    stream.write_all(b"\0\0\x08\x06\0\0\0\0\x0012345678").await.unwrap();
    let mut seen = Vec::new();
    loop {
        let frame = frame(stream).await;
        match (frame.kind, frame.stream) {
            (6, _) => return seen,
            (_, 1) => seen.push(frame),
            _ => {}
        }
    }
}

/// The client's preface and one request on stream 1, without the end of the stream. The fields are
/// of HPACK's static table (RFC 7541, appendix A): method, scheme http, path, authority `a`.
fn preface(method: &[u8], path: &str) -> Vec<u8> {
    let mut fields = method.to_vec();
    fields.extend_from_slice(b"\x86\x04");
    fields.push(u8::try_from(path.len()).unwrap());
    fields.extend_from_slice(path.as_bytes());
    fields.extend_from_slice(b"\x01\x01a");
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    bytes.extend_from_slice(&[0, 0, u8::try_from(fields.len()).unwrap(), 1, 4, 0, 0, 0, 1]);
    bytes.extend_from_slice(&fields);
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_call_that_crosses_the_goodbye_of_an_idle_connection_is_answered() {
    let slow = tower::service_fn(|_: Request<RequestBody>| async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("late")))
    });
    let idle_timeout = Duration::from_secs(1);
    let server = Server::new(slow, Settings { idle_timeout, ..Settings::default() });
    let (mut stream, served) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move { server.serve_connection(served, Peer(None)).await });
    let mut bytes = preface(b"\x83", "/slow");
    // Behind the preface and the settings; the stream ends with its head.
    let request = bytes.split_off(33);
    stream.write_all(&bytes).await.unwrap();
    while frame(&mut stream).await.kind != 7 {}
    stream.write_all(&[&request[..4], &[5], &request[5..]].concat()).await.unwrap();
    let answer = loop {
        let frame = frame(&mut stream).await;
        if (frame.kind, frame.stream) == (0, 1) {
            break frame.payload;
        }
    };
    assert_eq!(answer, b"late");
}

#[tokio::test]
async fn a_refusal_waits_for_a_small_body_instead_of_resetting_its_stream() {
    let running = Running::start(Settings::default());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    // POST is entry 3 of the static table.
    stream.write_all(&preface(b"\x83", "/ignore")).await.unwrap();
    // Once a ping is answered, the head has been read, and an early answer is on its way.
    let mut answer = until_pong(&mut stream).await;
    stream.write_all(b"\0\0\x05\0\x01\0\0\0\x01hello").await.unwrap();
    while answer.last().is_none_or(|frame| frame.flags & 1 == 0) {
        answer.push(frame(&mut stream).await);
        answer.retain(|frame| frame.stream == 1);
    }
    // Whatever the stream still gets comes before the answer to a second ping.
    answer.extend(until_pong(&mut stream).await);
    let kinds: Vec<u8> = answer.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [1, 0], "HEADERS and DATA, no RST_STREAM: {answer:?}");
    assert!(is_envelope(&answer[1].payload));
}

#[tokio::test]
async fn an_answer_to_head_has_no_body_on_http2_either() {
    let running = Running::start(Settings::default());
    let (mut sender, driver) = connect(&running).await;
    tokio::spawn(driver);
    for path in ["/hello", "/ignore"] {
        let head = Request::head(format!("http://a{path}")).body(Full::default()).unwrap();
        let answer = soon(sender.send_request(head)).await.unwrap();
        assert_eq!(answer.headers().contains_key("x-gateway-reason"), path == "/ignore");
        let body = soon(answer.into_body().collect()).await.unwrap().to_bytes();
        assert!(body.is_empty(), "{body:?}");
    }
    assert_eq!(ask(&mut sender, "/hello", "").await, "hello");
}
