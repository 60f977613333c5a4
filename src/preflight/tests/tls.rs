//! Is https spoken, and only with whoever proves to be the host?

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::super::outcome::{Counts, Outcome};
use super::super::room::Preflights;
use super::super::secure::Tls;
use super::super::{Mode, Network, Settings};
use super::site::known;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Secure {
    port: u16,
    pem: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A site with a certificate for `media.example`, which answers everything with this; `PORT` is its own.
async fn secure(answer: &str) -> Secure {
    let own = rcgen::generate_simple_self_signed(["media.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = answer.replace("PORT", &port.to_string());
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap_or(0) > 0
            {
            }
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    Secure { port, pem: own.cert.pem(), task }
}

fn room(site: &Secure, trust: Option<&str>) -> Preflights {
    let mut settings = Settings::new(Mode::Headers);
    settings.ports = vec![site.port];
    settings.networks = vec![Network::parse("127.0.0.1").unwrap()];
    settings.resolver = known(&[("media.example", "127.0.0.1"), ("other.example", "127.0.0.1")]);
    let mut room = Preflights::new(settings, 1, Arc::new(Counts::default()), None);
    room.tls = Tls::new(trust.map(str::as_bytes)).map_err(|error| error.to_string());
    room
}

const NINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";

#[tokio::test]
async fn https_is_spoken_with_whoever_proves_to_be_the_host() {
    let site = secure(NINE).await;
    let url = |host: &str| format!("https://{host}:{}/", site.port);
    let trusting = room(&site, Some(&site.pem));
    assert_eq!(trusting.look(&url("media.example"), 0).await.0, Outcome::Passed);
    for other in ["other.example", "127.0.0.1"] {
        assert_eq!(trusting.look(&url(other), 0).await.0, Outcome::Unreachable, "{other}");
    }
    let usual = room(&site, None);
    assert_eq!(usual.look(&url("media.example"), 0).await.0, Outcome::Unreachable);
    // Plain HTTP in place of TLS, and the other way round.
    let plain = format!("http://media.example:{}/", site.port);
    assert_eq!(trusting.look(&plain, 0).await.0, Outcome::Unreadable);
}

#[tokio::test]
async fn there_is_no_way_back_from_https() {
    let back = "location: http://media.example:PORT/";
    let site = secure(&format!("HTTP/1.1 302 X\r\n{back}\r\ncontent-length: 0\r\n\r\n")).await;
    let trusting = room(&site, Some(&site.pem));
    let url = format!("https://media.example:{}/", site.port);
    assert_eq!(trusting.look(&url, 0).await.0, Outcome::NotFetched);
}
