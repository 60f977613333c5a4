//! How do connections come in, how many at once, and how does a listener stop?

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Request, Response};
use http_body::Body;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tower::Service;

use super::listener::{Accepting, Listener, Socket};
use super::{RequestBody, Server};
use crate::body::BoxError;
use crate::peer::Peer;

/// How long a listener waits when the process or the system has no file handle left: long enough
/// not to spin, short enough not to be noticed once one is free.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How a listener came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Connections that were closed in the middle because the drain time was over.
    pub cut: usize,
}

/// What is short, and has been logged: once per burst is enough.
#[derive(Debug, Default)]
struct Pressure {
    handles: bool,
    room: bool,
}

enum Event {
    Accepted(io::Result<(Socket, Peer)>),
    Drain(Duration),
}

impl<S, B> Server<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// Accepts and serves connections in the tokio runtime of the caller, until
    /// [`shutdown`](Self::shutdown). Dropping the future cuts all its connections.
    ///
    /// # Errors
    /// Where the socket cannot be registered with the runtime. Later errors of the socket are
    /// waited out.
    pub async fn serve(&self, listener: Listener) -> io::Result<Drained> {
        let accepting = listener.open()?;
        let mut connections = JoinSet::new();
        let mut pressure = Pressure::default();
        let drain = loop {
            match self.next(&accepting, &mut connections).await {
                Event::Drain(timeout) => break timeout,
                Event::Accepted(Ok((socket, peer))) => {
                    pressure.handles = false;
                    self.admit(socket, peer, &mut connections, &mut pressure).await;
                    // Another worker may be idle: leave it the next one.
                    tokio::task::yield_now().await;
                }
                Event::Accepted(Err(error)) if concerns_one_connection(&error) => {}
                Event::Accepted(Err(error)) => {
                    self.inner.connections.not_accepted();
                    if !std::mem::replace(&mut pressure.handles, true) {
                        tracing::error!(%error, "no connection can be accepted; trying on");
                    }
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        };
        self.accept_rest(&accepting, &mut connections).await;
        drop(accepting);
        let ended = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(drain, ended).await;
        Ok(Drained { cut: connections.len() })
    }

    /// Waits for the next connection or for the drain, and forgets connections that have ended.
    async fn next(&self, accepting: &Accepting, connections: &mut JoinSet<()>) -> Event {
        let mut drain = self.inner.drain.subscribe();
        let mut draining = pin!(drain.wait_for(Option::is_some));
        poll_fn(|context| {
            while let Poll::Ready(Some(_)) = connections.poll_join_next(context) {}
            if let Poll::Ready(timeout) = draining.as_mut().poll(context) {
                let timeout = timeout.ok().and_then(|timeout| *timeout).unwrap_or_default();
                return Poll::Ready(Event::Drain(timeout));
            }
            accepting.poll_accept(context).map(Event::Accepted)
        })
        .await
    }

    /// Serves a connection as soon as there is room for it, or the drain comes: closing it then would fail
    /// its request, and no other is accepted after it.
    async fn admit(
        &self,
        socket: Socket,
        peer: Peer,
        connections: &mut JoinSet<()>,
        pressure: &mut Pressure,
    ) {
        let permit = match Arc::clone(&self.inner.permits).try_acquire_owned() {
            Ok(permit) => {
                pressure.room = false;
                Some(permit)
            }
            Err(_) => {
                self.inner.connections.delayed();
                if !std::mem::replace(&mut pressure.room, true) {
                    let limit = self.inner.settings.max_connections;
                    tracing::warn!(limit, "all connections are taken; further ones wait");
                }
                self.room().await
            }
        };
        self.attend(socket, peer, permit, connections);
    }

    fn attend(
        &self,
        socket: Socket,
        peer: Peer,
        permit: Option<OwnedSemaphorePermit>,
        connections: &mut JoinSet<()>,
    ) {
        let server = self.clone();
        let connection = self.inner.connections.accepted();
        connections.spawn(async move {
            server.talk_socket(socket, peer).await;
            drop((permit, connection));
        });
    }

    /// Waits for room; `None`: the drain came first.
    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        let mut drain = self.inner.drain.subscribe();
        let draining = pin!(drain.wait_for(Option::is_some));
        let permit = pin!(Arc::clone(&self.inner.permits).acquire_owned());
        match select(permit, draining).await {
            Either::Left((permit, _)) => permit.ok(),
            Either::Right(_) => None,
        }
    }

    /// Takes what the kernel has already accepted: closing the socket would reset it. What there is no
    /// room for stays there, for whoever else may hold the socket.
    async fn accept_rest(&self, accepting: &Accepting, connections: &mut JoinSet<()>) {
        while let Ok(permit) = Arc::clone(&self.inner.permits).try_acquire_owned() {
            // Without tokio's budget, which would end this early.
            let accepted = tokio::task::unconstrained(poll_fn(|context| {
                Poll::Ready(match accepting.poll_accept(context) {
                    Poll::Ready(Ok(accepted)) => Some(accepted),
                    Poll::Ready(Err(_)) | Poll::Pending => None,
                })
            }));
            let Some((socket, peer)) = accepted.await else { return };
            self.attend(socket, peer, Some(permit), connections);
        }
    }

    async fn talk_socket(&self, socket: Socket, peer: Peer) {
        match &self.inner.tls {
            None => self.talk(socket, peer, None).await,
            // A TLS session is large: in a box, so that plain connections stay small.
            #[cfg(feature = "tls")]
            Some(tls) => Box::pin(self.talk_tls(socket, peer, tls)).await,
            #[cfg(not(feature = "tls"))]
            Some(none) => match *none {},
        }
    }
}

/// Tells errors of the connection that was to be accepted from errors of the listener.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
