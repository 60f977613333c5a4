//! How does a file get by the rooms that handle calls of the API?

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower::{Layer, Service};

use crate::refusal::Refusal;
use crate::relay::uploads::Uploads;
use crate::upstream::Upstream;

/// Makes [`Uploaded`].
#[derive(Debug, Clone)]
pub struct UploadsLayer {
    relay: Option<(Arc<Uploads>, Arc<Upstream>)>,
}

impl UploadsLayer {
    /// Takes files that are put to upload addresses; `None`: there are none.
    pub fn new(uploads: Option<Arc<Uploads>>, upstream: &Arc<Upstream>) -> Self {
        Self { relay: uploads.map(|uploads| (uploads, Arc::clone(upstream))) }
    }
}

impl<S> Layer<S> for UploadsLayer {
    type Service = Uploaded<S>;

    fn layer(&self, inner: S) -> Uploaded<S> {
        Uploaded { inner, room: self.clone() }
    }
}

/// Takes files itself, and passes on all else. It refuses by the token alone: no key is needed.
#[derive(Debug, Clone)]
pub struct Uploaded<S> {
    inner: S,
    room: UploadsLayer,
}

/// Waits for the inner service, or for a file to pass; boxed, since few are files.
pub type UploadsFuture<F, B> = Either<F, Pin<Box<dyn Future<Output = Answered<B>> + Send>>>;
type Answered<B> = Result<Response<B>, Infallible>;

impl<S, A, B> Service<Request<A>> for Uploaded<S>
where
    S: Service<Request<A>, Response = Response<B>, Error = Infallible>,
    A: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B: From<Bytes> + 'static,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = UploadsFuture<S::Future, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let relay = self.room.relay.as_ref().filter(|_| Uploads::is_for(request.uri().path()));
        let Some((uploads, upstream)) = relay else {
            return Either::Left(self.inner.call(request));
        };
        let taking = Arc::clone(uploads).take(Arc::clone(upstream), request);
        Either::Right(Box::pin(async move {
            Ok(taking.await.map_or_else(Refusal::into_response, |response| response.map(B::from)))
        }))
    }
}
