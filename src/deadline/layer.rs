//! The tower part of the total deadline.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::observation::Observation;
use crate::refusal::Refusal;
use crate::timer::Timer;

/// Makes [`Deadline`].
#[derive(Debug, Clone)]
pub struct DeadlineLayer {
    timeout: Duration,
}

impl DeadlineLayer {
    /// Gives every request so much time. Choose more than the sum of the inner deadlines.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { inner, timeout: self.timeout }
    }
}

/// Ends what takes too long.
#[derive(Debug, Clone)]
pub struct Deadline<S> {
    inner: S,
    timeout: Duration,
}

impl<S, A, B> Service<Request<A>> for Deadline<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<Bytes>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let observation = request.extensions().get::<Arc<Observation>>().cloned();
        // The clock was read when the record was opened.
        let started = observation.as_ref().map(|observation| observation.started.into());
        let timer = Timer::at(started.unwrap_or_else(Instant::now) + self.timeout);
        DeadlineFuture { inner: self.inner.call(request), timer, observation }
    }
}

pin_project! {
    /// Waits for the answer or for the deadline.
    #[derive(Debug)]
    pub struct DeadlineFuture<F> {
        #[pin]
        inner: F,
        // Registered with the runtime only when the first poll finds the answer not ready.
        #[pin]
        timer: Timer,
        observation: Option<Arc<Observation>>,
    }
}

impl<F, B, E> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<Bytes>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = this.inner.poll(context);
        if polled.is_ready() {
            return polled;
        }
        this.timer.poll(context).map(|()| {
            let sent = this.observation.as_ref();
            let unknown = sent.is_some_and(|observation| observation.may_have_taken_effect());
            let refusal = if unknown { Refusal::OutcomeUnknown } else { Refusal::DeadlineExceeded };
            Ok(refusal.into_response())
        })
    }
}
