//! When is the connection of an answer free again?

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;

use super::pool::{Pool, after_answer};

/// The body of an upstream's answer. It keeps its HTTP/1 connection from other calls until it has
/// ended or is dropped.
#[derive(Debug)]
pub struct Answer {
    incoming: Incoming,
    lent: Option<Lent>,
}

#[derive(Debug)]
struct Lent {
    sender: SendRequest<Full<Bytes>>,
    pool: Weak<Pool>,
}

impl Answer {
    /// An answer on a connection that belongs to the pool.
    pub(super) fn lent(
        incoming: Incoming,
        sender: SendRequest<Full<Bytes>>,
        pool: &Arc<Pool>,
    ) -> Self {
        let mut answer = Self { incoming, lent: None };
        let pool = Arc::downgrade(pool);
        answer.lent = Some(Lent { sender, pool });
        // A short body has come with its head: the next call need not wait until it is passed on.
        if answer.lent.as_ref().is_some_and(|lent| lent.sender.is_ready()) {
            answer.release();
        }
        answer
    }

    /// An answer on a connection that all calls share.
    pub(super) fn shared(incoming: Incoming) -> Self {
        Self { incoming, lent: None }
    }

    fn release(&mut self) {
        if let Some(Lent { sender, pool }) = self.lent.take() {
            after_answer(&pool, sender);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(context);
        if let Poll::Ready(None) = polled {
            self.release();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // Where something is left of the body, this waits apart: once hyper notices that nobody reads
        // it, the connection closes or becomes ready.
        self.release();
    }
}
