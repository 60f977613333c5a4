//! The tower part of the rate limit.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use governor::clock::{Clock, DefaultClock};
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::Charged;
use super::limiter::Exceeded;
use super::table::Table;
use crate::contract::Endpoint;
use crate::early::Early;
use crate::rate::LimitState;
use crate::refusal::Refusal;
use crate::tenant::Tenant;
use crate::traffic::Shadowed;

/// Makes [`RateLimit`].
#[derive(Debug)]
pub struct RateLimitLayer<C: Clock = DefaultClock> {
    table: Arc<Table<C>>,
}

impl<C: Clock> RateLimitLayer<C> {
    /// Limits by this table.
    pub fn new(table: Arc<Table<C>>) -> Self {
        Self { table }
    }
}

impl<C: Clock> Clone for RateLimitLayer<C> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.table))
    }
}

impl<S, C: Clock> Layer<S> for RateLimitLayer<C> {
    type Service = RateLimit<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit { inner, table: Arc::clone(&self.table) }
    }
}

/// Charges every call, and passes on what fits.
#[derive(Debug)]
pub struct RateLimit<S, C: Clock = DefaultClock> {
    inner: S,
    table: Arc<Table<C>>,
}

impl<S: Clone, C: Clock> Clone for RateLimit<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), table: Arc::clone(&self.table) }
    }
}

impl<S, C, A, B> Service<Request<A>> for RateLimit<S, C>
where
    S: Service<Request<A>, Response = Response<B>>,
    C: Clock + Clone,
    B: From<Bytes>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = RateLimitFuture<S::Future, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let extensions = request.extensions();
        let tenant = extensions.get::<Arc<Tenant>>();
        let endpoint = extensions.get::<Arc<Endpoint>>();
        let Some((charged, endpoint)) = tenant
            .zip(endpoint)
            .and_then(|(tenant, endpoint)| Some((self.table.charge(tenant, endpoint)?, endpoint)))
        else {
            return RateLimitFuture {
                early: Early::answered(Refusal::Misassembled.into_response()),
                state: None,
                shadowed: None,
            };
        };
        match charged {
            Ok(Charged { state, shadow }) => {
                let shadowed = shadowed(shadow, endpoint);
                if shadowed.is_some() {
                    Shadowed::note(&request);
                }
                let future = self.inner.call(request);
                RateLimitFuture { early: Early::passed(future), state, shadowed }
            }
            Err(exceeded) => {
                let state = Some(exceeded.state.clone());
                let early = Early::answered(refusal(exceeded, endpoint).into_response());
                RateLimitFuture { early, state, shadowed: None }
            }
        }
    }
}

/// What would have been refused. Boxed: it is rare, and the future is moved.
fn shadowed(exceeded: Vec<Exceeded>, endpoint: &Endpoint) -> Option<Box<Shadowed>> {
    if exceeded.is_empty() {
        return None;
    }
    let refusals = exceeded.into_iter().map(|exceeded| {
        let state = exceeded.state.clone();
        (refusal(exceeded, endpoint), Some(state))
    });
    Some(Box::new(Shadowed(refusals.collect())))
}

/// The refusal of a rate that is exceeded.
pub fn refusal(exceeded: Exceeded, endpoint: &Endpoint) -> Refusal {
    let policy = &exceeded.state.policy;
    let own = policy.name.as_ref() == endpoint.path.trim_start_matches('/');
    Refusal::RateLimited {
        scope: if own { Box::from(&*endpoint.path) } else { Box::from("all endpoints") },
        per_minute: policy.rate.per_minute.get(),
        burst: policy.rate.burst.get(),
        retry_after: exceeded.retry_after,
    }
}

pin_project! {
    /// Adds the limit's state to the answer.
    #[derive(Debug)]
    pub struct RateLimitFuture<F, B> {
        #[pin]
        early: Early<F, B>,
        state: Option<LimitState>,
        shadowed: Option<Box<Shadowed>>,
    }
}

impl<F, B, E> Future for RateLimitFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<Bytes>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut polled = this.early.poll(context);
        if let Poll::Ready(Ok(response)) = &mut polled
            && let Some(state) = this.state.take()
        {
            let extensions = response.extensions_mut();
            // An inner room may have a limit of its own, for instance of the month.
            let state = match extensions.remove::<LimitState>() {
                Some(inner) => state.tighter(inner),
                None => state,
            };
            extensions.insert(state);
        }
        if let Poll::Ready(Ok(response)) = &mut polled
            && let Some(shadowed) = this.shadowed.take()
        {
            shadowed.add_to(response.extensions_mut());
        }
        polled
    }
}
