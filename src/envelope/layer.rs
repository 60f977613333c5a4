//! The tower part of the envelope.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::fields::{add_contact, add_limit};
use crate::rate::LimitState;
use crate::refusal::Refusal;

/// Makes [`Envelope`].
#[derive(Debug, Clone, Default)]
pub struct EnvelopeLayer {
    contact: Option<Arc<str>>,
}

impl EnvelopeLayer {
    /// Names a contact for tenants, where one is given.
    pub fn new(contact: Option<&str>) -> Self {
        Self { contact: contact.map(Arc::from) }
    }
}

impl<S> Layer<S> for EnvelopeLayer {
    type Service = Envelope<S>;

    fn layer(&self, inner: S) -> Envelope<S> {
        Envelope { inner, contact: self.contact.clone() }
    }
}

/// Completes every answer.
#[derive(Debug, Clone)]
pub struct Envelope<S> {
    inner: S,
    contact: Option<Arc<str>>,
}

impl<S, A, B> Service<Request<A>> for Envelope<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = EnvelopeFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        EnvelopeFuture { inner: self.inner.call(request), contact: self.contact.clone() }
    }
}

pin_project! {
    /// Completes the answer once it is there.
    #[derive(Debug)]
    pub struct EnvelopeFuture<F> {
        #[pin]
        inner: F,
        contact: Option<Arc<str>>,
    }
}

impl<F, B, E> Future for EnvelopeFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut polled = this.inner.poll(context);
        if let Poll::Ready(Ok(response)) = &mut polled {
            complete(response, this.contact.as_ref());
        }
        polled
    }
}

fn complete<B>(response: &mut Response<B>, contact: Option<&Arc<str>>) {
    // It stays for those outside who keep refusals.
    if let Some(state) = response.extensions().get::<LimitState>().cloned() {
        add_limit(response.headers_mut(), &state);
    }
    let Some(contact) = contact else { return };
    if let Some(refusal) = response.extensions().get::<Refusal>().cloned() {
        add_contact(response.headers_mut(), &refusal, contact);
    }
}
