//! The tower part of the quota.

mod call;
mod deletion;
mod look;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::Full;
use pin_project_lite::pin_project;
use tokio::sync::oneshot;
use tower::{Layer, Service};

use super::room::Quotas;
use crate::body::{Body, BoxError};
use crate::records::{Store, ledger};
use crate::refusal::Refusal;

pub(super) use call::Call;
pub(super) use deletion::Deletion;
pub use look::{Look, look};

/// Makes [`Quota`].
#[derive(Debug, Clone)]
pub struct QuotaLayer {
    room: Option<Arc<Quotas>>,
}

impl QuotaLayer {
    /// Counts in these records; `None`: passes everything on.
    pub fn new(room: Option<Arc<Quotas>>) -> Self {
        Self { room }
    }
}

impl<S> Layer<S> for QuotaLayer {
    type Service = Quota<S>;

    fn layer(&self, inner: S) -> Quota<S> {
        Quota { inner, room: self.room.clone() }
    }
}

/// Reserves before a call that costs something, and closes the reservation after it.
#[derive(Debug, Clone)]
pub struct Quota<S> {
    inner: S,
    room: Option<Arc<Quotas>>,
}

/// What a call is to this room.
pub(in crate::quota) enum Metered {
    Counted(Box<Call>),
    Deletes(Box<Deletion>),
}

impl<S, R> Service<Request<Full<Bytes>>> for Quota<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<Body<R>>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    R: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = QuotaFuture<S::Future, Body<R>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let Some(room) = &self.room else {
            return State::Passed { future: self.inner.call(request) }.into();
        };
        let metered = match room.meter(&request) {
            Ok(Some(metered)) => metered,
            Ok(None) => return State::Passed { future: self.inner.call(request) }.into(),
            Err(refusal) => return State::Refused { refusal: Some(refusal) }.into(),
        };
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let (answer, waiting) = oneshot::channel();
        // From here on the call belongs to a task of its own: a client that goes away ends the
        // waiting, never the call.
        match metered {
            Metered::Counted(call) => {
                let (id, quotas) = (call.reservation(), Arc::clone(room));
                let task = room.tasks().spawn(call.run(ready, request, answer));
                drop(room.tasks().spawn(async move {
                    // A defect in a room ends the task half way: the reservation must not look as if
                    // the call were still on its way.
                    if task.await.is_err() {
                        let now = quotas.now();
                        let lose = move |store: &mut dyn Store| ledger::lose(store, &id, now);
                        while quotas.records().write(lose).await.is_err() {
                            tokio::time::sleep(WRITE_AGAIN).await;
                        }
                    }
                }));
            }
            Metered::Deletes(call) => drop(room.tasks().spawn(call.run(ready, request, answer))),
        }
        State::Waiting { waiting }.into()
    }
}

/// Between two attempts of a task to write what became of its call, while the records do not answer.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// Where the answer of a tracked task goes.
pub(super) type Answer<R, E> = oneshot::Sender<Result<Response<Body<R>>, E>>;

pin_project! {
    /// Waits for the inner service, or for the task that does.
    #[derive(Debug)]
    pub struct QuotaFuture<F, B, E> {
        #[pin]
        state: State<F, B, E>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F, B, E> {
        Passed { #[pin] future: F },
        Waiting { waiting: oneshot::Receiver<Result<Response<B>, E>> },
        Refused { refusal: Option<Refusal> },
    }
}

impl<F, B, E> From<State<F, B, E>> for QuotaFuture<F, B, E> {
    fn from(state: State<F, B, E>) -> Self {
        Self { state }
    }
}

impl<F, B, E> Future for QuotaFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<Bytes>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { future } => future.poll(context),
            StateProjection::Waiting { waiting } => {
                Pin::new(waiting).poll(context).map(|answer| match answer {
                    Ok(answer) => answer,
                    // The task ended without an answer: a defect, or the end of the process.
                    Err(_) => Ok(Refusal::OutcomeUnknown.into_response()),
                })
            }
            StateProjection::Refused { refusal } => {
                let refusal = refusal.take().unwrap_or(Refusal::Misassembled);
                Poll::Ready(Ok(refusal.into_response()))
            }
        }
    }
}
