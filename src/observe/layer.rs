//! The tower part of observing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body as HttpBody;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

use super::id::{X_REQUEST_ID, request_id};
use super::outcome::{ObservedBody, Outcome};
use crate::observation::Observation;
use crate::refusal::Refusal;
use crate::traffic::Watch;

/// Makes [`Observe`].
#[derive(Debug, Clone, Default)]
pub struct ObserveLayer {
    watch: Option<Arc<Watch>>,
}

impl ObserveLayer {
    /// Counts what passes; the default counts nothing.
    pub fn counting(watch: Arc<Watch>) -> Self {
        Self { watch: Some(watch) }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, watch: self.watch.clone() }
    }
}

/// Opens the record of every request.
#[derive(Debug, Clone)]
pub struct Observe<S> {
    inner: S,
    watch: Option<Arc<Watch>>,
}

impl<S, A, B> Service<Request<A>> for Observe<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: HttpBody,
{
    type Response = Response<ObservedBody<B>>;
    type Error = S::Error;
    type Future = ObserveFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let id = request_id(request.headers());
        let observation = Arc::new(Observation::new(id, Instant::now().into_std()));
        request.extensions_mut().insert(Arc::clone(&observation));
        let outcome = Some(Outcome::new(observation, self.watch.clone()));
        ObserveFuture { inner: self.inner.call(request), outcome }
    }
}

pin_project! {
    /// Notes how the request was answered, or that it was dropped before.
    #[derive(Debug)]
    pub struct ObserveFuture<F> {
        #[pin]
        inner: F,
        outcome: Option<Outcome>,
    }
}

impl<F, B, E> Future for ObserveFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: HttpBody,
{
    type Output = Result<Response<ObservedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(context))?;
        let Some(mut outcome) = this.outcome.take() else {
            // Polled after its end, which no caller does: pending for good beats a panic.
            return Poll::Pending;
        };
        let extensions = response.extensions();
        let refused = extensions.get::<Refusal>().map(|refusal| (refusal, extensions.get()));
        outcome.answered(response.status().as_u16(), refused);
        if outcome.observation().is_shadowed() {
            outcome.shadowed(extensions.get());
        }
        let id = outcome.observation().request_id.clone();
        response.headers_mut().insert(X_REQUEST_ID, id);
        Poll::Ready(Ok(response.map(|body| ObservedBody::new(body, outcome))))
    }
}
