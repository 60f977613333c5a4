//! The tower part of validation.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::Settings;
use super::budget::{Budget, Hold};
use super::collect::Collect;
use super::rule::judge;
use crate::contract::Endpoint;
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

/// Reads bodies and passes on those that fit the contract, byte for byte.
#[derive(Debug, Clone)]
pub struct Validate<S> {
    inner: S,
    room: ValidateLayer,
}

impl<S, A, B> Service<Request<A>> for Validate<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone,
    A: HttpBody<Data = Bytes> + Unpin,
    B: From<Bytes>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ValidateFuture<S, A>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let state = match self.room.open(request) {
            Ok(opened) => {
                // The service that was polled ready goes into the future; its clone stays here.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                State::Reading { reading: Some(Reading { opened, ready }) }
            }
            Err(refusal) => State::Refused { refusal: Some(refusal) },
        };
        ValidateFuture { state, hold: None }
    }
}

/// A request whose body is on its way.
struct Opened<A> {
    parts: Parts,
    endpoint: Arc<Endpoint>,
    collect: Collect<A>,
}

struct Reading<S, A> {
    opened: Opened<A>,
    ready: S,
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

pin_project! {
    /// Reads the body, checks it, and waits for the inner service.
    pub struct ValidateFuture<S, A>
    where
        S: Service<Request<Full<Bytes>>>,
    {
        #[pin]
        state: State<S, A, S::Future>,
        // The forwarded bytes are in memory until the upstream has answered.
        hold: Option<Hold>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, A, F> {
        Refused { refusal: Option<Refusal> },
        Reading { reading: Option<Reading<S, A>> },
        Passed { #[pin] future: F },
    }
}

impl<S, A> std::fmt::Debug for ValidateFuture<S, A>
where
    S: Service<Request<Full<Bytes>>>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValidateFuture").finish_non_exhaustive()
    }
}

impl<S, A, B> Future for ValidateFuture<S, A>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    A: HttpBody<Data = Bytes> + Unpin,
    B: From<Bytes>,
{
    type Output = Result<Response<B>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let this = self.as_mut().project();
            let mut state = this.state;
            let next = match state.as_mut().project() {
                StateProjection::Refused { refusal } => {
                    let refusal = refusal.take().unwrap_or(Refusal::Misassembled);
                    return Poll::Ready(Ok(refusal.into_response()));
                }
                StateProjection::Passed { future } => return future.poll(context),
                StateProjection::Reading { reading } => {
                    let collected = match reading.as_mut() {
                        Some(reading) => ready!(reading.opened.collect.poll(context)),
                        None => Err(Refusal::Misassembled),
                    };
                    let checked = collected.and_then(|bytes| {
                        let Reading { opened, ready } =
                            reading.take().ok_or(Refusal::Misassembled)?;
                        judge(&bytes, opened.endpoint.body.as_ref())?;
                        Ok((opened, ready, bytes))
                    });
                    match checked {
                        Ok((opened, mut ready, bytes)) => {
                            *this.hold = Some(opened.collect.into_hold());
                            let request = Request::from_parts(opened.parts, Full::new(bytes));
                            State::Passed { future: ready.call(request) }
                        }
                        Err(refusal) => State::Refused { refusal: Some(refusal) },
                    }
                }
            };
            state.set(next);
        }
    }
}
