//! The tower part of validation.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::Full;
use tower::{Layer, Service};

use super::Settings;
use super::collect::Collect;
use super::rule::judge;
use crate::budget::{Budget, Hold};
use crate::checked::Checked;
use crate::contract::Endpoint;
use crate::early::Early;
use crate::observation::Observation;
use crate::refusal::Refusal;
use crate::tenant::Tenant;

/// Makes [`Validate`].
#[derive(Debug, Clone)]
pub struct ValidateLayer {
    settings: Arc<Settings>,
    budget: Arc<Budget>,
}

impl ValidateLayer {
    /// Validates within these bounds; the budget is shared by all threads.
    pub fn new(settings: Arc<Settings>, budget: Arc<Budget>) -> Self {
        Self { settings, budget }
    }
}

impl<S> Layer<S> for ValidateLayer {
    type Service = Validate<S>;

    fn layer(&self, inner: S) -> Validate<S> {
        Validate { inner, room: self.clone() }
    }
}

/// Waits for the body, and then for the inner service. Boxed once: the state of both would
/// otherwise be moved through every outer layer's future.
pub type ValidateFuture<B, E> =
    Early<Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>, B>;

/// Reads bodies and passes on those that fit the contract, byte for byte.
#[derive(Debug, Clone)]
pub struct Validate<S> {
    inner: S,
    room: ValidateLayer,
}

impl<S, A, B> Service<Request<A>> for Validate<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B: From<Bytes> + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ValidateFuture<B, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        match self.room.open(request) {
            Ok(opened) => {
                // The service that was polled ready goes along; its clone stays here.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                Early::passed(Box::pin(opened.pass(ready)))
            }
            Err(refusal) => Early::answered(refusal.into_response()),
        }
    }
}

/// A request whose body is on its way.
struct Opened<A> {
    parts: Parts,
    endpoint: Arc<Endpoint>,
    collect: Collect<A>,
}

impl<A: HttpBody<Data = Bytes> + Unpin> Opened<A> {
    /// Reads and checks the body, then waits for the inner service. The bytes stay in the budget as
    /// long as they are in memory: where an inner room goes on with a call whose client has gone,
    /// that is longer than this future lives.
    fn pass<S, B>(self, mut ready: S) -> impl Future<Output = Result<Response<B>, S::Error>>
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>>,
        B: From<Bytes>,
    {
        // Taken apart here and not within: what a future captures stays where it is, what it takes
        // out of an argument is copied.
        let Self { mut parts, endpoint, mut collect } = self;
        async move {
            let collected = poll_fn(|context| collect.poll(context)).await;
            if let Some(observation) = parts.extensions.get::<Arc<Observation>>() {
                observation.set_body_bytes(collect.length());
            }
            let checked = collected.and_then(|bytes| {
                let table = judge(&bytes, endpoint.body.as_ref())?;
                Ok((bytes, table))
            });
            match checked {
                Ok((bytes, table)) => {
                    let ends_here = endpoint.effect.repeatable;
                    let bytes = if ends_here { bytes } else { collect.hold(bytes) };
                    parts.extensions.insert(Checked::new(bytes.clone(), table));
                    ready.call(Request::from_parts(parts, Full::new(bytes))).await
                }
                Err(refusal) => Ok(refusal.into_response()),
            }
        }
    }
}

impl ValidateLayer {
    /// Checks what can be told before the first byte of the body is taken. Until then a client
    /// that sent `Expect: 100-continue` holds it back.
    fn open<A>(&self, request: Request<A>) -> Result<Opened<A>, Refusal>
    where
        A: HttpBody<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        let endpoint = parts.extensions.get::<Arc<Endpoint>>().ok_or(Refusal::Misassembled)?;
        let tenant = parts.extensions.get::<Arc<Tenant>>().ok_or(Refusal::Misassembled)?;
        // One look at each field is cheaper than a search for the name of one.
        let mut encodings = parts.headers.iter().filter(|(name, _)| **name == CONTENT_ENCODING);
        if encodings.any(|(_, encoding)| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Refusal::EncodedBody);
        }
        let Settings { body_limit: limit, body_timeout, .. } = *self.settings;
        if body.size_hint().lower() > limit as u64 {
            return Err(Refusal::BodyTooLarge { limit });
        }
        let hold = Hold::new(&self.budget, tenant.index);
        let endpoint = Arc::clone(endpoint);
        Ok(Opened { parts, endpoint, collect: Collect::new(body, limit, body_timeout, hold) })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::json;
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::contract::Contract;
    use crate::document::ROOT;

    #[tokio::test]
    async fn what_a_body_says_goes_along_with_its_bytes() {
        let contract = Contract::parse(
            r#"{"openapi":"3.1.1","paths":{"/x":{"post":{"x-gateway-effect":{"kind":"creates"}}}}}"#,
            "x.json",
        )
        .unwrap();
        let budget = Arc::new(Budget::new(1_000, 1_000, 1));
        let layer = ValidateLayer::new(Arc::default(), budget);
        for (body, value) in [("", json!(null)), (r#" {"a" : [1] }"#, json!({"a": [1]}))] {
            let echo = |request: Request<Full<Bytes>>| async {
                let (parts, body) = request.into_parts();
                let mut response = Response::new(body);
                *response.extensions_mut() = parts.extensions;
                Ok::<_, std::convert::Infallible>(response)
            };
            let mut request = Request::new(Full::<Bytes>::from(body));
            request.extensions_mut().insert(Arc::clone(&contract.endpoints()[0]));
            request.extensions_mut().insert(Arc::new(Tenant { index: 0, id: "acme".into() }));
            let answer = layer.layer(service_fn(echo)).oneshot(request).await.unwrap();
            let checked = answer.extensions().get::<Checked>().unwrap();
            assert_eq!(checked.document().value(ROOT), value);
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body);
        }
    }
}
