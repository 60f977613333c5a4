//! How do requests reach the service, and what does a client see at the edges of HTTP?
//!
//! hyper speaks HTTP; this fills in what it leaves open: a deadline for each wait on a client,
//! the envelope as the answer to malformed HTTP/1, connections that live on or close cleanly when
//! a body was left unread, workers that share a socket, services that are replaced under load, and
//! a shutdown that lets requests end. It serves any tower service:
//!
//! ```
//! use std::convert::Infallible;
//! use heify_gateway::server::{Listener, RequestBody, Server, Settings};
//! use http_body_util::Full;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let hello = tower::service_fn(|_: http::Request<RequestBody>| async {
//!     Ok::<_, Infallible>(http::Response::new(Full::from("hello")))
//! });
//! let listener = Listener::tcp(([127, 0, 0, 1], 0).into())?;
//! let server = Server::new(hello, Settings::default());
//! # server.shutdown();
//! let drained = server.serve(listener).await?; // until somebody calls server.shutdown()
//! assert_eq!(drained.cut, 0);
//! # std::io::Result::Ok(())
//! # })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! HTTP/2's own errors stay as they are: they end a stream or the connection with a code of the
//! protocol (RFC 9113, section 7), and a head list that is too large gets an empty 431.

mod accept;
mod activity;
mod answer;
#[cfg(feature = "tls")]
mod certificate;
mod connection;
mod current;
mod deadline;
mod discard;
mod farewell;
mod guard;
mod listener;
mod request_body;
mod settings;
pub mod status;
mod tls;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{Semaphore, watch};

pub use accept::Drained;
#[cfg(feature = "tls")]
pub use certificate::not_after;
pub use listener::{Listener, LocalAddr};
pub use request_body::RequestBody;
pub use settings::Settings;
pub use tls::Tls;
pub use workers::{Pulse, Workers};

use crate::traffic::Connections;
use current::Current;

/// hyper's buffer cannot be smaller.
const MIN_BUFFER: usize = 8 * 1024;
/// Fields of a request: a browser sends about 20, and each costs memory before anything is checked.
const MAX_HEADERS: usize = 64;
/// How often an HTTP/2 client has to show that it is there, and how soon.
const PING: Duration = Duration::from_secs(20);
/// What an HTTP/2 client may send ahead, per stream and per connection. hyper's 1 MiB for both
/// would let one connection pin as much memory as 30 others use.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// What an HTTP/2 stream may have waiting for its client.
const SEND_BUFFER: usize = 64 * 1024;

/// Serves connections with a service that can be replaced. A cheap handle: clones are the same
/// server.
#[derive(Debug)]
pub struct Server<S> {
    inner: Arc<Inner<S>>,
}

#[derive(Debug)]
struct Inner<S> {
    settings: Settings,
    current: Arc<Current<S>>,
    tls: Option<Tls>,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    /// One for each connection; shared by the workers of a listener.
    permits: Arc<Semaphore>,
    /// Who counts them, with the same others.
    connections: Arc<Connections>,
    /// `Some` from the shutdown on: how long it may take.
    drain: watch::Sender<Option<Duration>>,
}

impl<S> Clone for Server<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S: Clone> Server<S> {
    /// Serves without TLS.
    pub fn new(service: S, settings: Settings) -> Self {
        Self::assemble(service, settings.bounded(), None, None, Arc::default())
    }

    /// Serves with TLS.
    pub fn with_tls(service: S, settings: Settings, tls: Tls) -> Self {
        Self::assemble(service, settings.bounded(), Some(tls), None, Arc::default())
    }

    fn assemble(
        service: S,
        settings: Settings,
        tls: Option<Tls>,
        permits: Option<Arc<Semaphore>>,
        connections: Arc<Connections>,
    ) -> Self {
        let permits = permits.unwrap_or_else(|| Arc::new(Semaphore::new(settings.max_connections)));
        let inner = Inner {
            http1: http1(&settings),
            http2: http2(&settings),
            current: Arc::new(Current::new(service)),
            settings,
            tls,
            permits,
            connections,
            drain: watch::Sender::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Replaces the service for requests to come. A request in progress keeps the service that
    /// it began with.
    pub fn replace(&self, service: S) {
        self.inner.current.replace(service);
    }
}

impl<S> Server<S> {
    /// Stops accepting, and ends each connection after the request in progress; what is not done
    /// after the settings' drain time-out is cut.
    pub fn shutdown(&self) {
        self.shutdown_within(self.inner.settings.drain_timeout);
    }

    fn shutdown_within(&self, drain_timeout: Duration) {
        self.inner.drain.send_replace(Some(drain_timeout));
    }
}

fn http1(settings: &Settings) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // A client may say that it has no further request, and still wait for the answer.
        .half_close(true)
        // The connection's own clock does this, tells a slow head from an idle connection, and
        // answers.
        .header_read_timeout(None)
        .timer(TokioTimer::new())
        .max_headers(MAX_HEADERS)
        .max_header_size(settings.max_header_bytes)
        .max_buf_size(settings.max_header_bytes.max(MIN_BUFFER));
    builder
}

fn http2(settings: &Settings) -> http2::Builder<TokioExecutor> {
    let list_size = u32::try_from(settings.max_header_bytes).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.h2_max_streams)
        .max_header_list_size(list_size)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}
