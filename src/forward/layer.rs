//! The tower part of forwarding: the innermost service of the stack.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use tokio::time::Instant;
use tower::Service;

use super::exchange::{Call, Exchange};
use super::relayed::Relayed;
use crate::body::Body;
use crate::contract::Endpoint;
use crate::observation::Observation;
use crate::refusal::Refusal;
use crate::tenant::Tenant;
use crate::trace::{Trace, TraceParent};
use crate::upstream::Upstream;

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

    fn send(&self, checked: Request<Full<Bytes>>) -> Result<Sent, Refusal> {
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
        let tenant = parts.extensions.get::<Arc<Tenant>>().map(Arc::clone);
        let trace = parts.extensions.get::<Trace>().and_then(|trace| {
            trace.spans.map(|spans| TraceParent::sampled(trace.id, spans.client))
        });
        let Parts { method, headers: client, extensions: mut spare, .. } = parts;
        spare.clear();
        let call = Call { method, uri, client, body };
        let end = head.max(now + settings.total_timeout);
        let upstream = Arc::clone(&self.upstream);
        let exchange = Exchange { upstream, endpoint, observation, tenant, trace, end };
        Ok(Box::pin(exchange.run(call, head, spare)))
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
        ForwardFuture(match self.send(request) {
            Ok(sent) => State::Sent(sent),
            Err(refusal) => State::Refused(Some(refusal)),
        })
    }
}

/// A call on its way. Boxed once, here: request, connection and deadline would otherwise be moved
/// through the future of every outer room.
type Sent = Pin<Box<dyn Future<Output = Response<Body<Relayed>>> + Send>>;

/// Waits for the head of the answer, and for the body where it has to be judged.
pub struct ForwardFuture(State);

enum State {
    Refused(Option<Refusal>),
    Sent(Sent),
}

impl std::fmt::Debug for ForwardFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForwardFuture").finish_non_exhaustive()
    }
}

impl Future for ForwardFuture {
    type Output = Result<Response<Body<Relayed>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Sent(sent) => sent.as_mut().poll(context).map(Ok),
            State::Refused(refusal) => {
                let refusal = refusal.take().unwrap_or(Refusal::Misassembled);
                Poll::Ready(Ok(refusal.into_response()))
            }
        }
    }
}
