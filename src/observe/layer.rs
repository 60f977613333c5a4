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

use super::head::Head;
use super::outcome::{Asked, ObservedBody, Outcome, method};
use crate::log::AccessLog;
use crate::observation::{Observation, X_REQUEST_ID};
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::trace::{Trace, TraceParent, Tracer};
use crate::traffic::Watch;

/// Makes [`Observe`]; the default tells nobody.
#[derive(Debug, Clone, Default)]
pub struct ObserveLayer {
    pub(super) watch: Option<Arc<Watch>>,
    pub(super) log: Option<AccessLog>,
    pub(super) tracer: Option<Tracer>,
}

impl ObserveLayer {
    /// Counts what passes.
    pub fn counting(self, watch: Option<Arc<Watch>>) -> Self {
        Self { watch, ..self }
    }

    /// Writes a line about each request.
    pub fn logging(self, log: Option<AccessLog>) -> Self {
        Self { log, ..self }
    }

    /// Records spans.
    pub fn tracing(self, tracer: Option<Tracer>) -> Self {
        Self { tracer, ..self }
    }

    /// The trace of a request: its caller's, or a new one where it is to be recorded.
    fn trace(&self, parent: Option<TraceParent>) -> Option<Trace> {
        match &self.tracer {
            Some(tracer) => tracer.begin(parent),
            None => parent.map(|parent| Trace {
                id: parent.trace_id,
                parent: Some(parent),
                spans: None,
            }),
        }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, told: Arc::new(self.clone()) }
    }
}

/// Opens the record of every request.
#[derive(Debug, Clone)]
pub struct Observe<S> {
    inner: S,
    /// One count of owners per request, however many are told.
    told: Arc<ObserveLayer>,
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
        let Head { id, parent } = Head::read(request.headers_mut());
        let observation = Arc::new(Observation::new(id, Instant::now().into_std()));
        let (extensions, asked) = {
            let client = request.extensions().get::<Peer>().and_then(|peer| peer.0);
            let trace = self.told.trace(parent);
            let asked = Asked { method: method(request.method()), client, trace };
            (request.extensions_mut(), asked)
        };
        if let Some(trace) = asked.trace {
            extensions.insert(trace);
        }
        extensions.insert(Arc::clone(&observation));
        let outcome = Some(Outcome::new(observation, Arc::clone(&self.told), asked));
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
