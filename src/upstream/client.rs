//! How does one request reach the upstream?

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::Full;
use tower::ServiceExt;

use super::answer::Answer;
use super::connect::{ConnectTimedOut, Connection, Connector, UpstreamError};
use super::connections::Connections;
use super::pool::{Pool, SendError};
use super::{Breaker, Redactor, Settings};
use crate::body::BoxError;
use crate::key::X_API_KEY;

const AGENT: &str = concat!("heify-gateway/", env!("CARGO_PKG_VERSION"));

/// A pooled client with the central key. Make one per data-path thread: its connections live on the
/// runtime that uses it.
#[derive(Debug)]
pub struct Upstream {
    pool: Arc<Pool>,
    /// Connects to hosts beside the API.
    elsewhere: Connector,
    prefix: Box<str>,
    fields: HeaderMap,
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
        Self::counted(settings, breaker, &Arc::default())
    }

    /// As [`new`](Self::new), with its connections counted among those of others.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn counted(
        settings: &Settings,
        breaker: Arc<Breaker>,
        connections: &Arc<Connections>,
    ) -> Result<Self, UpstreamError> {
        let parts = settings.url.clone().into_parts();
        let scheme = parts.scheme.ok_or(UpstreamError::Address)?;
        let authority = parts.authority.ok_or(UpstreamError::Address)?;
        let prefix = parts.path_and_query.map_or(String::new(), |path| path.path().to_owned());
        let fields = own_fields(&scheme, &authority, settings)?;
        let [connector, elsewhere] = Connector::pair(settings)?;
        let (idle, counted) = (settings.pool_idle_timeout, Arc::clone(connections));
        let pool = Arc::new(Pool::new(connector, scheme, authority, idle, counted));
        connections.watch(&pool);
        Ok(Self {
            pool,
            elsewhere,
            prefix: prefix.trim_end_matches('/').into(),
            fields,
            redactor: Redactor::new(&settings.api_key),
            settings: settings.clone(),
            breaker,
        })
    }

    /// The address of a path at the upstream, for [`send`](Self::send): scheme and host are always
    /// the same, and stand in no request.
    pub fn uri(&self, path: &PathAndQuery) -> Option<Uri> {
        if self.prefix.is_empty() {
            return Some(Uri::from(path.clone()));
        }
        PathAndQuery::try_from(format!("{}{path}", self.prefix)).ok().map(Uri::from)
    }

    /// The fields that the gateway gives to every request: `Host`, the central key (marked as
    /// sensitive), and how it wants to be answered.
    pub fn fields(&self) -> &HeaderMap {
        &self.fields
    }

    /// Finds the central key in answers.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The deadlines.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends a request to a path; it is taken when there is a connection for it. The future has no
    /// deadline of its own but the one of connecting.
    ///
    /// # Errors
    /// [`SendError`], also when there is no request.
    pub fn send(
        &self,
        request: &mut Option<Request<Full<Bytes>>>,
    ) -> impl Future<Output = Result<Response<Answer>, SendError>> {
        self.pool.send(request)
    }

    /// Connects to another host of the upstream, its storage say, with the same authorities and the same
    /// deadline. Nothing of the central key is on such a connection.
    ///
    /// # Errors
    /// When it does not stand in time.
    pub async fn dial(&self, origin: Uri) -> Result<Connection, BoxError> {
        self.elsewhere.clone().oneshot(origin).await
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
    pub fn failed(&self, error: &SendError) -> Failure {
        let cause: &(dyn Error + 'static) = match error {
            SendError::Connect(cause) => &**cause,
            SendError::Broken(_) | SendError::NoRequest => {
                tracing::warn!(error = chain(error), "the upstream broke off a call");
                let garbled = matches!(error, SendError::Broken(cause) if cause.is_parse());
                return if garbled { Failure::Garbled } else { Failure::Closed };
            }
        };
        self.breaker.failed(Instant::now());
        tracing::warn!(error = chain(error), "the upstream cannot be reached");
        let timed_out = causes(cause).any(|cause| {
            let system = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            cause.is::<ConnectTimedOut>() || system == Some(std::io::ErrorKind::TimedOut)
        });
        if timed_out { Failure::ConnectTimeout } else { Failure::Unreachable }
    }
}

fn own_fields(
    scheme: &Scheme,
    authority: &Authority,
    settings: &Settings,
) -> Result<HeaderMap, UpstreamError> {
    let mut key =
        HeaderValue::from_str(settings.api_key.expose()).map_err(|_| UpstreamError::Key)?;
    // Keeps it out of Debug output and out of HTTP/2's compression table.
    key.set_sensitive(true);
    // Room for the client's few: the map is copied for every request, and then grows once.
    let mut fields = HeaderMap::with_capacity(12);
    fields.insert(HOST, host(scheme, authority).ok_or(UpstreamError::Address)?);
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Error answers have to be read, and no answer may hide the key in a compressed body.
    fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    fields.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    fields.insert(X_API_KEY, key);
    Ok(fields)
}

/// The port stands in `Host` unless it is the scheme's own (RFC 9110, section 4.2).
fn host(scheme: &Scheme, authority: &Authority) -> Option<HeaderValue> {
    let usual = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let host = authority.host();
    match authority.port_u16().filter(|port| *port != usual) {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}")).ok(),
        None => HeaderValue::from_str(host).ok(),
    }
}

/// An error with its causes, for operators: addresses and reasons, never a header or a body.
fn chain(error: &SendError) -> String {
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
            host(&scheme, &authority).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(host(Scheme::HTTP, "api.example:8080"), "api.example:8080");
        assert_eq!(host(Scheme::HTTP, "me:pw@api.example:80"), "api.example");
        assert_eq!(host(Scheme::HTTP, "[::1]:81"), "[::1]:81");
        assert_eq!(host(Scheme::HTTPS, "api.example:443"), "api.example");
        assert_eq!(host(Scheme::HTTPS, "api.example:80"), "api.example:80");
    }
}
