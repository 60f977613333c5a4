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
    let settings = Settings::new(format!("http://{authority}").parse().unwrap(), Secret::new(""));
    let [connector, _] = Connector::pair(&settings).unwrap();
    let authority = authority.parse().unwrap();
    let pool =
        Pool::new(connector, Scheme::HTTP, authority, Duration::from_secs(60), Arc::default());
    let pool = Arc::new(pool);
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
