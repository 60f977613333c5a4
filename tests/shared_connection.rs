//! Does one tenant's slow reading hold up the others, whose calls share the upstream connection?
#![cfg(feature = "tls")]

mod support;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use heify_gateway::server::{self, Listener, LocalAddr, RequestBody, Server, Tls};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use support::gateway::{Gateway, settings};
use support::{KEY, READ};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

/// More than the sockets in between hold.
const LARGE: usize = 32 << 20;

async fn answer(
    request: Request<RequestBody>,
    large: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let small = request.uri().path() == "/get-configuration";
    let _ = request.into_body().collect().await;
    Ok(Response::new(Full::new(if small { Bytes::from_static(b"{}") } else { large })))
}

#[tokio::test]
async fn slow_readers_do_not_stall_the_other_calls_on_their_upstream_connection() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let large = Bytes::from(vec![b' '; LARGE]);
    let service = tower::service_fn(move |request| answer(request, large.clone()));
    let upstream = Server::with_tls(service, server::Settings::default(), Tls::new(config));
    let listener = Listener::tcp(([127, 0, 0, 1], 0).into()).unwrap();
    let LocalAddr::Tcp(address) = listener.local_addr().unwrap() else { unreachable!() };
    let upstream = tokio::spawn(async move { upstream.serve(listener).await });

    let mut settings = settings(address);
    settings.upstream.url = format!("https://localhost:{}", address.port()).parse().unwrap();
    settings.upstream.ca_pem = Some(made.cert.pem().into_bytes());
    let gateway = Gateway::start(settings).await;
    // Afterwards the one connection stands, and all calls share it.
    assert_eq!(gateway.call("/get-configuration", READ).await.status, 200);

    let mut readers = Vec::new();
    for _ in 0..8 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut reader = socket.connect(gateway.address).await.unwrap();
        let request = format!(
            "POST /list-participants HTTP/1.1\r\nhost: a\r\nx-api-key: {KEY}\r\n\
             content-length: 2\r\n\r\n{{}}"
        );
        reader.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        reader.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        readers.push(reader);
    }
    // Meanwhile the unread answers fill all that lies between.
    for call in 0..300 {
        let answer = gateway.call("/get-configuration", READ);
        let answer = tokio::time::timeout(Duration::from_secs(20), answer).await;
        assert_eq!(answer.unwrap_or_else(|_| panic!("call {call} stalls")).status, 200);
    }
    upstream.abort();
}
