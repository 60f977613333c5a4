//! How does an answer's body pass through?

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::body::BoxError;
use crate::upstream::{Answer, Redaction, Redactor};

/// An answer's body on its way: piece by piece, never whole in memory, with a deadline for each
/// piece and one for all of them, and without the central key.
///
/// In a box: an answer is moved through every outer room, and pays for its size each time.
#[derive(Debug)]
pub struct Relayed(Box<Passing>);

#[derive(Debug)]
struct Passing {
    incoming: Answer,
    redaction: Redaction,
    idle: Duration,
    end: Instant,
    /// Made at the first wait only: most answers arrive with their head.
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    /// It was asked for a piece.
    begun: bool,
}

/// An answer's body did not arrive in time.
#[derive(Debug, thiserror::Error)]
#[error("the upstream's answer did not arrive in time")]
pub(super) struct AnswerTimedOut;

impl Relayed {
    /// Relays a body; `idle` bounds the wait for each piece, `end` the whole.
    pub(super) fn new(incoming: Answer, redactor: Redactor, idle: Duration, end: Instant) -> Self {
        Self(Box::new(Passing {
            incoming,
            redaction: Redaction::new(redactor),
            idle,
            end,
            timer: None,
            waiting: false,
            begun: false,
        }))
    }
}

impl Passing {
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = (Instant::now() + self.idle).min(self.end);
        let timer = match &mut self.timer {
            Some(timer) => timer,
            None => self.timer.insert(Box::pin(tokio::time::sleep_until(deadline))),
        };
        if !self.waiting {
            timer.as_mut().reset(deadline);
            self.waiting = true;
        }
        timer.as_mut().poll(context)
    }
}

impl HttpBody for Relayed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self.0;
        // Also when the next piece is there already: a client that takes it slowly must not hold the
        // upstream's connection for ever. The first piece comes right after the head.
        if std::mem::replace(&mut this.begun, true) && Instant::now() >= this.end {
            return Poll::Ready(Some(Err(AnswerTimedOut.into())));
        }
        loop {
            let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) else {
                ready!(this.poll_deadline(context));
                return Poll::Ready(Some(Err(AnswerTimedOut.into())));
            };
            this.waiting = false;
            match frame {
                // Trailers end here: nothing of this API is in them, and the central key might be.
                Some(Ok(frame)) => {
                    let data = frame.into_data().map(|data| this.redaction.pass(data));
                    if let Ok(data) = data
                        && !data.is_empty()
                    {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => {
                    return Poll::Ready(this.redaction.rest().map(|rest| Ok(Frame::data(rest))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.redaction.held() == 0 && self.0.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.0.incoming.size_hint();
        let held = self.0.redaction.held() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}
