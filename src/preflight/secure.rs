//! How does a connection to a host become a safe one?

use tokio::net::TcpStream;

use super::outcome::Outcome;
use super::target::Target;
use crate::upstream::UpstreamError;

/// The client side of TLS, with the usual authorities; a build without TLS looks at no https URL.
#[derive(Clone)]
pub(super) struct Tls {
    #[cfg(feature = "tls")]
    connector: tokio_rustls::TlsConnector,
}

#[cfg(feature = "tls")]
impl Tls {
    /// Believes these authorities (PEM); without them the usual ones.
    pub(super) fn new(ca_pem: Option<&[u8]>) -> Result<Self, UpstreamError> {
        let mut config = crate::upstream::client_config(ca_pem)?;
        // Nothing is kept of one tenant's hosts that another's would be spoken to with.
        config.resumption = rustls::client::Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { connector: std::sync::Arc::new(config).into() })
    }

    pub(super) async fn secure(
        &self,
        target: &Target,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Outcome> {
        let name = target.server_name().ok_or(Outcome::Unreachable)?;
        self.connector.connect(name, stream).await.map_err(|_| Outcome::Unreachable)
    }
}

#[cfg(not(feature = "tls"))]
impl Tls {
    pub(super) fn new(_: Option<&[u8]>) -> Result<Self, UpstreamError> {
        Ok(Self {})
    }

    pub(super) async fn secure(&self, _: &Target, _: TcpStream) -> Result<TcpStream, Outcome> {
        Err(Outcome::NotFetched)
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
