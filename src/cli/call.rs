//! How does a command call the upstream as the gateway itself would?

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use heify_gateway::upstream::{Breaker, Failure, Settings, Upstream, UpstreamError};
use http::uri::PathAndQuery;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("{url} does not answer in time")]
    Late { url: String },
    #[error("{url} cannot be reached: {cause}")]
    Unreachable { url: String, cause: String },
    #[error("{url} breaks off or does not speak HTTP: {cause}")]
    Broken { url: String, cause: String },
    #[error("the upstream's address takes no path")]
    NoPath,
}

/// A client of its own, with the gateway's settings.
pub(crate) fn upstream(settings: &Settings) -> Result<Upstream, UpstreamError> {
    Upstream::new(settings, Arc::new(Breaker::new(Instant::now())))
}

/// Sends JSON with the central key, within the gateway's deadlines. The body is `None` when it breaks
/// off, or is larger than asked for.
pub(crate) async fn call(
    upstream: &Upstream,
    method: &Method,
    path: &str,
    body: &'static str,
    largest: usize,
) -> Result<(StatusCode, Option<Bytes>), NoAnswer> {
    let settings = upstream.settings();
    let path = PathAndQuery::try_from(path).map_err(|_| NoAnswer::NoPath)?;
    let uri = upstream.uri(&path).ok_or(NoAnswer::NoPath)?;
    let mut request = Request::new(Full::new(Bytes::from_static(body.as_bytes())));
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = upstream.fields().clone();
    let url = || settings.url.to_string();
    let late = || NoAnswer::Late { url: url() };
    let sent = tokio::time::timeout(settings.timeout, upstream.send(&mut Some(request))).await;
    let answer = sent.map_err(|_| late())?.map_err(|error| {
        let cause = innermost(&error).to_string();
        match upstream.failed(&error) {
            Failure::Unreachable | Failure::ConnectTimeout => {
                NoAnswer::Unreachable { url: url(), cause }
            }
            Failure::Closed | Failure::Garbled => NoAnswer::Broken { url: url(), cause },
        }
    })?;
    let (parts, body) = answer.into_parts();
    let reading = Limited::new(body, largest).collect();
    let body = tokio::time::timeout(settings.body_idle_timeout, reading).await;
    let body = body.map_err(|_| late())?.map(|body| body.to_bytes());
    Ok((parts.status, body.ok()))
}

/// The cause that says most: the outer ones only say where it went wrong.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    std::iter::successors(Some(error), |error| Error::source(*error)).last().unwrap_or(error)
}
