//! How does a batch of spans get to its receiver, however often that fails?

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use tokio::time::timeout;

use super::answer::{rejected, retry_after};
use super::span::Encoder;
use crate::secret::Secret;
use crate::trace::{Counts, Export, Finished, Left, Tracer};
use crate::upstream::{Breaker, Settings, Upstream, UpstreamError};

/// Requests whose spans go out together.
const BATCH: usize = 512;
/// How long spans are collected before they go out.
const PAUSE: Duration = Duration::from_secs(1);
/// For one attempt, its answer included.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so many attempts a batch is given up: spans are no records.
const ATTEMPTS: u32 = 5;
/// The wait after the first failure, which doubles from one to the next.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait that a receiver may ask for.
const LONGEST: Duration = Duration::from_secs(30);
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("heify-gateway/", env!("CARGO_PKG_VERSION")));

/// Takes out what a tracer leaves, and sends it.
#[derive(Debug)]
pub struct Exporter {
    left: Left,
    counts: Counts,
    client: Upstream,
    path: PathAndQuery,
    headers: HeaderMap,
    encoder: Encoder,
}

/// What became of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// The receiver has it, all but so many spans.
    Taken { rejected: u64 },
    /// It may be tried again, after this time where the receiver gave one.
    Later(Option<Duration>),
    /// It will not be taken.
    Refused,
}

impl Exporter {
    /// Sends what this tracer leaves; the calls of `upstream` are those that spans tell of.
    ///
    /// # Errors
    /// [`UpstreamError`] when the address of the receiver cannot be used.
    pub fn new(
        export: &Export,
        upstream: &Uri,
        tracer: &Tracer,
        left: Left,
    ) -> Result<Self, UpstreamError> {
        // Nothing of the upstream but the way to speak HTTP: there is no central key in it.
        let settings = Settings::new(export.endpoint.clone(), Secret::new(""));
        let client = Upstream::new(&settings, Arc::new(Breaker::new(Instant::now())))?;
        let path = client.uri(&PathAndQuery::from_static("/v1/traces"));
        let path =
            path.and_then(|uri| uri.path_and_query().cloned()).ok_or(UpstreamError::Address)?;
        let mut headers: HeaderMap = export.headers.iter().cloned().collect();
        headers.insert(HOST, client.fields().get(HOST).ok_or(UpstreamError::Address)?.clone());
        headers.insert(CONTENT_TYPE, PROTOBUF);
        headers.insert(USER_AGENT, AGENT);
        let encoder = Encoder::new(&export.service, upstream);
        Ok(Self { left, counts: tracer.counts().clone(), client, path, headers, encoder })
    }

    /// Sends until there is nobody left to trace.
    pub async fn run(mut self) {
        let mut finished = Vec::new();
        while self.left.any().await {
            let _ = timeout(PAUSE, self.left.enough()).await;
            let waiting = self.left.take(&mut finished);
            for batch in finished.chunks(BATCH) {
                let body = self.encoder.encode(batch);
                self.export(body, batch.iter().map(Finished::count).sum()).await;
            }
            finished.clear();
            for done in waiting {
                // Whoever waited may have lost patience.
                let _ = done.send(());
            }
        }
    }

    /// Sends a body with so many spans.
    async fn export(&self, body: Bytes, count: u64) {
        for attempt in 1..=ATTEMPTS {
            match timeout(PATIENCE, self.attempt(&body)).await {
                Ok(Attempt::Taken { rejected }) => {
                    let rejected = rejected.min(count);
                    self.counts.add_exported(count - rejected);
                    self.counts.add_failed(rejected);
                    if rejected > 0 {
                        tracing::warn!(rejected, "the receiver of spans has not taken all of them");
                    }
                    return;
                }
                Ok(Attempt::Refused) => break,
                Ok(Attempt::Later(asked)) if attempt < ATTEMPTS => {
                    tokio::time::sleep(wait(attempt, asked, fastrand::f64())).await;
                }
                Err(_) if attempt < ATTEMPTS => {
                    tokio::time::sleep(wait(attempt, None, fastrand::f64())).await;
                }
                Ok(Attempt::Later(_)) | Err(_) => {}
            }
        }
        self.counts.add_failed(count);
        tracing::warn!(spans = count, "spans could not be exported, and are given up");
    }

    async fn attempt(&self, body: &Bytes) -> Attempt {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone().into();
        *request.headers_mut() = self.headers.clone();
        let Ok(answer) = self.client.send(&mut Some(request)).await else {
            return Attempt::Later(None);
        };
        match answer.status() {
            status if status.is_success() => Attempt::Taken { rejected: rejected(answer).await },
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Attempt::Later(retry_after(answer.headers())),
            status => {
                tracing::warn!(status = status.as_u16(), "the receiver of spans refuses them");
                Attempt::Refused
            }
        }
    }
}

/// The wait after an attempt: what the receiver asked for, else longer from one to the next, with a
/// random part, so that many gateways do not come back at once.
fn wait(attempt: u32, asked: Option<Duration>, random: f64) -> Duration {
    let own = || (SHORTEST * 2_u32.pow(attempt.min(16) - 1)).mul_f64(0.5 + random / 2.0);
    asked.unwrap_or_else(own).min(LONGEST)
}
