//! Which certificates do the listeners show, and how are they renewed?

#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::SystemTime;

use heify_gateway::config;
use heify_gateway::server::Tls;

use super::gateway::StartError;

/// Those in use. A listener without one stays without one: that was decided when it was bound.
#[derive(Debug)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there are none to renew"))]
pub(crate) struct Certificates {
    pub(crate) data: Option<Tls>,
    pub(crate) admin: Option<Tls>,
}

/// Those of another configuration, found to be usable.
#[cfg(feature = "tls")]
pub(crate) struct Renewed(Vec<(Tls, rustls::ServerConfig)>);

#[cfg(not(feature = "tls"))]
pub(crate) struct Renewed;

#[cfg(feature = "tls")]
impl Certificates {
    /// Reads those of another configuration, and changes nothing.
    pub(crate) fn renewed(&self, settings: &config::Settings) -> Result<Renewed, StartError> {
        let mut renewed = Vec::new();
        for (used, given) in
            [(&self.data, &settings.server.tls), (&self.admin, &settings.admin.tls)]
        {
            if let (Some(used), Some(certificate)) = (used, certificate(given.as_ref())?) {
                renewed.push((used.clone(), certificate));
            }
        }
        Ok(Renewed(renewed))
    }
}

#[cfg(feature = "tls")]
impl Renewed {
    /// Shows them in the handshakes to come.
    pub(crate) fn replace(self) {
        for (used, certificate) in self.0 {
            used.replace(certificate);
        }
    }
}

/// What a listener begins with.
#[cfg(feature = "tls")]
pub(crate) fn tls(tls: Option<&config::Tls>) -> Result<Option<Tls>, StartError> {
    Ok(certificate(tls)?.map(Tls::new))
}

#[cfg(feature = "tls")]
fn certificate(tls: Option<&config::Tls>) -> Result<Option<rustls::ServerConfig>, StartError> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let Some(tls) = tls else { return Ok(None) };
    let pem = |error: rustls::pki_types::pem::Error| StartError::Certificate(error.to_string());
    let wrong = |error: rustls::Error| StartError::Certificate(error.to_string());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&tls.cert_pem).collect();
    let key = PrivateKeyDer::from_pem_slice(tls.key_pem.expose().as_bytes()).map_err(pem)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(pem)?, key)
        .map_err(wrong)?;
    Ok(Some(config))
}

#[cfg(not(feature = "tls"))]
impl Certificates {
    pub(crate) fn renewed(&self, _: &config::Settings) -> Result<Renewed, StartError> {
        Ok(Renewed)
    }
}

#[cfg(not(feature = "tls"))]
impl Renewed {
    pub(crate) fn replace(self) {}
}

#[cfg(not(feature = "tls"))]
pub(crate) fn tls(tls: Option<&config::Tls>) -> Result<Option<Tls>, StartError> {
    match tls {
        Some(_) => Err(StartError::NoTls),
        None => Ok(None),
    }
}

/// Until when a certificate is valid: the first of its chain.
#[cfg(feature = "tls")]
pub(crate) fn not_after(tls: Option<&config::Tls>) -> Option<SystemTime> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let first = CertificateDer::pem_slice_iter(&tls?.cert_pem).next()?.ok()?;
    heify_gateway::server::not_after(&first)
}

#[cfg(not(feature = "tls"))]
pub(crate) fn not_after(_: Option<&config::Tls>) -> Option<SystemTime> {
    None
}
