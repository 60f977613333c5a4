//! The upstream of all subjects: one fixed JSON answer.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// A submit body of 230 bytes.
pub(crate) const BODY: &str = concat!(
    r#"{"configuration_id":"3f0c1a52-7b1e-4d6a-9c55-0a1b2c3d4e5f","#,
    r#""url":"https://media.example.org/calls/2026/04/02/call-17.mp3","name":"call-17.mp3","#,
    r#""participant_id":"51e9c7aa-6d34-4f02-8b1c-2a3b4c5d6e7f","x":1}"#
);

/// A body that names one object.
pub(crate) const READ: &str = r#"{"transcription_id":"e0d4b9c3-8a57-4e21-a6f0-9b8c7d6e5f40"}"#;
/// The object in it.
pub(crate) const OBJECT: &str = "e0d4b9c3-8a57-4e21-a6f0-9b8c7d6e5f40";

const ANSWER: &str = concat!(
    r#"{"data":{"message":"Transcription created successfully","#,
    r#""transcription_id":"e0d4b9c3-8a57-4e21-a6f0-9b8c7d6e5f40"}}"#
);

/// Starts on a thread of its own; it ends with the process.
pub(crate) fn start() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    let io = TokioIo::new(stream);
                    let _ = http1::Builder::new().serve_connection(io, service_fn(answer)).await;
                });
            }
        });
    });
    Ok(address)
}

async fn answer(
    request: http::Request<hyper::body::Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
    *response.status_mut() = http::StatusCode::CREATED;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    Ok(response)
}
