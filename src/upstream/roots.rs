//! Whom does the gateway believe when an upstream shows a certificate?

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::UpstreamError;

/// The client side of TLS. Given authorities replace the others; without them the system's are
/// added to the built-in ones, so that an image without any certificate bundle works, too.
pub(crate) fn client_config(ca_pem: Option<&[u8]>) -> Result<ClientConfig, UpstreamError> {
    let roots = match ca_pem {
        Some(pem) => given(pem)?,
        None => usual(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| UpstreamError::Roots(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn given(pem: &[u8]) -> Result<RootCertStore, UpstreamError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| UpstreamError::Roots(error.to_string()))?;
        roots.add(certificate).map_err(|error| UpstreamError::Roots(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(UpstreamError::Roots("no certificate in the file".to_owned()));
    }
    Ok(roots)
}

fn usual() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    // Unreadable system certificates do not matter: the built-in roots are there.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
