//! How does one request reach the upstream?

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::{self, Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connect::{ConnectTimedOut, Connector, UpstreamError};
use super::{Breaker, Redactor, Settings};

/// What an HTTP/1 answer may have waiting for a slow client; its head has to fit.
const READ_BUFFER: usize = 64 * 1024;
/// What an HTTP/2 answer may have waiting for a slow client.
const STREAM_WINDOW: u32 = 256 * 1024;
/// What all answers on a connection may have waiting: that of 128 streams, which is how many usual
/// servers allow. With hyper's 5 MiB, three slow clients stall the calls of all others.
const CONNECTION_WINDOW: u32 = 128 * STREAM_WINDOW;

/// A pooled client with the central key. Make one per data-path thread: its connections live on the
/// runtime that uses it.
#[derive(Debug)]
pub struct Upstream {
    client: Client<Connector, Full<Bytes>>,
    scheme: Scheme,
    authority: Authority,
    prefix: Box<str>,
    /// `Host`, where only HTTP/1 can be spoken: else the client would build it for every request.
    host: Option<HeaderValue>,
    key: HeaderValue,
    redactor: Redactor,
    settings: Settings,
    breaker: Arc<Breaker>,
}

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection: nothing was sent.
    Unreachable,
    /// No connection in time: nothing was sent.
    ConnectTimeout,
    /// The connection ended before an answer: the call may have been done.
    Closed,
    /// What came is not an HTTP answer: the call may have been done.
    Garbled,
}

impl Upstream {
    /// Makes a client. The breaker is shared by the clients of all threads.
    ///
    /// # Errors
    /// [`UpstreamError`] when address, key or authorities cannot be used.
    pub fn new(settings: &Settings, breaker: Arc<Breaker>) -> Result<Self, UpstreamError> {
        let parts = settings.url.clone().into_parts();
        let scheme = parts.scheme.ok_or(UpstreamError::Address)?;
        let authority = parts.authority.ok_or(UpstreamError::Address)?;
        let prefix = parts.path_and_query.map_or(String::new(), |path| path.path().to_owned());
        let mut key =
            HeaderValue::from_str(settings.api_key.expose()).map_err(|_| UpstreamError::Key)?;
        // Keeps it out of Debug output and out of HTTP/2's compression table.
        key.set_sensitive(true);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.pool_idle_timeout)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .http1_max_buf_size(READ_BUFFER)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(Connector::new(settings)?);
        Ok(Self {
            client,
            host: plain_host(&scheme, &authority),
            scheme,
            authority,
            prefix: prefix.trim_end_matches('/').into(),
            key,
            redactor: Redactor::new(&settings.api_key),
            settings: settings.clone(),
            breaker,
        })
    }

    /// The address of a path at the upstream.
    pub fn uri(&self, path: &PathAndQuery) -> Option<Uri> {
        let path = if self.prefix.is_empty() {
            path.clone()
        } else {
            PathAndQuery::try_from(format!("{}{path}", self.prefix)).ok()?
        };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).ok()
    }

    /// The central key, marked as sensitive.
    pub fn key(&self) -> HeaderValue {
        self.key.clone()
    }

    /// Finds the central key in answers.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The deadlines.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends a request. The future has no deadline of its own but the one of connecting.
    pub fn send(&self, mut request: Request<Full<Bytes>>) -> ResponseFuture {
        if let Some(host) = &self.host {
            request.headers_mut().insert(HOST, host.clone());
        }
        self.client.request(request)
    }

    /// Asks the breaker before a call.
    ///
    /// # Errors
    /// The rest of the upstream's pause.
    pub fn admit(&self) -> Result<(), Duration> {
        self.breaker.admit(Instant::now)
    }

    /// Notes that the upstream answered.
    pub fn answered(&self) {
        self.breaker.answered();
    }

    /// Tells why no answer came, and notes it for the breaker.
    pub fn failed(&self, error: &legacy::Error) -> Failure {
        if !error.is_connect() {
            let garbled = causes(error).any(|cause| {
                cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
            });
            tracing::warn!(error = chain(error), "the upstream broke off a call");
            return if garbled { Failure::Garbled } else { Failure::Closed };
        }
        self.breaker.failed(Instant::now());
        tracing::warn!(error = chain(error), "the upstream cannot be reached");
        let timed_out = causes(error).any(|cause| {
            let system = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            cause.is::<ConnectTimedOut>() || system == Some(std::io::ErrorKind::TimedOut)
        });
        if timed_out { Failure::ConnectTimeout } else { Failure::Unreachable }
    }
}

/// `Host` without TLS (RFC 9110, section 7.2): the port stands in it unless it is the usual one.
fn plain_host(scheme: &Scheme, authority: &Authority) -> Option<HeaderValue> {
    if *scheme != Scheme::HTTP {
        return None;
    }
    let host = authority.host();
    match authority.port().filter(|port| port.as_u16() != 80) {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}")).ok(),
        None => HeaderValue::from_str(host).ok(),
    }
}

/// An error with its causes, for operators: addresses and reasons, never a header or a body.
fn chain(error: &legacy::Error) -> String {
    let causes: Vec<String> = causes(error).map(ToString::to_string).collect();
    causes.join(": ")
}

/// An error and what caused it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| Error::source(*error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_names_a_port_that_is_not_the_usual_one_and_nobody() {
        let host = |scheme: Scheme, authority: &str| {
            let authority = Authority::try_from(authority).unwrap();
            plain_host(&scheme, &authority).map(|host| host.to_str().unwrap().to_owned())
        };
        assert_eq!(host(Scheme::HTTP, "api.example:8080").as_deref(), Some("api.example:8080"));
        assert_eq!(host(Scheme::HTTP, "me:pw@api.example:80").as_deref(), Some("api.example"));
        assert_eq!(host(Scheme::HTTP, "[::1]:81").as_deref(), Some("[::1]:81"));
        assert_eq!(host(Scheme::HTTPS, "api.example"), None);
    }
}
