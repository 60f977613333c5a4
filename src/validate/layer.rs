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
use super::budget::{Budget, Hold};
use super::collect::Collect;
use super::rule::judge;
use crate::contract::Endpoint;
use crate::early::Early;
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
    /// Reads and checks the body, then waits for the inner service. The bytes stay in the budget
    /// until the upstream has answered: so long they are in memory.
    async fn pass<S, B>(self, mut ready: S) -> Result<Response<B>, S::Error>
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>>,
        B: From<Bytes>,
    {
        let Self { parts, endpoint, mut collect } = self;
        let collected = poll_fn(|context| collect.poll(context)).await;
        let checked = collected.and_then(|bytes| {
            judge(&bytes, endpoint.body.as_ref())?;
            Ok(bytes)
        });
        match checked {
            Ok(bytes) => ready.call(Request::from_parts(parts, Full::new(bytes))).await,
            Err(refusal) => Ok(refusal.into_response()),
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
        let encodings = parts.headers.get_all(CONTENT_ENCODING);
        if encodings.iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
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
