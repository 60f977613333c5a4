//! How does a client get an upload address at the gateway in place of the upstream's?

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Extensions, Request, Response};
use http_body::Body as HttpBody;
use http_body_util::Full;
use tower::{Layer, Service};

use crate::body::{Body, BoxError, BrokenOff, Read};
use crate::contract::Endpoint;
use crate::records::{Store, UnderReservation, Upload, UploadState};
use crate::refusal::Refusal;
use crate::relay::address::Address;
use crate::relay::token::Token;
use crate::relay::uploads::Uploads;
use crate::relay::{PREFIX, announce};
use crate::tenant::Tenant;

/// The most that is read of an answer; those with an address have a few hundred bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Makes [`Relay`].
#[derive(Debug, Clone)]
pub struct RelayLayer {
    uploads: Option<Arc<Uploads>>,
}

impl RelayLayer {
    /// Announces addresses at the gateway; `None`: answers pass as they are.
    pub fn new(uploads: Option<Arc<Uploads>>) -> Self {
        Self { uploads }
    }
}

impl<S> Layer<S> for RelayLayer {
    type Service = Relay<S>;

    fn layer(&self, inner: S) -> Relay<S> {
        Relay { inner, uploads: self.uploads.clone() }
    }
}

/// Puts addresses at the gateway into answers that carry upload addresses, and passes all others.
#[derive(Debug, Clone)]
pub struct Relay<S> {
    inner: S,
    uploads: Option<Arc<Uploads>>,
}

/// Waits for the inner service, and where the answer may carry an address for that; boxed then.
pub type RelayFuture<F, B, E> =
    Either<F, Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>>;

impl<S, R> Service<Request<Full<Bytes>>> for Relay<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<Body<R>>>,
    S::Future: Send + 'static,
    S::Error: Send,
    R: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = RelayFuture<S::Future, Body<R>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let announcing =
            self.uploads.as_ref().and_then(|uploads| Announcing::of(request.extensions(), uploads));
        let answer = self.inner.call(request);
        let Some(announcing) = announcing else { return Either::Left(answer) };
        Either::Right(Box::pin(async move { Ok(announcing.announce(answer.await?).await) }))
    }
}

/// A call whose answer carries an upload address.
struct Announcing {
    uploads: Arc<Uploads>,
    endpoint: Arc<Endpoint>,
    tenant: Arc<Tenant>,
    /// `None` where nothing is counted: then nothing can be told of the upload either.
    reservation: Option<UnderReservation>,
}

impl Announcing {
    fn of(facts: &Extensions, uploads: &Arc<Uploads>) -> Option<Self> {
        let endpoint = facts.get::<Arc<Endpoint>>()?;
        endpoint.answer.upload_url.as_ref()?;
        Some(Self {
            uploads: Arc::clone(uploads),
            endpoint: Arc::clone(endpoint),
            tenant: Arc::clone(facts.get()?),
            reservation: facts.get().copied(),
        })
    }

    /// The answer with an address at the gateway; as it is, where that cannot be.
    async fn announce<R>(&self, response: Response<Body<R>>) -> Response<Body<R>>
    where
        R: HttpBody<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        if !response.status().is_success() {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        let (body, replaced) = match body.read(LONGEST_ANSWER).await {
            Ok(Read::Whole(bytes)) => (Body::from(bytes.clone()), self.replaced(&bytes).await),
            Ok(Read::TooLong(body)) => (body, Err("the answer is too long")),
            // Its call may have been done, and an address in it reaches nobody.
            Err(BrokenOff) => return Refusal::OutcomeUnknown.into_response(),
        };
        match replaced {
            Ok(bytes) => {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
                Response::from_parts(parts, Body::from(Bytes::from(bytes)))
            }
            Err(why) => {
                self.uploads.note_unchanged();
                let endpoint = &*self.endpoint.path;
                tracing::warn!(endpoint, why, "an upload does not go through the gateway");
                Response::from_parts(parts, body)
            }
        }
    }

    async fn replaced(&self, body: &Bytes) -> Result<Vec<u8>, &'static str> {
        let pointer = self.endpoint.answer.upload_url.as_deref().unwrap_or_default();
        let url = announce::address(body, pointer).ok_or("the answer carries no address")?;
        let settings = &self.uploads.settings;
        let address = Address::read(&url, &settings.hosts);
        let address = address.ok_or("the address leads to no host of relay.hosts")?;
        let UnderReservation(reservation) =
            self.reservation.ok_or("the call has reserved nothing")?;
        let token = Token::new().ok_or("the system has no randomness")?;
        let sealed = token.seal(&url).ok_or("the address cannot be encrypted")?;
        let own = format!("{}{PREFIX}{}", settings.public_url, *token.text());
        let replaced = announce::replace(body, pointer, &url, &own);
        let replaced = replaced.ok_or("the answer cannot be written")?;
        let upload = Upload {
            token: token.digest(),
            tenant: Arc::clone(&self.tenant.id),
            reservation,
            expires: address.expires(self.uploads.now()),
            address: sealed.into(),
            state: UploadState::Waiting,
        };
        let keep = move |store: &mut dyn Store| store.put_upload(&upload);
        let kept = self.uploads.records.write(keep).await;
        kept.map_err(|_| "the records do not answer")?;
        Ok(replaced)
    }
}
