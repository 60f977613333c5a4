//! Which connection takes the next request?
//!
//! All connections lead to one place, so the pool is a list: the one that was used last goes first, and
//! the others grow old and are closed. A call that finds none waits for whatever comes first, its own
//! new connection or one that another call gives back. HTTP/2 needs one connection for all calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use super::answer::Answer;
use super::connect::Connector;
use super::connections::Connections;
use crate::body::BoxError;

/// What an HTTP/1 answer may have waiting for a slow client; its head has to fit.
const READ_BUFFER: usize = 64 * 1024;
/// What an HTTP/2 answer may have waiting for a slow client.
const STREAM_WINDOW: u32 = 256 * 1024;
/// What all answers on a connection may have waiting: that of 128 streams, which is how many usual
/// servers allow. With hyper's 5 MiB, three slow clients stall the calls of all others.
const CONNECTION_WINDOW: u32 = 128 * STREAM_WINDOW;
/// How often an HTTP/2 connection is asked whether it lives, and for how long.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

type Outgoing = Request<Full<Bytes>>;
type Http1 = http1::SendRequest<Full<Bytes>>;
type Http2 = http2::SendRequest<Full<Bytes>>;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There was no connection: nothing was sent.
    #[error("no connection")]
    Connect(#[source] BoxError),
    /// The connection ended before an answer.
    #[error("no answer")]
    Broken(#[source] hyper::Error),
    /// There was no request to send.
    #[error("no request")]
    NoRequest,
}

/// The connections of one thread to one upstream; they live on the runtime that uses them.
#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    scheme: Scheme,
    authority: Authority,
    idle_timeout: Duration,
    connections: Arc<Connections>,
    /// One thread uses the pool, so nobody waits for this lock; it is never held across an await.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// HTTP/1 connections without a call, the one used last at the end.
    idle: Vec<Idle>,
    http2: Option<Http2>,
    /// Calls without a connection, in their order.
    waiting: VecDeque<Waiting>,
    /// Connections on their way.
    connecting: usize,
    last_number: u64,
    /// Whether somebody watches over the idle ones.
    watched: bool,
}

#[derive(Debug)]
struct Idle {
    sender: Http1,
    since: Instant,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    tell: oneshot::Sender<Result<Link, BoxError>>,
}

/// A connection that takes a request.
#[derive(Debug)]
enum Link {
    Http1(Http1),
    Http2(Http2),
}

impl Pool {
    pub(super) fn new(
        connector: Connector,
        scheme: Scheme,
        authority: Authority,
        idle_timeout: Duration,
        connections: Arc<Connections>,
    ) -> Self {
        let state = Mutex::default();
        Self { connector, scheme, authority, idle_timeout, connections, state }
    }

    /// Sends a request whose address is a path, and waits for the head of the answer. It is sent on
    /// another connection only where the one before had ended before a byte of it was written.
    pub(super) async fn send(
        self: &Arc<Self>,
        outgoing: &mut Option<Outgoing>,
    ) -> Result<Response<Answer>, SendError> {
        let mut waited_before = false;
        loop {
            // A connection that was waited for may be an old one that another call gave back: it is waited
            // for a second time, and not for ever.
            let (link, is_last) = match self.take() {
                Some(link) => (link, false),
                None => {
                    let link = self.connect().await.map_err(SendError::Connect)?;
                    (link, std::mem::replace(&mut waited_before, true))
                }
            };
            let Some(request) = outgoing.take() else { return Err(SendError::NoRequest) };
            let (mut unsent, host) = match link {
                Link::Http1(mut sender) => match sender.try_send_request(request).await {
                    Ok(answer) => return Ok(answer.map(|body| Answer::lent(body, sender, self))),
                    Err(unsent) => (unsent, None),
                },
                Link::Http2(mut sender) => {
                    let (request, host) = self.for_http2(request);
                    match sender.try_send_request(request).await {
                        Ok(answer) => return Ok(answer.map(Answer::shared)),
                        Err(unsent) => (unsent, host),
                    }
                }
            };
            *outgoing = unsent.take_message().map(|request| for_http1(request, host));
            if outgoing.is_none() {
                return Err(SendError::Broken(unsent.into_error()));
            }
            if is_last {
                return Err(SendError::Connect(unsent.into_error().into()));
            }
        }
    }

    /// A connection that takes a request at once.
    fn take(&self) -> Option<Link> {
        let mut state = self.state();
        if let Some(shared) = &state.http2 {
            if shared.is_ready() {
                return Some(Link::Http2(shared.clone()));
            }
            state.http2 = None;
        }
        while let Some(Idle { sender, .. }) = state.idle.pop() {
            if sender.is_ready() {
                return Some(Link::Http1(sender));
            }
        }
        None
    }

    /// Waits for a new connection, or for one that is given back before.
    async fn connect(self: &Arc<Self>) -> Result<Link, BoxError> {
        let (tell, told) = oneshot::channel();
        let number = {
            let mut state = self.state();
            state.last_number += 1;
            state.connecting += 1;
            let number = state.last_number;
            state.waiting.push_back(Waiting { number, tell });
            number
        };
        // A task of its own: a connection that was begun serves others when its call has gone.
        tokio::spawn(Arc::clone(self).connected(number));
        told.await.unwrap_or_else(|_| Err("the runtime ends".into()))
    }

    async fn connected(self: Arc<Self>, number: u64) {
        let opened = self.open().await;
        self.state().connecting -= 1;
        match opened {
            Ok(Link::Http1(sender)) => self.give_back(sender),
            Ok(Link::Http2(sender)) => self.share(&sender),
            Err(error) => {
                self.connections.failed();
                self.state().fail(number, error);
            }
        }
    }

    async fn open(&self) -> Result<Link, BoxError> {
        let io = self.connector.clone().oneshot(self.absolute(&Uri::default())).await?;
        if io.connected().is_negotiated_h2() {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(PING_INTERVAL)
                .keep_alive_timeout(PING_TIMEOUT)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .handshake(io)
                .await?;
            let open = self.connections.opened();
            tokio::spawn(async move {
                let _open = open;
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to the upstream ended");
                }
            });
            return Ok(Link::Http2(sender));
        }
        let handshake = http1::Builder::new().max_buf_size(READ_BUFFER).handshake(io);
        let (mut sender, connection) = handshake.await?;
        let open = self.connections.opened();
        tokio::spawn(async move {
            let _open = open;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the upstream ended");
            }
        });
        sender.ready().await?;
        Ok(Link::Http1(sender))
    }

    /// How many connections have no call.
    pub(super) fn idle(&self) -> usize {
        self.state().idle.len()
    }

    /// Takes a connection that is ready for the next call.
    fn give_back(self: &Arc<Self>, sender: Http1) {
        let mut link = Link::Http1(sender);
        let mut state = self.state();
        while let Some(first) = state.waiting.pop_front() {
            match first.tell.send(Ok(link)) {
                Ok(()) => return,
                // This call has gone; the link comes back as it was given.
                Err(Ok(unwanted)) => link = unwanted,
                Err(Err(_)) => return,
            }
        }
        let Link::Http1(sender) = link else { return };
        state.idle.push(Idle { sender, since: Instant::now() });
        if !std::mem::replace(&mut state.watched, true) {
            tokio::spawn(watch(Arc::downgrade(self), self.idle_timeout));
        }
    }

    fn share(&self, sender: &Http2) {
        let mut state = self.state();
        for first in state.waiting.drain(..) {
            let _ = first.tell.send(Ok(Link::Http2(sender.clone())));
        }
        state.http2 = Some(sender.clone());
    }

    /// `Host` says what the address says (RFC 9113, section 8.3.1), and is handed back.
    fn for_http2(&self, mut request: Outgoing) -> (Outgoing, Option<HeaderValue>) {
        let host = request.headers_mut().remove(HOST);
        *request.uri_mut() = self.absolute(request.uri());
        (request, host)
    }

    /// The address of a path, with scheme and authority as HTTP/2 needs them.
    fn absolute(&self, path: &Uri) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        let path = path.path_and_query().cloned();
        parts.path_and_query = Some(path.unwrap_or(PathAndQuery::from_static("/")));
        // All three parts stand: that is always an address.
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// What is inside is whole between any two statements.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A connection could not be made. Its own call hears of it; if that one was served by another
    /// connection, then another call was left without, and hears of it in its place.
    fn fail(&mut self, number: u64, error: BoxError) {
        let own = self.waiting.iter().position(|waiting| waiting.number == number);
        let left_without = (self.waiting.len() > self.connecting).then_some(0);
        if let Some(one) = own.or(left_without).and_then(|place| self.waiting.remove(place)) {
            let _ = one.tell.send(Err(error));
        }
    }
}

/// The request as it was before HTTP/2 took its `Host`: the next connection may not speak that.
fn for_http1(mut request: Outgoing, host: Option<HeaderValue>) -> Outgoing {
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.unwrap_or(PathAndQuery::from_static("/")).into();
    }
    request
}

/// Gives a connection back after its answer: at once where it is ready for another call, else when it
/// is. One that closes instead is forgotten, and so is one that takes longer than it may be idle.
pub(super) fn after_answer(pool: &Weak<Pool>, mut sender: Http1) {
    let Some(pool) = pool.upgrade() else { return };
    if sender.is_ready() {
        pool.give_back(sender);
    } else if !sender.is_closed()
        && let Ok(runtime) = tokio::runtime::Handle::try_current()
    {
        runtime.spawn(async move {
            if let Ok(Ok(())) = timeout(pool.idle_timeout, sender.ready()).await {
                pool.give_back(sender);
            }
        });
    }
}

/// Closes what has been idle for too long. Ends with the last idle connection, so that a gateway
/// without calls has no timer.
async fn watch(pool: Weak<Pool>, timeout: Duration) {
    loop {
        let next = {
            let Some(pool) = pool.upgrade() else { return };
            let mut state = pool.state();
            let now = Instant::now();
            state.idle.retain(|idle| idle.sender.is_ready() && idle.since + timeout > now);
            let Some(oldest) = state.idle.iter().map(|idle| idle.since).min() else {
                state.watched = false;
                return;
            };
            oldest + timeout
        };
        tokio::time::sleep_until(next).await;
    }
}

#[cfg(test)]
mod tests;
