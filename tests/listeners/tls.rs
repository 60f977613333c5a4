//! Does TLS offer both protocols, and bound its handshakes?

use std::sync::Arc;
use std::time::Duration;

use heify_gateway::server::{Settings, Tls};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Client, Running, soon};

/// A certificate for `localhost`, and the configuration that serves it.
fn certificate() -> (CertificateDer<'static>, ServerConfig) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (certificate, config)
}

async fn connect(
    running: &Running,
    trusted: &CertificateDer<'static>,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(running.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test]
async fn http1_is_served_over_tls_with_and_without_alpn() {
    let (trusted, config) = certificate();
    let running = Running::start_tls(Settings::default(), Tls::new(config));
    for alpn in [&["http/1.1"][..], &[]] {
        let mut client = Client::new(connect(&running, &trusted, alpn).await.unwrap());
        assert_eq!(client.get("/hello").await.text(), "hello");
        client.send("garbage\r\n\r\n").await;
        client.answer().await.is_last_word("malformed_http");
        client.ends().await;
    }
}

#[tokio::test]
async fn http2_is_chosen_over_tls() {
    let (trusted, config) = certificate();
    let running = Running::start_tls(Settings::default(), Tls::new(config));
    let stream = connect(&running, &trusted, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = TokioIo::new(stream);
    let (mut sender, driver) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(driver);
    let request = http::Request::get("https://localhost/hello")
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .unwrap();
    let answer = soon(sender.send_request(request)).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
}

#[tokio::test]
async fn what_is_no_tls_is_closed() {
    let (_, config) = certificate();
    let handshake_timeout = Duration::from_millis(100);
    let settings = Settings { handshake_timeout, ..Settings::default() };
    let running = Running::start_tls(settings, Tls::new(config));
    for bytes in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "\u{16}\u{3}\u{1}\u{0}", ""] {
        let mut client = running.connect().await;
        client.send(bytes).await;
        // An alert may come first; it is no HTTP.
        let mut rest = Vec::new();
        let _ = soon(client.io.read_to_end(&mut rest)).await;
        assert!(!rest.starts_with(b"HTTP"));
    }
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_to_the_next_client() {
    let (old, config) = certificate();
    let (new, replacement) = certificate();
    let tls = Tls::new(config);
    let running = Running::start_tls(Settings::default(), tls.clone());
    assert!(connect(&running, &new, &[]).await.is_err());
    tls.replace(replacement);
    assert!(connect(&running, &new, &[]).await.is_ok());
    assert!(connect(&running, &old, &[]).await.is_err());
}
