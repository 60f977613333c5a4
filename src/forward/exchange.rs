//! What belongs to one call that is on its way?

use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::answer::{Verdict, judge, judge_error};
use super::fields::{strip_hop_by_hop, upstream_fields};
use super::relayed::Relayed;
use crate::body::Body;
use crate::contract::Endpoint;
use crate::observation::Observation;
use crate::refusal::Refusal;
use crate::upstream::{Failure, Upstream};

/// The largest error body that is read; an envelope has a few hundred bytes.
const ERROR_LIMIT: usize = 64 * 1024;

/// One call, from the moment its request was built.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) upstream: Arc<Upstream>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) observation: Option<Arc<Observation>>,
    /// What the request was built from, where sending it twice is harmless.
    pub(super) again: Option<Again>,
    /// When the last byte of the answer must have come.
    pub(super) end: Instant,
}

/// A request that may be built a second time. It hardly ever is, so nothing is copied for it whose
/// copy costs something.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) method: Method,
    pub(super) uri: Uri,
    /// The client's fields.
    pub(super) client: HeaderMap,
    pub(super) body: Full<Bytes>,
}

impl Again {
    pub(super) fn request(self, key: HeaderValue) -> Request<Full<Bytes>> {
        request(self.method, self.uri, &self.client, self.body, key)
    }
}

/// Builds the request to the upstream.
pub(super) fn request(
    method: Method,
    uri: Uri,
    client: &HeaderMap,
    body: Full<Bytes>,
    key: HeaderValue,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = upstream_fields(client, key);
    request
}

impl Exchange {
    /// The upstream has answered, or there is nothing to wait for.
    pub(super) fn ended(&self) {
        if let Some(observation) = &self.observation {
            observation.set_answered(Instant::now().into_std());
        }
    }

    /// The deadline was reached before the head of an answer.
    pub(super) fn timed_out(&self) -> Refusal {
        tracing::warn!(endpoint = &*self.endpoint.path, "the upstream did not answer in time");
        self.unless_unknown(Refusal::UpstreamTimeout)
    }

    /// No answer came.
    pub(super) fn failed(&self, failure: Failure) -> Refusal {
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
    pub(super) fn answered(
        &self,
        answer: Response<Incoming>,
    ) -> Result<Response<Body<Relayed>>, Box<(Parts, Incoming)>> {
        self.upstream.answered();
        let (mut parts, incoming) = answer.into_parts();
        let verdict = judge(parts.status, &parts.headers);
        strip_hop_by_hop(&mut parts.headers);
        // The version is that of the next hop alone (RFC 9110, section 2.5); in the extensions hyper
        // keeps the reason phrase, which could carry anything.
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
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
    pub(super) async fn read_error(
        self,
        mut parts: Parts,
        incoming: Incoming,
    ) -> Response<Body<Relayed>> {
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
