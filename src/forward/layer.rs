//! The tower part of forwarding: the innermost service of the stack.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy::ResponseFuture;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use super::exchange::{Again, Exchange, request};
use super::fields::keep_apart;
use super::relayed::Relayed;
use crate::body::Body;
use crate::contract::Endpoint;
use crate::observation::Observation;
use crate::refusal::Refusal;
use crate::tenant::Tenant;
use crate::upstream::{Failure, Upstream};

/// Sends checked calls to the upstream.
#[derive(Debug, Clone)]
pub struct Forward {
    upstream: Arc<Upstream>,
}

impl Forward {
    /// Forwards through this client.
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream }
    }

    fn send(&self, checked: Request<Full<Bytes>>) -> Result<State, Refusal> {
        let (parts, body) = checked.into_parts();
        let endpoint = parts.extensions.get::<Arc<Endpoint>>().ok_or(Refusal::Misassembled)?;
        let endpoint = Arc::clone(endpoint);
        let pause = self.upstream.admit();
        pause.map_err(|retry_after| Refusal::UpstreamPaused { retry_after })?;
        let path = parts.uri.path_and_query().ok_or(Refusal::MalformedHttp)?;
        let uri = self.upstream.uri(path).ok_or(Refusal::MalformedHttp)?;

        let effect = &endpoint.effect;
        let settings = self.upstream.settings();
        let now = Instant::now();
        let observation = parts.extensions.get::<Arc<Observation>>().map(Arc::clone);
        if let Some(observation) = &observation {
            observation.set_sent(effect.repeatable, now.into_std());
        }
        let head = now + effect.timeout.unwrap_or(settings.timeout);
        let Parts { method, headers: mut client, extensions, .. } = parts;
        if let Some(tenant) = extensions.get::<Arc<Tenant>>() {
            keep_apart(&mut client, &tenant.id);
        }
        let copies = effect.repeatable.then(|| (method.clone(), uri.clone(), body.clone()));
        let outgoing = request(method, uri, &client, body, self.upstream.key());
        let again = copies.map(|(method, uri, body)| Again { method, uri, client, body });
        let exchange = Exchange {
            upstream: Arc::clone(&self.upstream),
            endpoint,
            observation,
            again,
            end: head.max(now + settings.total_timeout),
        };
        let sending = self.upstream.send(outgoing);
        Ok(State::Sending { deadline: sleep_until(head), sending, exchange: Some(exchange) })
    }
}

impl Service<Request<Full<Bytes>>> for Forward {
    type Response = Response<Body<Relayed>>;
    type Error = Infallible;
    type Future = ForwardFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // The pool takes every request; how many there may be is decided by the overload layer.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        self.send(request)
            .unwrap_or_else(|refusal| State::Refused { refusal: Some(refusal) })
            .into()
    }
}

/// Reads an error's body; boxed, since errors are rare and the future of all other calls stays small.
type Reading = Pin<Box<dyn Future<Output = Response<Body<Relayed>>> + Send>>;

pin_project! {
    /// Waits for the head of the answer, and for the body where it has to be judged.
    pub struct ForwardFuture {
        #[pin]
        state: State,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State {
        Refused { refusal: Option<Refusal> },
        Sending { #[pin] deadline: Sleep, sending: ResponseFuture, exchange: Option<Exchange> },
        Reading { reading: Reading },
    }
}

impl From<State> for ForwardFuture {
    fn from(state: State) -> Self {
        Self { state }
    }
}

impl std::fmt::Debug for ForwardFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForwardFuture").finish_non_exhaustive()
    }
}

impl Future for ForwardFuture {
    type Output = Result<Response<Body<Relayed>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let reading = match self.as_mut().project().state.project() {
                StateProjection::Refused { refusal } => {
                    let refusal = refusal.take().unwrap_or(Refusal::Misassembled);
                    return Poll::Ready(Ok(refusal.into_response()));
                }
                StateProjection::Reading { reading } => {
                    return reading.as_mut().poll(context).map(Ok);
                }
                StateProjection::Sending { deadline, sending, exchange } => {
                    match ready!(poll_exchange(deadline, sending, exchange, context)) {
                        Ok(response) => return Poll::Ready(Ok(response)),
                        Err(reading) => reading,
                    }
                }
            };
            self.as_mut().project().state.set(State::Reading { reading });
        }
    }
}

/// Waits until the upstream has answered, failed, or let its time pass. `Err`: the answer is an
/// error whose body has to be read first.
fn poll_exchange(
    deadline: Pin<&mut Sleep>,
    sending: &mut ResponseFuture,
    exchange: &mut Option<Exchange>,
    context: &mut Context<'_>,
) -> Poll<Result<Response<Body<Relayed>>, Reading>> {
    let refuse = |refusal: Refusal| Poll::Ready(Ok(refusal.into_response()));
    // Stays in its place while the answer is on its way: it is too large to be moved at each look.
    let Some(call) = exchange.as_mut() else {
        return refuse(Refusal::Misassembled);
    };
    let refusal = loop {
        match Pin::new(&mut *sending).poll(context) {
            Poll::Ready(Ok(answer)) => {
                call.ended();
                let (parts, body) = match call.answered(answer) {
                    Ok(response) => {
                        *exchange = None;
                        return Poll::Ready(Ok(response));
                    }
                    Err(error) => *error,
                };
                let Some(call) = exchange.take() else {
                    return refuse(Refusal::Misassembled);
                };
                return Poll::Ready(Err(Box::pin(call.read_error(parts, body))));
            }
            Poll::Ready(Err(error)) => {
                let failure = call.upstream.failed(&error);
                match call.again.take().filter(|_| failure == Failure::Closed) {
                    Some(again) => {
                        let again = again.request(call.upstream.key());
                        *sending = call.upstream.send(again);
                    }
                    None => break call.failed(failure),
                }
            }
            Poll::Pending if deadline.poll(context).is_ready() => break call.timed_out(),
            Poll::Pending => return Poll::Pending,
        }
    };
    call.ended();
    *exchange = None;
    refuse(refusal)
}
