//! Does every call get a connection, or hear why not?

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::secret::Secret;
use crate::upstream::Settings;

/// A call that waits, and what it will hear.
fn waits(state: &mut State, number: u64) -> oneshot::Receiver<Result<Link, BoxError>> {
    let (tell, told) = oneshot::channel();
    state.waiting.push_back(Waiting { number, tell });
    told
}

fn pool(authority: &str) -> Arc<Pool> {
    let settings = Settings::new(format!("http://{authority}").parse().unwrap(), Secret::new(""));
    let [connector, _] = Connector::pair(&settings).unwrap();
    let (authority, timeout) = (authority.parse().unwrap(), Duration::from_secs(60));
    Arc::new(Pool::new(connector, Scheme::HTTP, authority, timeout, Arc::default()))
}

#[test]
fn a_call_hears_of_its_own_connection_or_of_one_in_its_place() {
    let mut state = State::default();
    let (mut one, mut other) = (waits(&mut state, 1), waits(&mut state, 2));
    state.connecting = 1;
    state.fail(2, "refused".into());
    assert!(matches!(other.try_recv(), Ok(Err(_))) && one.try_recv().is_err());
    // The third call took the first one's connection; when its own fails, the first is left
    // without any on its way.
    state.connecting = 0;
    state.fail(3, "refused".into());
    assert!(matches!(one.try_recv(), Ok(Err(_))));
    // Somebody else's connection is still on its way to this one.
    let mut last = waits(&mut state, 4);
    state.connecting = 1;
    state.fail(5, "refused".into());
    assert!(last.try_recv().is_err());
}

#[tokio::test]
async fn a_call_that_was_given_a_dead_connection_waits_for_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let pool = pool(&authority);
    let mut request = Some(Request::new(Full::from("created once")));
    let mut call = pin!(pool.send(&mut request));
    let pending = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending()));
    assert!(pending.await);
    // Another call gives its connection back, which then ends before anything is written on it.
    let (near, _far) = tokio::io::duplex(1024);
    let handshake = http1::handshake::<_, Full<Bytes>>(hyper_util::rt::TokioIo::new(near));
    let (sender, connection) = handshake.await.unwrap();
    pool.give_back(sender);
    drop(connection);
    let upstream = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = vec![0; 4096];
        assert!(stream.read(&mut read).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 204 X\r\n\r\n").await.unwrap();
    });
    assert_eq!(call.await.unwrap().status(), 204);
    upstream.await.unwrap();
}

#[tokio::test]
async fn what_no_http2_connection_has_taken_goes_over_http1_as_it_was() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let pool = pool(&authority);
    let request = Request::post("/submit?a=b").header(HOST, &authority);
    let mut request = Some(request.body(Full::default()).unwrap());
    let mut call = pin!(pool.send(&mut request));
    let pending = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending()));
    assert!(pending.await);
    let (near, _far) = tokio::io::duplex(1024);
    let io = hyper_util::rt::TokioIo::new(near);
    let handshake = http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), io);
    let (sender, connection) = handshake.await.unwrap();
    pool.share(&sender);
    drop(connection);
    let upstream = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = vec![0; 4096];
        let count = stream.read(&mut read).await.unwrap();
        stream.write_all(b"HTTP/1.1 204 X\r\n\r\n").await.unwrap();
        String::from_utf8(read[..count].to_vec()).unwrap()
    });
    assert_eq!(call.await.unwrap().status(), 204);
    let head = upstream.await.unwrap();
    assert!(head.starts_with("POST /submit?a=b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {authority}\r\n")), "{head}");
}
