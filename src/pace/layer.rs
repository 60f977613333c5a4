//! The tower part of pacing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::Pacing;
use super::gate::Entry;
use super::table::Paces;
use super::wait::Wait;
use crate::contract::Endpoint;
use crate::refusal::Refusal;
use crate::tenant::Tenant;

/// Makes [`Pace`].
#[derive(Debug, Clone)]
pub struct PaceLayer {
    paces: Arc<Paces>,
}

impl PaceLayer {
    /// Paces by this table.
    pub fn new(paces: Arc<Paces>) -> Self {
        Self { paces }
    }
}

impl<S> Layer<S> for PaceLayer {
    type Service = Pace<S>;

    fn layer(&self, inner: S) -> Pace<S> {
        Pace { inner, paces: Arc::clone(&self.paces) }
    }
}

/// Passes on what the account has room for, after a short wait where that helps.
#[derive(Debug, Clone)]
pub struct Pace<S> {
    inner: S,
    paces: Arc<Paces>,
}

impl<S, A, B> Service<Request<A>> for Pace<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    B: From<Bytes>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = PaceFuture<S, A, S::Future, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let state = match self.enter(&request) {
            Ok(Entry::Pass) => State::Passed { future: self.inner.call(request) },
            Ok(Entry::Wait(place)) => {
                // The service that was polled ready goes along; its clone stays here.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                let call = Some((ready, request));
                State::Waiting { held: Box::pin(Held { wait: Wait::new(place), call }) }
            }
            Ok(Entry::Full { retry_after }) => {
                State::refused(Refusal::AccountRateLimited { retry_after })
            }
            Err(refusal) => State::refused(refusal),
        };
        PaceFuture { state }
    }
}

impl<S> Pace<S> {
    fn enter<A>(&self, request: &Request<A>) -> Result<Entry, Refusal> {
        match self.paces.state() {
            Pacing::Off => Ok(Entry::Pass),
            Pacing::On => {
                let extensions = request.extensions();
                let tenant = extensions.get::<Arc<Tenant>>().ok_or(Refusal::Misassembled)?;
                let endpoint = extensions.get::<Arc<Endpoint>>().ok_or(Refusal::Misassembled)?;
                self.paces.enter(tenant, endpoint).ok_or(Refusal::Misassembled)
            }
        }
    }
}

pin_project! {
    /// Waits for the call's turn, where it has to, and then for the inner service.
    #[derive(Debug)]
    pub struct PaceFuture<S, A, F, B> {
        #[pin]
        state: State<S, A, F, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<S, A, F, B> {
        // Boxed both: the few calls that are refused or wait must not make the future of all others
        // larger.
        Refused { response: Option<Box<Response<B>>> },
        Passed { #[pin] future: F },
        Waiting { held: Pin<Box<Held<S, A>>> },
    }
}

impl<S, A, F, B: From<Bytes>> State<S, A, F, B> {
    fn refused(refusal: Refusal) -> Self {
        Self::Refused { response: Some(Box::new(refusal.into_response())) }
    }
}

pin_project! {
    /// A call in the line, with the service that is ready for it.
    #[derive(Debug)]
    struct Held<S, A> {
        #[pin]
        wait: Wait,
        call: Option<(S, Request<A>)>,
    }
}

impl<S, A, B> Future for PaceFuture<S, A, S::Future, B>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<Bytes>,
{
    type Output = Result<Response<B>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Passed { future } => return future.poll(context),
                // Polled after its end, which no caller does: pending for good beats a panic.
                StateProjection::Refused { response } => {
                    return response
                        .take()
                        .map_or(Poll::Pending, |answer| Poll::Ready(Ok(*answer)));
                }
                StateProjection::Waiting { held } => {
                    let held = held.as_mut().project();
                    match (ready!(held.wait.poll(context)), held.call.take()) {
                        (Ok(()), Some((mut ready, request))) => {
                            State::Passed { future: ready.call(request) }
                        }
                        (Ok(()), None) => return Poll::Pending,
                        (Err(retry_after), _) => {
                            State::refused(Refusal::AccountRateLimited { retry_after })
                        }
                    }
                }
            };
            state.set(next);
        }
    }
}
