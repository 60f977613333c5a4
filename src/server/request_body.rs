//! What does a request's body read as, and what is left of it when nobody reads on?

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// The body of a request, as it comes from the client.
///
/// A body that is dropped before its end stays reachable for the listener, which reads on or
/// closes the connection: see [`serve_connection`](super::Server::serve_connection).
#[derive(Debug)]
pub struct RequestBody {
    /// `None`: there is no body.
    incoming: Option<Incoming>,
    /// Where the rest goes.
    rest: Option<Arc<Rest>>,
    /// The client waits for `100 Continue`, which is sent when the body is read first.
    unasked: bool,
}

/// Where a body is left by those who read it.
#[derive(Debug, Default)]
pub(super) struct Rest(Mutex<Left>);

/// What is left of a body.
#[derive(Debug, Default)]
pub(super) enum Left {
    /// Somebody still holds it.
    #[default]
    Held,
    /// It was read to its end.
    Nothing,
    /// It broke off: nothing that follows on the connection can be understood.
    Broken,
    /// The client has not been asked for it (`Expect: 100-continue`).
    Unasked,
    /// It was dropped before its end.
    Unread(Incoming),
}

impl RequestBody {
    /// Wraps a body; `expects`: the client holds it back until it is asked for it.
    pub(super) fn new(incoming: Incoming, expects: bool) -> (Self, Option<Arc<Rest>>) {
        if incoming.is_end_stream() {
            return (Self { incoming: None, rest: None, unasked: false }, None);
        }
        let rest = Arc::new(Rest::default());
        let body =
            Self { incoming: Some(incoming), rest: Some(Arc::clone(&rest)), unasked: expects };
        (body, Some(rest))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        this.unasked = false;
        let frame = Pin::new(incoming).poll_frame(context);
        let left = match &frame {
            Poll::Ready(None) => Left::Nothing,
            Poll::Ready(Some(Err(_))) => Left::Broken,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => return frame,
        };
        this.incoming = None;
        if let Some(rest) = this.rest.take() {
            rest.leave(left);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some((rest, incoming)) = self.rest.take().zip(self.incoming.take()) else { return };
        rest.leave(if incoming.is_end_stream() {
            Left::Nothing
        } else if self.unasked {
            Left::Unasked
        } else {
            Left::Unread(incoming)
        });
    }
}

impl Rest {
    fn leave(&self, left: Left) {
        *self.lock() = left;
    }

    /// Takes what is left.
    pub(super) fn take(&self) -> Left {
        std::mem::take(&mut self.lock())
    }

    /// A panic elsewhere leaves the value whole: it is only ever replaced.
    fn lock(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
