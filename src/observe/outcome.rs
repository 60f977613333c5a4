//! When has a request ended, and how?

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::observation::Observation;
use crate::rate::LimitState;
use crate::refusal::Refusal;
use crate::traffic::{Shadowed, Watch};

/// What is told about a request once, when the last owner lets go of it: after the last byte, after
/// an error, or when the client went away.
#[derive(Debug)]
pub(super) struct Outcome {
    observation: Arc<Observation>,
    watch: Option<Arc<Watch>>,
    status: Option<u16>,
    reason: Option<&'static str>,
    bytes: u64,
    complete: bool,
}

impl Outcome {
    pub(super) fn new(observation: Arc<Observation>, watch: Option<Arc<Watch>>) -> Self {
        Self { observation, watch, status: None, reason: None, bytes: 0, complete: false }
    }

    pub(super) fn answered(
        &mut self,
        status: u16,
        refused: Option<(&Refusal, Option<&LimitState>)>,
    ) {
        self.status = Some(status);
        self.reason = refused.map(|(refusal, _)| refusal.reason());
        if let Some(watch) = &self.watch {
            watch.answered(&self.observation, status, refused, Instant::now());
        }
    }

    /// What would have been refused is counted, and the answer is what it is.
    pub(super) fn shadowed(&self, shadowed: Option<&Shadowed>) {
        if let (Some(watch), Some(shadowed)) = (&self.watch, shadowed) {
            watch.shadowed(&self.observation, shadowed, Instant::now());
        }
    }

    pub(super) fn observation(&self) -> &Observation {
        &self.observation
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let observation = &*self.observation;
        if let Some(watch) = &self.watch {
            watch.ended(observation, self.status.is_some(), Instant::now());
        }
        let caller = observation.caller();
        tracing::debug!(
            target: "heify_gateway::access",
            request_id = observation.request_id.to_str().unwrap_or_default(),
            endpoint = observation.endpoint().unwrap_or_default(),
            tenant = caller.map(|caller| &*caller.tenant).unwrap_or_default(),
            key_id = caller.map(|caller| &*caller.key).unwrap_or_default(),
            // 499: the client went away before there was an answer.
            status = self.status.unwrap_or(499),
            reason = self.reason.unwrap_or_default(),
            forwarded = observation.is_sent(),
            bytes_out = self.bytes,
            complete = self.complete,
            duration_us =
                u64::try_from(observation.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "request"
        );
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
        outcome.complete = body.is_end_stream();
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
