//! How does a batch of spans get to its receiver, however often that fails?

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use prost::Message;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use super::message::ExportTraceServiceResponse;
use super::span::{Origin, request};
use crate::secret::Secret;
use crate::trace::{Counts, Export, Finished, Left, Tracer};
use crate::upstream::{Answer, Breaker, Settings, Upstream, UpstreamError};

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
/// The largest answer that is read; it says two things at most.
const ANSWER: usize = 64 << 10;
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("heify-gateway/", env!("CARGO_PKG_VERSION")));

/// Takes out what a tracer leaves, and sends it.
#[derive(Debug)]
pub struct Exporter {
    left: mpsc::Receiver<Left>,
    hurry: Arc<Notify>,
    counts: Counts,
    client: Upstream,
    path: PathAndQuery,
    headers: HeaderMap,
    origin: Origin,
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
        left: mpsc::Receiver<Left>,
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
        let origin = Origin { service: export.service.clone(), upstream: upstream.clone() };
        let (hurry, counts) = (tracer.hurry(), tracer.counts().clone());
        Ok(Self { left, hurry, counts, client, path, headers, origin })
    }

    /// Sends until there is nobody left to trace.
    pub async fn run(mut self) {
        let mut left = Vec::new();
        while self.left.recv_many(&mut left, BATCH).await > 0 {
            let flushing = left.iter().any(|one| matches!(one, Left::Flush(_)));
            if left.len() < BATCH && !flushing {
                // Nobody is woken for each span: they stay in the queue meanwhile.
                let _ = timeout(PAUSE, self.hurry.notified()).await;
            }
            while left.len() < BATCH
                && let Ok(one) = self.left.try_recv()
            {
                left.push(one);
            }
            let (finished, waiting) = apart(&mut left);
            self.export(&finished).await;
            for done in waiting {
                // Whoever waited may have lost patience.
                let _ = done.send(());
            }
        }
    }

    async fn export(&self, finished: &[Finished]) {
        let count: u64 = finished.iter().map(Finished::count).sum();
        if count == 0 {
            return;
        }
        let body = Bytes::from(request(&self.origin, finished).encode_to_vec());
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

/// The spans, and who waits for them to be exported.
fn apart(left: &mut Vec<Left>) -> (Vec<Finished>, Vec<oneshot::Sender<()>>) {
    let (mut finished, mut waiting) = (Vec::with_capacity(left.len()), Vec::new());
    for one in left.drain(..) {
        match one {
            Left::Request(one) => finished.push(*one),
            Left::Flush(done) => waiting.push(done),
        }
    }
    (finished, waiting)
}

/// How many spans the receiver has not taken of what it took.
async fn rejected(answer: Response<Answer>) -> u64 {
    let Ok(body) = Limited::new(answer.into_body(), ANSWER).collect().await else { return 0 };
    // An answer that nobody can read is still a yes.
    let Ok(read) = ExportTraceServiceResponse::decode(body.to_bytes()) else { return 0 };
    let rejected = read.partial_success.map_or(0, |partial| partial.rejected_spans);
    u64::try_from(rejected).unwrap_or(0)
}

/// `Retry-After` in seconds; a date is not worth its clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The wait after an attempt: what the receiver asked for, else longer from one to the next, with a
/// random part, so that many gateways do not come back at once.
fn wait(attempt: u32, asked: Option<Duration>, random: f64) -> Duration {
    let own = || (SHORTEST * 2_u32.pow(attempt.min(16) - 1)).mul_f64(0.5 + random / 2.0);
    asked.unwrap_or_else(own).min(LONGEST)
}
