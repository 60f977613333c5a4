//! The tower part of catching panics.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::observation::Observation;
use crate::refusal::Refusal;

/// Makes [`CatchPanic`].
#[derive(Debug, Clone, Copy, Default)]
pub struct CatchPanicLayer;

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> CatchPanic<S> {
        CatchPanic { inner }
    }
}

/// Answers in the place of a service that panics.
#[derive(Debug, Clone)]
pub struct CatchPanic<S> {
    inner: S,
}

impl<S, A, B> Service<Request<A>> for CatchPanic<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<Bytes>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = CatchPanicFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let observation = request.extensions().get::<Arc<Observation>>().cloned();
        // Unwind safety: after a panic the request's own state is dropped unseen, and what requests
        // share are atomics that hold at every step.
        let inner = catch_unwind(AssertUnwindSafe(|| self.inner.call(request))).ok();
        CatchPanicFuture { inner, observation }
    }
}

pin_project! {
    /// Waits for the answer, or for the panic; `None` after a panic in the call itself.
    #[derive(Debug)]
    pub struct CatchPanicFuture<F> {
        #[pin]
        inner: Option<F>,
        observation: Option<Arc<Observation>>,
    }
}

impl<F, B, E> Future for CatchPanicFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<Bytes>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut polled = Poll::Pending;
        let poll = || match this.inner.as_mut().as_pin_mut() {
            Some(inner) => {
                polled = inner.poll(context);
                true
            }
            None => false,
        };
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(true) => return polled,
            Ok(false) => {}
            Err(_) => {
                // Its state is whatever the panic left: drop it now, and let that panic, too.
                let _ = catch_unwind(AssertUnwindSafe(|| this.inner.set(None)));
            }
        }
        // The panic's text stays in the process: the hook has printed it to standard error.
        tracing::error!("a request panicked; this is a defect of the gateway");
        let sent = this.observation.as_ref();
        let unknown = sent.is_some_and(|observation| observation.may_have_taken_effect());
        let refusal = if unknown { Refusal::OutcomeUnknown } else { Refusal::Panicked };
        Poll::Ready(Ok(refusal.into_response()))
    }
}
