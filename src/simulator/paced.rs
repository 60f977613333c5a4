//! How is a body sent slowly, or only in part?

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::wire::{Breakage, Switch};

/// Long enough for what was written to leave before the connection breaks.
const BEFORE_BREAKING: Duration = Duration::from_millis(1);

/// Bytes in pieces with pauses between them, and perhaps a broken connection behind.
#[derive(Debug)]
pub(crate) struct PacedBody {
    rest: Bytes,
    piece: usize,
    pause: Duration,
    pausing: Option<Pin<Box<Sleep>>>,
    /// Announced in Content-Length, never sent.
    withheld: usize,
    breakage: Option<(Switch, Breakage)>,
}

impl PacedBody {
    /// So many bytes at a time.
    pub(crate) fn drip(body: Bytes, piece: usize, pause: Duration) -> Self {
        Self { rest: body, piece, pause, pausing: None, withheld: 0, breakage: None }
    }

    /// The first half, then the end of the connection.
    pub(crate) fn break_off(mut body: Bytes, switch: Switch, breakage: Breakage) -> Self {
        let half = body.split_to(body.len() / 2);
        Self {
            piece: half.len().max(1),
            rest: half,
            pause: BEFORE_BREAKING,
            pausing: None,
            withheld: body.len(),
            breakage: Some((switch, breakage)),
        }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(pausing) = &mut self.pausing {
            ready!(pausing.as_mut().poll(context));
            self.pausing = None;
        }
        if self.rest.is_empty() {
            return Poll::Ready(self.breakage.take().map(|(switch, breakage)| {
                switch.throw(breakage);
                Err(io::ErrorKind::ConnectionAborted.into())
            }));
        }
        let length = self.piece.min(self.rest.len());
        let piece = self.rest.split_to(length);
        if !self.is_end_stream() {
            self.pausing = Some(Box::pin(tokio::time::sleep(self.pause)));
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.breakage.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.rest.len() + self.withheld) as u64)
    }
}
