//! The tower part of routing.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower::{Layer, Service};

use super::rule::route;
use crate::contract::{Contract, Endpoint};
use crate::early::Early;
use crate::observation::Observation;

/// Makes [`Route`].
#[derive(Debug, Clone)]
pub struct RouteLayer {
    contract: Arc<Contract>,
    own: Arc<[Arc<Endpoint>]>,
}

impl RouteLayer {
    /// Routes by this contract, and to the endpoints that the gateway answers itself.
    pub fn new(contract: Arc<Contract>, own: Arc<[Arc<Endpoint>]>) -> Self {
        Self { contract, own }
    }
}

impl<S> Layer<S> for RouteLayer {
    type Service = Route<S>;

    fn layer(&self, inner: S) -> Route<S> {
        Route { inner, room: self.clone() }
    }
}

/// Gives every request its endpoint.
#[derive(Debug, Clone)]
pub struct Route<S> {
    inner: S,
    room: RouteLayer,
}

impl<S, A, B> Service<Request<A>> for Route<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<Bytes>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Early<S::Future, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        match route(&self.room.contract, &self.room.own, &request) {
            Ok(endpoint) => {
                let endpoint = Arc::clone(endpoint);
                if let Some(observation) = request.extensions().get::<Arc<Observation>>() {
                    observation.set_endpoint(endpoint.index, &endpoint.path);
                }
                request.extensions_mut().insert(endpoint);
                Early::passed(self.inner.call(request))
            }
            Err(refusal) => Early::answered(refusal.into_response()),
        }
    }
}
