//! How does a connection to the upstream come to stand, in time?

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use tower::Service;

use super::Settings;
use crate::body::BoxError;

/// Why an upstream cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The address lacks a part.
    #[error(
        "the upstream address must be http://host or https://host, optionally with a port and a path"
    )]
    Address,
    /// The build cannot speak TLS.
    #[error("https needs the feature `tls`, which this build does not have")]
    NoTls,
    /// The trust roots cannot be used.
    #[error("the certificate authorities cannot be used: {0}")]
    Roots(String),
    /// The key has bytes that no header can carry.
    #[error("the central key contains characters that a header cannot carry")]
    Key,
}

/// The error of a connection that did not stand in time.
#[derive(Debug, thiserror::Error)]
#[error("the connection did not stand in time")]
pub(super) struct ConnectTimedOut;

#[cfg(feature = "tls")]
pub(super) type Transport = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
pub(super) type Transport = HttpConnector;

/// A connection to a host, before anything was said on it.
pub type Connection = <Transport as Service<Uri>>::Response;

/// A connector whose whole work, TLS handshake included, has one deadline.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    transport: Transport,
    timeout: Duration,
}

/// What a connection may speak.
#[cfg(feature = "tls")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// HTTP/2, where the other side knows it, else HTTP/1.1.
    Either,
    Http1,
}

impl Connector {
    /// One for the upstream, and one for other hosts, which speaks HTTP/1.1 only.
    pub(super) fn pair(settings: &Settings) -> Result<[Self; 2], UpstreamError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        // Below the deadline of the whole call: what never connected must be told as that, and not as
        // a call whose outcome is unknown.
        let timeout = settings.connect_timeout.min(settings.timeout * 9 / 10);
        // Happy eyeballs divide this among the addresses of a name.
        tcp.set_connect_timeout(Some(timeout));
        tcp.enforce_http(false);
        let transports = transports(tcp, settings)?;
        Ok(transports.map(|transport| Self { transport, timeout }))
    }
}

#[cfg(feature = "tls")]
fn transports(tcp: HttpConnector, settings: &Settings) -> Result<[Transport; 2], UpstreamError> {
    // Read once: the system's authorities are many.
    let tls = super::roots::client_config(settings.ca_pem.as_deref())?;
    Ok([Speaks::Either, Speaks::Http1].map(|speaks| {
        let builder = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls.clone());
        let builder = builder.https_or_http().enable_http1();
        match speaks {
            Speaks::Either => builder.enable_http2().wrap_connector(tcp.clone()),
            Speaks::Http1 => builder.wrap_connector(tcp.clone()),
        }
    }))
}

#[cfg(not(feature = "tls"))]
fn transports(tcp: HttpConnector, settings: &Settings) -> Result<[Transport; 2], UpstreamError> {
    match settings.url.scheme_str() {
        Some("https") => Err(UpstreamError::NoTls),
        _ => Ok([tcp.clone(), tcp]),
    }
}

impl Service<Uri> for Connector {
    type Response = <Transport as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.transport.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.transport.call(uri);
        let timeout = self.timeout;
        // One box per connection, not per request.
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => Ok(connected?),
                Err(_) => Err(ConnectTimedOut.into()),
            }
        })
    }
}
