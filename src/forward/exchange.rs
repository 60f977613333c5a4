//! What belongs to one call that is on its way?

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::response::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::Instant;

use super::answer::{Verdict, judge, judge_error};
use super::fields::{strip_hop_by_hop, upstream_fields};
use super::relayed::Relayed;
use crate::body::Body;
use crate::contract::Endpoint;
use crate::observation::{Observation, X_REQUEST_ID};
use crate::refusal::Refusal;
use crate::tenant::Tenant;
use crate::timer::Timer;
use crate::trace::{TRACEPARENT, TraceParent};
use crate::upstream::{Answer, Failure, Upstream};

/// The largest error body that is read; an envelope has a few hundred bytes.
const ERROR_LIMIT: usize = 64 * 1024;

/// One call, from the moment it may be sent.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) upstream: Arc<Upstream>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) observation: Option<Arc<Observation>>,
    pub(super) tenant: Option<Arc<Tenant>>,
    /// What the upstream hears of a trace that is recorded here.
    pub(super) trace: Option<TraceParent>,
    /// When the last byte of the answer must have come.
    pub(super) end: Instant,
}

/// What a request is built from, a second time where sending it twice is harmless.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) uri: Uri,
    /// The client's fields.
    pub(super) client: HeaderMap,
    pub(super) body: Full<Bytes>,
}

impl Exchange {
    /// Sends the call and waits until the upstream has answered, failed, or let its time pass. The room
    /// that the facts of the request took is for those of the answer.
    pub(super) fn run(
        self,
        call: Call,
        head: Instant,
        spare: Extensions,
    ) -> impl Future<Output = Response<Body<Relayed>>> {
        let mut request = Some(self.request(&call));
        // What is not sent again leaves memory, and the budget, with its last byte, and not with the answer.
        let mut again = self.endpoint.effect.repeatable.then(|| Box::new(call));
        // A block and not an `async fn`: what a future captures is in it once, an argument twice.
        async move {
            let mut deadline = pin!(Timer::at(head));
            let answer = loop {
                let sent = {
                    let mut sending = pin!(self.upstream.send(&mut request));
                    let sent = poll_fn(|context| match sending.as_mut().poll(context) {
                        Poll::Ready(sent) => Poll::Ready(Some(sent)),
                        Poll::Pending => deadline.as_mut().poll(context).map(|()| None),
                    });
                    sent.await
                };
                match sent {
                    Some(Ok(answer)) => break Ok(answer),
                    Some(Err(error)) => match (self.upstream.failed(&error), again.take()) {
                        (Failure::Closed, Some(call)) => request = Some(self.request(&call)),
                        (failure, _) => break Err(self.failed(failure)),
                    },
                    None => break Err(self.timed_out()),
                }
            };
            self.ended();
            match answer.map(|answer| self.answered(answer, spare)) {
                Ok(Ok(response)) => response,
                // Errors are rare: the future of all other calls stays small.
                Ok(Err(error)) => Box::pin(self.read_error(error.0, error.1)).await,
                Err(refusal) => refusal.into_response(),
            }
        }
    }

    /// Builds the request to the upstream, under the id that it has here. Nothing is copied for it
    /// whose copy costs something.
    fn request(&self, call: &Call) -> Request<Full<Bytes>> {
        let Call { method, uri, client, body } = call;
        let mut fields = upstream_fields(client, self.upstream.fields(), self.tenant.as_deref());
        if let Some(observation) = &self.observation {
            fields.insert(X_REQUEST_ID, observation.request_id.clone());
        }
        if let Some(parent) = self.trace.and_then(TraceParent::to_header) {
            fields.insert(TRACEPARENT, parent);
        }
        let mut request = Request::new(body.clone());
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = fields;
        request
    }

    /// The upstream has answered, or there is nothing to wait for.
    fn ended(&self) {
        if let Some(observation) = &self.observation {
            observation.set_answered(Instant::now().into_std());
        }
    }

    /// The deadline was reached before the head of an answer.
    fn timed_out(&self) -> Refusal {
        tracing::warn!(endpoint = &*self.endpoint.path, "the upstream did not answer in time");
        self.unless_unknown(Refusal::UpstreamTimeout)
    }

    /// No answer came.
    fn failed(&self, failure: Failure) -> Refusal {
        match failure {
            Failure::Unreachable => Refusal::UpstreamUnreachable,
            Failure::ConnectTimeout => Refusal::UpstreamConnectTimeout,
            Failure::Closed | Failure::Garbled => self.unless_unknown(Refusal::UpstreamBroken),
        }
    }

    fn unless_unknown(&self, refusal: Refusal) -> Refusal {
        if self.endpoint.effect.repeatable { refusal } else { Refusal::OutcomeUnknown }
    }

    /// The head of an answer came. `Err`: it is an error whose body has to be read first.
    fn answered(
        &self,
        answer: Response<Answer>,
        spare: Extensions,
    ) -> Result<Response<Body<Relayed>>, Box<(Parts, Answer)>> {
        self.upstream.answered();
        if let Some(observation) = &self.observation {
            observation.set_upstream_status(answer.status().as_u16());
        }
        let (mut parts, incoming) = answer.into_parts();
        let verdict = judge(parts.status, &parts.headers);
        strip_hop_by_hop(&mut parts.headers);
        // The version is that of the next hop alone (RFC 9110, section 2.5); in the extensions hyper
        // keeps the reason phrase, which could carry anything.
        parts.version = Version::HTTP_11;
        parts.extensions = spare;
        self.upstream.redactor().clean(&mut parts.headers);
        // Outer layers add their fields: the map grows once and not in steps.
        parts.headers.reserve(8);
        match verdict {
            Verdict::Refuse(refusal) => {
                alarm(&refusal, parts.status.as_u16());
                Ok(refusal.into_response())
            }
            Verdict::ReadError => Err(Box::new((parts, incoming))),
            Verdict::Pass => {
                let redactor = self.upstream.redactor().clone();
                let idle = self.upstream.settings().body_idle_timeout;
                let body = Relayed::new(incoming, redactor, idle, self.end);
                Ok(Response::from_parts(parts, Body::Stream(body)))
            }
        }
    }

    /// Reads the body of an answered error, bounded in size and time, and passes it on if it is
    /// Heify's envelope and does not carry the central key.
    async fn read_error(&self, mut parts: Parts, incoming: Answer) -> Response<Body<Relayed>> {
        let idle = Instant::now() + self.upstream.settings().body_idle_timeout;
        let reading = Limited::new(incoming, ERROR_LIMIT).collect();
        let body = match tokio::time::timeout_at(idle.min(self.end), reading).await {
            Ok(Ok(collected)) => Some(collected.to_bytes()),
            Ok(Err(_)) | Err(_) => None,
        };
        let body = body.filter(|body| !self.upstream.redactor().finds(body));
        match judge_error(parts.status, body.as_deref(), &self.endpoint.effect) {
            Ok(()) => {
                let body = body.unwrap_or_default();
                let length = HeaderValue::from(body.len());
                parts.headers.insert(http::header::CONTENT_LENGTH, length);
                Response::from_parts(parts, Body::from(body))
            }
            Err(refusal) => {
                alarm(&refusal, parts.status.as_u16());
                refusal.into_response()
            }
        }
    }
}

/// Tells operators what only they can mend. Nothing of the answer itself is logged.
fn alarm(refusal: &Refusal, status: u16) {
    let reason = refusal.reason();
    match refusal {
        Refusal::UpstreamKeyRejected => tracing::error!(
            reason,
            status,
            "the upstream rejects the central key: replace it, or contact hola@heify.com"
        ),
        Refusal::AccountMinutesExhausted => tracing::error!(
            reason,
            status,
            "the account has no minutes left: contact hola@heify.com to add more"
        ),
        Refusal::AccountRateLimited { .. } => tracing::warn!(
            reason,
            status,
            "the account is over its own rate or monthly quota: lower the tenants' rates"
        ),
        _ => tracing::warn!(reason, status, "the upstream answered an error outside the envelope"),
    }
}
