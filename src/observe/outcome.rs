//! When has a request ended, and how?

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use bytes::{Buf, Bytes};
use http::Method;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::layer::ObserveLayer;
use crate::log::Access;
use crate::observation::Observation;
use crate::rate::LimitState;
use crate::refusal::Refusal;
use crate::trace::{Finished, Trace};
use crate::traffic::Shadowed;

/// What is told about a request once, when the last owner lets go of it: after the last byte, after
/// an error, or when the client went away.
#[derive(Debug)]
pub(super) struct Outcome {
    observation: Arc<Observation>,
    /// Whom it is told.
    told: Arc<ObserveLayer>,
    asked: Asked,
    status: Option<u16>,
    reason: Option<&'static str>,
    bytes: u64,
    complete: bool,
}

/// What the head of a request says about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) method: &'static str,
    pub(super) client: Option<IpAddr>,
    pub(super) trace: Option<Trace>,
}

/// The methods that have a name (RFC 9110, section 9; RFC 5789); any other is the client's own text.
pub(super) fn method(method: &Method) -> &'static str {
    const KNOWN: [(Method, &str); 9] = [
        (Method::POST, "POST"),
        (Method::GET, "GET"),
        (Method::PUT, "PUT"),
        (Method::DELETE, "DELETE"),
        (Method::HEAD, "HEAD"),
        (Method::OPTIONS, "OPTIONS"),
        (Method::CONNECT, "CONNECT"),
        (Method::PATCH, "PATCH"),
        (Method::TRACE, "TRACE"),
    ];
    KNOWN.iter().find(|(known, _)| known == method).map_or("_OTHER", |(_, name)| name)
}

impl Outcome {
    pub(super) fn new(
        observation: Arc<Observation>,
        told: Arc<ObserveLayer>,
        asked: Asked,
    ) -> Self {
        let (status, reason, bytes, complete) = (None, None, 0, false);
        Self { observation, told, asked, status, reason, bytes, complete }
    }

    pub(super) fn answered(
        &mut self,
        status: u16,
        refused: Option<(&Refusal, Option<&LimitState>)>,
    ) {
        self.status = Some(status);
        self.reason = refused.map(|(refusal, _)| refusal.reason());
        if let Some(watch) = &self.told.watch {
            watch.answered(&self.observation, status, refused, Instant::now());
        }
    }

    /// What would have been refused is counted, and the answer is what it is.
    pub(super) fn shadowed(&self, shadowed: Option<&Shadowed>) {
        if let (Some(watch), Some(shadowed)) = (&self.told.watch, shadowed) {
            watch.shadowed(&self.observation, shadowed, Instant::now());
        }
    }

    pub(super) fn observation(&self) -> &Observation {
        &self.observation
    }

    /// The spans of a request that is recorded.
    fn finished(&self, ended: Instant, now: SystemTime) -> Option<Finished> {
        let observation = &*self.observation;
        let trace = self.asked.trace?;
        let took = ended.saturating_duration_since(observation.started);
        Some(Finished {
            trace_id: trace.id,
            parent: trace.parent.map(|parent| parent.span_id),
            spans: trace.spans?,
            began: now.checked_sub(took).unwrap_or(now),
            took,
            call: observation.call(),
            method: self.asked.method,
            endpoint: observation.endpoint_path().cloned(),
            tenant: observation.caller().map(|caller| Arc::clone(&caller.tenant)),
            status: self.status,
            upstream_status: observation.upstream_status(),
            reason: self.reason,
        })
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let observation = &*self.observation;
        let ended = Instant::now();
        if let Some(watch) = &self.told.watch {
            watch.ended(observation, self.status.is_some(), ended);
        }
        if self.told.log.is_none() && self.told.tracer.is_none() {
            return;
        }
        let now = SystemTime::now();
        if let Some(log) = &self.told.log {
            let Asked { method, client, trace } = self.asked;
            let access = Access {
                observation,
                trace: trace.map(|trace| trace.id),
                method,
                client,
                status: self.status,
                reason: self.reason,
                bytes_out: self.bytes,
                complete: self.complete,
                took: ended.saturating_duration_since(observation.started),
            };
            log.write(&access, now);
        }
        if let Some(tracer) = &self.told.tracer
            && let Some(finished) = self.finished(ended, now)
        {
            tracer.leave(finished);
        }
    }
}

pin_project! {
    /// An answer's body whose end is noticed.
    #[derive(Debug)]
    pub struct ObservedBody<B> {
        #[pin]
        body: B,
        outcome: Outcome,
    }
}

impl<B> ObservedBody<B> {
    pub(super) fn new(body: B, mut outcome: Outcome) -> Self
    where
        B: HttpBody,
    {
        // Of the answer to HEAD a server sends the head only, and does not ask for the body.
        outcome.complete = outcome.asked.method == "HEAD" || body.is_end_stream();
        Self { body, outcome }
    }
}

impl<B: HttpBody<Data = Bytes>> HttpBody for ObservedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let mut body = this.body;
        let polled = body.as_mut().poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Buf::remaining);
                this.outcome.bytes += length as u64;
                // A server does not ask again once the body has said that this was all.
                this.outcome.complete = body.is_end_stream();
            }
            Poll::Ready(None) => this.outcome.complete = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
