//! How does a listener speak TLS?
//!
//! The handshake offers HTTP/2 and HTTP/1.1 (ALPN, RFC 7301); a client that names neither gets
//! HTTP/1.1. Certificates can be replaced while connections run.

#[cfg(feature = "tls")]
pub use enabled::Tls;

/// The certificates of a listener. This build has no TLS (feature `tls`), so there are none.
#[cfg(not(feature = "tls"))]
#[derive(Debug, Clone)]
pub enum Tls {}

#[cfg(feature = "tls")]
mod enabled {
    use std::convert::Infallible;
    use std::pin::pin;
    use std::sync::Arc;

    use arc_swap::ArcSwap;
    use bytes::Bytes;
    use futures_util::future::{Either, select};
    use http::{Request, Response};
    use http_body::Body;
    use rustls::ServerConfig;
    use tokio::io::{AsyncRead, AsyncWrite};
    use tower::Service;

    use super::super::deadline::FRESH;
    use super::super::guard::Protocol;
    use super::super::{RequestBody, Server};
    use crate::body::BoxError;
    use crate::peer::Peer;

    /// The certificates of a listener, shared by its workers.
    #[derive(Debug, Clone)]
    pub struct Tls(Arc<ArcSwap<ServerConfig>>);

    impl Tls {
        /// Takes a rustls configuration; the protocols for ALPN are set here.
        pub fn new(config: ServerConfig) -> Self {
            Self(Arc::new(ArcSwap::from_pointee(offering(config))))
        }

        /// Replaces certificate and key for the handshakes to come.
        pub fn replace(&self, config: ServerConfig) {
            self.0.store(Arc::new(offering(config)));
        }
    }

    fn offering(mut config: ServerConfig) -> ServerConfig {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }

    impl<S, B> Server<S>
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        /// Serves a connection that begins with a TLS handshake.
        pub(in super::super) async fn talk_tls<I>(&self, io: I, peer: Peer, tls: &Tls)
        where
            I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        {
            let acceptor = tokio_rustls::TlsAcceptor::from(tls.0.load_full());
            let limit = self.inner.settings.handshake_timeout;
            let fresh = tokio::time::Instant::now() + FRESH;
            let mut drain = self.inner.drain.subscribe();
            let drained = pin!(async { drop(drain.wait_for(Option::is_some).await) });
            let handshake = pin!(tokio::time::timeout(limit, acceptor.accept(io)));
            let stream = match select(handshake, drained).await {
                Either::Left((Ok(Ok(stream)), _)) => stream,
                Either::Left((Ok(Err(error)), _)) => {
                    self.inner.connections.handshake_failed();
                    tracing::debug!(%error, "TLS handshake failed");
                    return;
                }
                Either::Left((Err(_), _)) => return self.inner.connections.handshake_failed(),
                // A handshake is no request in progress, but whoever has just connected is about to
                // send one.
                Either::Right((_, handshake)) => {
                    match tokio::time::timeout_at(fresh, handshake).await {
                        Ok(Ok(Ok(stream))) => stream,
                        _ => return,
                    }
                }
            };
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            };
            self.talk(stream, peer, Some(protocol)).await;
        }
    }
}
