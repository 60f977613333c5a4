//! The tower part of the overload limit.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{Capacity, Place};
use crate::early::Early;
use crate::refusal::Refusal;

/// Makes [`Overload`].
#[derive(Debug, Clone)]
pub struct OverloadLayer {
    capacity: Capacity,
}

impl OverloadLayer {
    /// Admits what fits into this capacity.
    pub fn new(capacity: Capacity) -> Self {
        Self { capacity }
    }
}

impl<S> Layer<S> for OverloadLayer {
    type Service = Overload<S>;

    fn layer(&self, inner: S) -> Overload<S> {
        Overload { inner, capacity: self.capacity.clone() }
    }
}

/// Passes on as many requests at once as fit.
#[derive(Debug, Clone)]
pub struct Overload<S> {
    inner: S,
    capacity: Capacity,
}

impl<S, A, B> Service<Request<A>> for Overload<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<Bytes>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = OverloadFuture<S::Future, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let place = self.capacity.enter();
        let early = match place {
            Some(_) => Early::passed(self.inner.call(request)),
            None => Early::answered(Refusal::Overloaded.into_response()),
        };
        OverloadFuture { early, place }
    }
}

pin_project! {
    /// Keeps the place until the answer's head is there; streaming it is bounded by connections.
    #[derive(Debug)]
    pub struct OverloadFuture<F, B> {
        #[pin]
        early: Early<F, B>,
        place: Option<Place>,
    }
}

impl<F, B, E> Future for OverloadFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<Bytes>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().early.poll(context)
    }
}
