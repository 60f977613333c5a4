//! How is a body read whole, within its bounds?

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as HttpBody;
use tokio::time::Sleep;

use crate::budget::Hold;
use crate::refusal::Refusal;

/// A body on its way into memory.
#[derive(Debug)]
pub(super) struct Collect<B> {
    body: B,
    /// The first piece: mostly the only one, and then never copied.
    first: Bytes,
    more: BytesMut,
    limit: usize,
    timeout: Duration,
    /// Bytes of it that were taken so far.
    length: usize,
    hold: Hold,
    /// Made at the first wait only: a small body has arrived together with its head.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> Collect<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    pub(super) fn new(body: B, limit: usize, timeout: Duration, hold: Hold) -> Self {
        let (first, more) = (Bytes::new(), BytesMut::new());
        Self { body, first, more, limit, timeout, length: 0, hold, timer: None }
    }

    /// The whole body, or the reason why it is refused.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Refusal>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                let timeout = self.timeout;
                let start = || Box::pin(tokio::time::sleep(timeout));
                let timer = self.timer.get_or_insert_with(start);
                return timer.as_mut().poll(context).map(|()| Err(Refusal::BodyTooSlow));
            };
            match frame {
                // Trailers of a request say nothing that the contract knows.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && let Err(refusal) = self.add(data)
                    {
                        return Poll::Ready(Err(refusal));
                    }
                }
                // The body's own error texts stay here: they are a dependency's.
                Some(Err(_)) => return Poll::Ready(Err(Refusal::BodyUnreadable)),
                None => return Poll::Ready(Ok(self.whole())),
            }
        }
    }

    /// Bytes of the body that came, one piece beyond the limit included.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The same bytes, in the budget until the last copy of them is gone.
    pub(super) fn hold(self, bytes: Bytes) -> Bytes {
        self.hold.keep(bytes)
    }

    fn add(&mut self, data: Bytes) -> Result<(), Refusal> {
        self.length += data.len();
        if self.length > self.limit {
            return Err(Refusal::BodyTooLarge { limit: self.limit });
        }
        self.hold.add(data.len())?;
        if self.first.is_empty() {
            self.first = data;
        } else {
            self.more.extend_from_slice(&data);
        }
        Ok(())
    }

    fn whole(&mut self) -> Bytes {
        let first = std::mem::take(&mut self.first);
        if self.more.is_empty() {
            return first;
        }
        let mut whole = BytesMut::with_capacity(first.len() + self.more.len());
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&self.more);
        whole.freeze()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use http_body_util::Full;

    use super::*;
    use crate::budget::Budget;

    #[test]
    fn bytes_leave_the_budget_with_their_last_copy() {
        let budget = Arc::new(Budget::new(100, 100, 1));
        let hold = Hold::new(&budget, 0);
        let body = Full::new(Bytes::from_static(b"{\"a\":1}"));
        let mut collect = Collect::new(body, 100, Duration::from_secs(1), hold);
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(bytes)) = collect.poll(&mut context) else { panic!("not read") };
        let held = collect.hold(bytes);
        let copy = held.clone();
        drop(held);
        assert_eq!((&*copy, budget.used()), (&b"{\"a\":1}"[..], 7));
        drop(copy);
        assert_eq!(budget.used(), 0);
    }
}
