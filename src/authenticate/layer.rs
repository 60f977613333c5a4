//! The tower part of authentication.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use http::{Request, Response};
use tower::{Layer, Service};

use super::credential::credential;
use super::directory::{Admitted, Directory};
use super::throttle::Throttle;
use crate::contract::Endpoint;
use crate::early::Early;
use crate::observation::{Caller, Observation};
use crate::peer::Peer;
use crate::refusal::Refusal;

/// Makes [`Authenticate`].
#[derive(Debug, Clone)]
pub struct AuthenticateLayer {
    directory: Arc<Directory>,
    throttle: Option<Arc<Throttle>>,
}

impl AuthenticateLayer {
    /// Admits the keys of this directory.
    pub fn new(directory: Arc<Directory>, throttle: Option<Arc<Throttle>>) -> Self {
        Self { directory, throttle }
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Authenticate<S> {
        Authenticate { inner, room: self.clone() }
    }
}

/// Passes on the calls of known tenants.
#[derive(Debug, Clone)]
pub struct Authenticate<S> {
    inner: S,
    room: AuthenticateLayer,
}

impl AuthenticateLayer {
    fn admit<B>(&self, request: &Request<B>) -> Result<Admitted<'_>, Refusal> {
        let endpoint = request.extensions().get::<Arc<Endpoint>>();
        let endpoint = endpoint.ok_or(Refusal::Misassembled)?;
        let key = credential(request.headers())?;
        let admitted = self.directory.admit(key, endpoint, SystemTime::now);
        if let (Err(Refusal::UnknownKey | Refusal::MistypedKey), Some(throttle)) =
            (&admitted, &self.throttle)
        {
            let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer(None));
            throttle
                .count(peer)
                .map_err(|retry_after| Refusal::TooManyFailedKeys { retry_after })?;
        }
        admitted
    }
}

impl<S, A, B> Service<Request<A>> for Authenticate<S>
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
        let Admitted { tenant, key_id } = match self.room.admit(&request) {
            Ok(admitted) => admitted,
            Err(refusal) => return Early::answered(refusal.into_response()),
        };
        if let Some(observation) = request.extensions().get::<Arc<Observation>>() {
            let (index, id, key) = (tenant.index, Arc::clone(&tenant.id), Arc::clone(key_id));
            observation.set_caller(Caller { index, tenant: id, key });
        }
        let tenant = Arc::clone(tenant);
        request.extensions_mut().insert(tenant);
        Early::passed(self.inner.call(request))
    }
}
