//! What would become of a request, if it came now?
//!
//! Each room is asked for its own rule, in the order of the stack, and nothing is charged, written or
//! forwarded. Unlike the stack it does not stop at the first refusal.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::json;
use tower::Service;

use super::asked::Asked;
use super::explanation::{Explanation, Mended};
use crate::authenticate::Directory;
use crate::checked::Checked;
use crate::contract::{Contract, Endpoint, Lookup};
use crate::isolate::Isolation;
use crate::observation::Observation;
use crate::quota::Quotas;
use crate::rate_limit::{self, Table};
use crate::records::Moment;
use crate::refusal::Refusal;
use crate::tenant::Tenant;
use crate::validate::judge_all;

/// The path of explanations.
pub const EXPLAIN: &str = "/_gateway/explain";

/// Violations and unknown fields that are told at once.
const MOST: usize = 100;

/// The endpoint that routing gives to requests for an explanation.
pub(super) fn explain_endpoint() -> Endpoint {
    Endpoint::own(EXPLAIN, Method::POST)
}

/// The rules of all rooms that can refuse a call before it is forwarded.
#[derive(Debug)]
pub(super) struct Explainer {
    pub(super) contract: Arc<Contract>,
    pub(super) directory: Arc<Directory>,
    pub(super) limits: Arc<Table>,
    pub(super) isolation: Option<Arc<Isolation>>,
    pub(super) quotas: Option<Arc<Quotas>>,
}

impl Explainer {
    /// Explains a request of a tenant.
    async fn explain(&self, tenant: &Tenant, key: &str, asked: Asked) -> Result<Bytes, Refusal> {
        let mut told = Explanation::new(Moment::now());
        let endpoint = match self.find(&asked) {
            Ok(endpoint) => endpoint,
            Err(refusal) => {
                let about = self.directory.about(tenant, key, &explain_endpoint());
                told.key(&tenant.id, key, about.and_then(|about| about.expires));
                told.unknown_endpoint(&asked.path, refusal);
                return Ok(data(told));
            }
        };
        let about = self.directory.about(tenant, key, endpoint).ok_or(Refusal::Misassembled)?;
        told.key(&tenant.id, key, about.expires);
        told.endpoint(endpoint, about.allowed);
        for (enforcement, rate) in
            self.limits.peek(tenant, endpoint).ok_or(Refusal::Misassembled)?
        {
            told.rate(endpoint, enforcement, rate, rate_limit::refusal);
        }
        let (table, judged) = judge_all(&asked.body, endpoint.body.as_ref(), MOST);
        let body = table.of(std::str::from_utf8(&asked.body).unwrap_or_default());
        let ids = match &self.isolation {
            None => Vec::new(),
            Some(isolation) => {
                isolation.faults(tenant, endpoint, &body, asked.query.as_deref()).await?
            }
        };
        told.body(judged, ids);
        if let Some(quotas) = &self.quotas {
            let foresight = quotas.foresee(tenant, endpoint).await?;
            told.ledger(foresight.limits, foresight.reserves);
            foresight.shadow.into_iter().for_each(|refusal| told.shadow(refusal));
            for (refusal, ends) in foresight.refused {
                told.refuse(refusal, ends.map_or(Mended::ByChange, Mended::At));
            }
        }
        Ok(data(told))
    }

    fn find(&self, asked: &Asked) -> Result<&Arc<Endpoint>, Refusal> {
        let method = asked.method.as_ref().unwrap_or(&Method::POST);
        let found = match (self.contract.find(&asked.path, method), &asked.method) {
            (Lookup::WrongMethod { expected }, None) => self.contract.find(&asked.path, expected),
            (found, _) => found,
        };
        match found {
            Lookup::Found(endpoint) => Ok(endpoint),
            Lookup::WrongMethod { expected } => {
                Err(Refusal::WrongMethod { expected: expected.clone() })
            }
            Lookup::Unknown => {
                let meant = self.contract.nearest(&asked.path).map(Box::from);
                Err(Refusal::UnknownEndpoint { meant })
            }
        }
    }
}

fn data(told: Explanation) -> Bytes {
    json!({ "data": told.finish() }).to_string().into()
}

/// Explains what stands in checked bodies: the service behind a [`Validate`](crate::validate::Validate)
/// of its own, which reads them within the same bounds as those of calls.
#[derive(Debug, Clone)]
pub struct Explain {
    explainer: Arc<Explainer>,
}

impl Explain {
    pub(super) fn new(explainer: Arc<Explainer>) -> Self {
        Self { explainer }
    }
}

type Told = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Infallible>> + Send>>;

impl Service<Request<Full<Bytes>>> for Explain {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Bytes>, Infallible>>, Told>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let extensions = request.extensions();
        let (tenant, observation) =
            (extensions.get::<Arc<Tenant>>(), extensions.get::<Arc<Observation>>());
        let caller = observation.and_then(|observation| observation.caller());
        let asked = match (tenant, caller, extensions.get::<Checked>()) {
            (Some(tenant), Some(caller), Some(checked)) => Asked::read(&checked.document())
                .map(|asked| (Arc::clone(tenant), Arc::clone(&caller.key), asked)),
            _ => Err(Refusal::Misassembled),
        };
        let (tenant, key, asked) = match asked {
            Ok(asked) => asked,
            Err(refusal) => return Either::Left(ready(Ok(refusal.into_response()))),
        };
        let explainer = Arc::clone(&self.explainer);
        Either::Right(Box::pin(async move {
            Ok(match explainer.explain(&tenant, &key, asked).await {
                Ok(body) => answered(body),
                Err(refusal) => refusal.into_response(),
            })
        }))
    }
}

/// An answer of the gateway's own.
pub(super) fn answered(body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
