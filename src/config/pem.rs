//! Can certificates and keys be used?
//!
//! They are tried at load, so that a mistake is found together with all others, and a reload with a
//! half-written file is refused as a whole. The messages are ours: the parser's would quote lines.

#[cfg(feature = "tls")]
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// Says what is wrong with a list of certificates.
#[cfg(feature = "tls")]
pub(crate) fn check_certificates(pem: &[u8]) -> Result<(), &'static str> {
    certificates(pem).map(|_| ())
}

/// Says what is wrong with a private key.
#[cfg(feature = "tls")]
pub(crate) fn check_key(pem: &str) -> Result<(), &'static str> {
    key(pem).map(|_| ())
}

/// Says whether a key is the one of a certificate; both have been checked alone.
#[cfg(feature = "tls")]
pub(crate) fn check_pair(certificates_pem: &[u8], key_pem: &str) -> Result<(), &'static str> {
    let (Ok(chain), Ok(key)) = (certificates(certificates_pem), key(key_pem)) else {
        return Ok(());
    };
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, key, &provider)
        .map(|_| ())
        .map_err(|_| "is not the private key of the first certificate in cert_file")
}

#[cfg(feature = "tls")]
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match list {
        Ok(list) if list.is_empty() => Err("the file holds no PEM certificate"),
        Ok(list) => Ok(list),
        Err(_) => Err("the file is not well-formed PEM"),
    }
}

#[cfg(feature = "tls")]
fn key(pem: &str) -> Result<PrivateKeyDer<'static>, &'static str> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "the file holds no PEM private key (PKCS #8, PKCS #1 or SEC 1, not encrypted)")
}

/// Without TLS there is nothing to use them for.
#[cfg(not(feature = "tls"))]
pub(crate) fn check_certificates(_: &[u8]) -> Result<(), &'static str> {
    Err("this build has no TLS (feature `tls`)")
}

/// Said once, at the certificate.
#[cfg(not(feature = "tls"))]
pub(crate) fn check_key(_: &str) -> Result<(), &'static str> {
    Ok(())
}

/// Said once, at the certificate.
#[cfg(not(feature = "tls"))]
pub(crate) fn check_pair(_: &[u8], _: &str) -> Result<(), &'static str> {
    Ok(())
}
