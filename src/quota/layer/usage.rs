//! The tower part of `GET /_gateway/usage`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use serde_json::{Value, json};
use tower::{Layer, Service};

use crate::contract::Endpoint;
use crate::early::Early;
use crate::quota::room::Quotas;
use crate::quota::usage::unrecorded;
use crate::records::Moment;
use crate::refusal::Refusal;
use crate::tenant::Tenant;

/// The path of the usage.
pub const USAGE: &str = "/_gateway/usage";
/// The endpoint that routing gives to requests for the usage.
pub fn usage_endpoint() -> Endpoint {
    Endpoint::own(USAGE, Method::GET)
}

/// Makes [`Usage`].
#[derive(Debug, Clone)]
pub struct UsageLayer {
    room: Option<Arc<Quotas>>,
}

impl UsageLayer {
    /// Tells what these records say; `None`: that there are none.
    pub fn new(room: Option<Arc<Quotas>>) -> Self {
        Self { room }
    }

    async fn answer(self, tenant: Arc<Tenant>) -> Result<Bytes, Refusal> {
        let Some(room) = self.room else {
            return Ok(data(&unrecorded(&tenant.id, Moment::now())));
        };
        let index = tenant.index;
        if let Some(told) = room.told.get(&index) {
            return Ok(told);
        }
        let _turn = room.looking.lock().await;
        // Whoever had the turn before may have asked the same.
        if let Some(told) = room.told.get(&index) {
            return Ok(told);
        }
        let (now, reading) = (room.now(), Arc::clone(&room));
        let read = move |store: &mut dyn crate::records::Store| {
            reading.plan().usage(store, index, &reading.contract, now)
        };
        let usage = room.records().read(read).await.map_err(|_| Refusal::RecordsUnavailable)?;
        let answer = data(&usage.ok_or(Refusal::Misassembled)?);
        room.told.insert(index, answer.clone());
        Ok(answer)
    }
}

fn data(usage: &Value) -> Bytes {
    json!({ "data": usage }).to_string().into()
}

impl<S> Layer<S> for UsageLayer {
    type Service = Usage<S>;

    fn layer(&self, inner: S) -> Usage<S> {
        Usage { inner, room: self.clone() }
    }
}

/// Answers what the gateway itself is asked, and passes on all that is for the upstream.
#[derive(Debug, Clone)]
pub struct Usage<S> {
    inner: S,
    room: UsageLayer,
}

/// Waits for the inner service, or for the records; boxed, since few ask.
pub type UsageFuture<F, B, E> = Early<futures_util::future::Either<F, Told<B, E>>, B>;
type Told<B, E> = Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>;

impl<S, A, B> Service<Request<A>> for Usage<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<Bytes> + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = UsageFuture<S::Future, B, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        use futures_util::future::Either;

        let extensions = request.extensions();
        if !extensions.get::<Arc<Endpoint>>().is_some_and(|endpoint| endpoint.is_own()) {
            return Early::passed(Either::Left(self.inner.call(request)));
        }
        let Some(tenant) = extensions.get::<Arc<Tenant>>() else {
            return Early::answered(Refusal::Misassembled.into_response());
        };
        let told = self.room.clone().answer(Arc::clone(tenant));
        Early::passed(Either::Right(Box::pin(async move {
            Ok(match told.await {
                Ok(body) => response(body),
                Err(refusal) => refusal.into_response(),
            })
        })))
    }
}

fn response<B: From<Bytes>>(body: Bytes) -> Response<B> {
    let mut response = Response::new(B::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
