//! What does the gateway answer itself, with a tenant's key and without the upstream?
//!
//! `GET /_gateway/usage` tells what is left, `POST /_gateway/explain` what would become of a request.
//! Both cost nothing of any limit; explanations have a rate of their own, since they cost time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower::{Layer, Service, ServiceExt};

use super::explain::{EXPLAIN, Explain, answered, explain_endpoint};
use crate::contract::Endpoint;
use crate::early::Early;
use crate::quota::{Usage, usage_endpoint};
use crate::rate::{LimitPolicy, Rate};
use crate::rate_limit::{self, Limiter};
use crate::refusal::Refusal;
use crate::tenant::Tenant;
use crate::validate::Validate;

/// Explanations of one tenant: more than any person asks for, and less than what a program would
/// need to keep a core busy with them.
const RATE: Rate = const { Rate::new(120, 120).unwrap() };

/// The endpoints that are answered here.
pub(super) fn own_endpoints() -> Arc<[Arc<Endpoint>]> {
    [Arc::new(usage_endpoint()), Arc::new(explain_endpoint())].into()
}

/// The rates of explanations, by the tenants' dense index, with their ids.
#[derive(Debug, Default)]
pub(super) struct Explained(Vec<(Arc<str>, Arc<Limiter>)>);

impl Explained {
    /// Keeps what is spent of `previous`.
    pub(super) fn new<'t>(
        tenants: impl Iterator<Item = &'t Arc<str>>,
        previous: Option<&Self>,
    ) -> Self {
        let before: HashMap<&str, &Arc<Limiter>> =
            previous.iter().flat_map(|old| &old.0).map(|(id, limiter)| (&**id, limiter)).collect();
        let policy = Arc::new(LimitPolicy::new(EXPLAIN.trim_start_matches('/'), RATE));
        let limiter = |id: &Arc<str>| {
            let new = || Arc::new(Limiter::new(Arc::clone(&policy), Default::default()));
            (Arc::clone(id), before.get(&**id).map_or_else(new, |kept| Arc::clone(kept)))
        };
        Self(tenants.map(limiter).collect())
    }
}

/// Makes [`Own`].
#[derive(Debug, Clone)]
pub(super) struct OwnLayer {
    usage: Usage,
    explain: Validate<Explain>,
    explained: Arc<Explained>,
}

impl OwnLayer {
    pub(super) fn new(usage: Usage, explain: Validate<Explain>, explained: Arc<Explained>) -> Self {
        Self { usage, explain, explained }
    }

    /// Answers a tenant.
    fn answer<A>(&self, request: Request<A>) -> Result<Answering, Refusal>
    where
        A: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    {
        let extensions = request.extensions();
        let tenant = Arc::clone(extensions.get::<Arc<Tenant>>().ok_or(Refusal::Misassembled)?);
        let endpoint = extensions.get::<Arc<Endpoint>>().ok_or(Refusal::Misassembled)?;
        if *endpoint.path != *EXPLAIN {
            let told = self.usage.clone().answer(tenant);
            return Ok(Box::pin(async move {
                told.await.map_or_else(Refusal::into_response, answered)
            }));
        }
        let (_, limiter) = self.explained.0.get(tenant.index).ok_or(Refusal::Misassembled)?;
        let charged = limiter.charge();
        let state = charged.as_ref().map_or_else(|exceeded| exceeded.state.clone(), Clone::clone);
        let refused = charged.err().map(|exceeded| rate_limit::refusal(exceeded, endpoint));
        let explained = self.explain.clone().oneshot(request);
        Ok(Box::pin(async move {
            let mut response = match refused {
                Some(refusal) => refusal.into_response(),
                None => match explained.await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
            };
            response.extensions_mut().insert(state);
            response
        }))
    }
}

impl<S> Layer<S> for OwnLayer {
    type Service = Own<S>;

    fn layer(&self, inner: S) -> Own<S> {
        Own { inner, own: self.clone() }
    }
}

/// Answers what the gateway itself is asked, and passes on all that is for the upstream.
#[derive(Debug, Clone)]
pub struct Own<S> {
    inner: S,
    own: OwnLayer,
}

/// Waits for the inner service, or for the gateway's own answer; boxed, since few ask.
pub type OwnFuture<F, B> = Early<Either<F, Told<B>>, B>;
type Told<B> = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;
type Answering = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

impl<S, A, B> Service<Request<A>> for Own<S>
where
    S: Service<Request<A>, Response = Response<B>, Error = Infallible>,
    A: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B: From<Bytes> + 'static,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = OwnFuture<S::Future, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let endpoint = request.extensions().get::<Arc<Endpoint>>();
        if !endpoint.is_some_and(|endpoint| endpoint.is_own()) {
            return Early::passed(Either::Left(self.inner.call(request)));
        }
        match self.own.answer(request) {
            Ok(answering) => {
                Early::passed(Either::Right(Box::pin(
                    async move { Ok(answering.await.map(B::from)) },
                )))
            }
            Err(refusal) => Early::answered(refusal.into_response()),
        }
    }
}
