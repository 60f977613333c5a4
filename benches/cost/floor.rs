//! The floor: a forwarder on hyper that does nothing but forward, or refuse one key.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::peers::WRONG_KEY;

/// Forwards from `listen` to `upstream` until the process is ended.
pub(crate) fn run(listen: SocketAddr, upstream: SocketAddr) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(listen).await?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let client = client.clone();
            let service = service_fn(move |mut request: Request<Incoming>| {
                let key = request.headers().get("x-api-key");
                let is_wrong = key.is_some_and(|key| key == WRONG_KEY);
                let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                let uri: Uri = format!("http://{upstream}{path}").parse().unwrap();
                *request.uri_mut() = uri;
                let answer = (!is_wrong).then(|| client.request(request));
                async move {
                    Ok::<_, Infallible>(match answer {
                        Some(answer) => answer.await.unwrap().map(Either::Left),
                        None => refusal().map(Either::Right),
                    })
                }
            });
            tokio::spawn(async move {
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

fn refusal() -> Response<Full<Bytes>> {
    let body = &br#"{"error":{"message":"The API key in x-api-key is not valid.","code":403}}"#[..];
    let mut response = Response::new(Full::new(Bytes::from_static(body)));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
