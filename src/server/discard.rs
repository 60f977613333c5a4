//! Is the rest of an unread body read, so that the connection lives on, or not?
//!
//! A client that sends its whole request before it reads would otherwise find its connection
//! closed under its hands, for each refusal that needs no body. So a small rest that is already
//! on its way is read and thrown away; for anything else the answer says `connection: close`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use tokio::time::Sleep;

/// The largest rest that is read: what a JSON body of this API may be.
const MAX_BYTES: u64 = 64 * 1024;
/// How long a rest may take: a round trip across the world, and some more.
const PATIENCE: Duration = Duration::from_millis(500);

/// How reading a rest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Discarded {
    /// The next request can follow.
    Whole,
    /// Bytes may still come: the connection has to be closed.
    Unfinished,
}

/// Reads the rest of a body and throws it away, within bounds.
#[derive(Debug)]
pub(super) struct Discard {
    incoming: Incoming,
    budget: u64,
    /// Only made when bytes are missing, which is rare for small bodies.
    patience: Option<Pin<Box<Sleep>>>,
}

impl Discard {
    pub(super) fn new(incoming: Incoming) -> Self {
        Self { incoming, budget: MAX_BYTES, patience: None }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Discarded> {
        if self.incoming.size_hint().lower() > self.budget {
            return Poll::Ready(Discarded::Unfinished);
        }
        loop {
            match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Ready(None) => return Poll::Ready(Discarded::Whole),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Discarded::Unfinished),
                Poll::Ready(Some(Ok(frame))) => {
                    let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                    match self.budget.checked_sub(bytes) {
                        Some(budget) => self.budget = budget,
                        None => return Poll::Ready(Discarded::Unfinished),
                    }
                }
                Poll::Pending => {
                    let patience =
                        self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
                    return patience.as_mut().poll(context).map(|()| Discarded::Unfinished);
                }
            }
        }
    }
}
