//! The tower part of the preflight.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http::{Request, Response};
use tower::{Layer, Service};

use super::outcome::Outcome;
use super::room::Preflights;
use crate::checked::Checked;
use crate::contract::Endpoint;
use crate::document::ROOT;
use crate::early::Early;
use crate::measured::Measured;
use crate::observation::Observation;
use crate::refusal::{AudioFault, Refusal};
use crate::tenant::Tenant;

/// Makes [`Preflight`].
#[derive(Debug, Clone)]
pub struct PreflightLayer {
    room: Option<Arc<Preflights>>,
}

impl PreflightLayer {
    /// Looks as these say; `None`: at nothing, and every call passes.
    pub fn new(room: Option<Arc<Preflights>>) -> Self {
        Self { room }
    }
}

impl<S> Layer<S> for PreflightLayer {
    type Service = Preflight<S>;

    fn layer(&self, inner: S) -> Preflight<S> {
        Preflight { inner, room: self.room.clone() }
    }
}

/// Passes on what names no file that is known to be too large, too long or no audio.
#[derive(Debug, Clone)]
pub struct Preflight<S> {
    inner: S,
    room: Option<Arc<Preflights>>,
}

/// Waits for the inner service, and before that for the look at a file; boxed only where there is one.
pub type PreflightFuture<F, B, E> = Early<Either<F, Looking<B, E>>, B>;
type Looking<B, E> = Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>;

impl<S, A, B> Service<Request<A>> for Preflight<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: 'static,
    A: Send + 'static,
    B: From<Bytes> + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = PreflightFuture<S::Future, B, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let case = match &self.room {
            None => Ok(None),
            Some(room) => Case::of(room, &request),
        };
        match case {
            Ok(None) => Early::passed(Either::Left(self.inner.call(request))),
            Ok(Some(case)) => {
                // The service that was polled ready goes along; its clone stays here.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                Early::passed(Either::Right(Box::pin(case.pass(ready, request))))
            }
            Err(refusal) => Early::answered(refusal.into_response()),
        }
    }
}

/// A URL of a tenant.
struct Case {
    room: Arc<Preflights>,
    url: Box<str>,
    tenant: Arc<Tenant>,
}

impl Case {
    /// `Ok(None)`: the request names no file.
    fn of<A>(room: &Arc<Preflights>, request: &Request<A>) -> Result<Option<Self>, Refusal> {
        let extensions = request.extensions();
        let endpoint = extensions.get::<Arc<Endpoint>>().ok_or(Refusal::Misassembled)?;
        let Some(pointer) = &endpoint.audio_url else { return Ok(None) };
        let checked = extensions.get::<Checked>().ok_or(Refusal::Misassembled)?;
        let tenant = extensions.get::<Arc<Tenant>>().ok_or(Refusal::Misassembled)?;
        let body = checked.document();
        let url = body.pointed(ROOT, pointer).and_then(|place| body.string(place));
        let case = |url: Cow<'_, str>| Self {
            room: Arc::clone(room),
            url: url.into(),
            tenant: Arc::clone(tenant),
        };
        Ok(url.map(case))
    }

    async fn pass<S, A, B>(
        self,
        mut ready: S,
        mut request: Request<A>,
    ) -> Result<Response<B>, S::Error>
    where
        S: Service<Request<A>, Response = Response<B>>,
        B: From<Bytes>,
    {
        let (outcome, length) = self.room.look(&self.url, self.tenant.index).await;
        let observation = request.extensions().get::<Arc<Observation>>();
        let request_id = observation.and_then(|one| one.request_id.to_str().ok());
        tracing::debug!(outcome = outcome.as_str(), request_id, "a preflight ended");
        if let Some(fault) = fault(outcome) {
            return Ok(Refusal::UnsupportedAudio { fault }.into_response());
        }
        if let Some(length) = length {
            request.extensions_mut().insert(Measured(length));
        }
        ready.call(request).await
    }
}

/// What refuses the call; `None`: it goes on.
fn fault(outcome: Outcome) -> Option<AudioFault> {
    match outcome {
        Outcome::TooLarge => Some(AudioFault::Size),
        Outcome::NotAudio => Some(AudioFault::Format),
        Outcome::TooLong => Some(AudioFault::Length),
        Outcome::Passed
        | Outcome::Measured
        | Outcome::NotFetched
        | Outcome::Unresolved
        | Outcome::Unreachable
        | Outcome::Slow
        | Outcome::ErrorStatus
        | Outcome::Unreadable
        | Outcome::Busy => None,
    }
}
