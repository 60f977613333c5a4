//! How does a call wait for its turn?

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::gate::{Place, Standing};

/// The one clock of this room, tokio's: a timer that has fired must find its token due. With a clock
/// of its own the bucket might lag behind the timers, and a call would wake up in vain.
pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

pin_project! {
    /// Waits in the line; ends with `Err` and the time to wait before another try.
    #[derive(Debug)]
    pub(super) struct Wait {
        place: Place,
        #[pin]
        timer: Sleep,
    }
}

impl Wait {
    pub(super) fn new(place: Place) -> Self {
        Self { place, timer: sleep_until(Instant::now()) }
    }
}

impl Future for Wait {
    type Output = Result<(), Duration>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.place.look(now(), context.waker()) {
                Standing::Turn => return Poll::Ready(Ok(())),
                Standing::TooLate { retry_after } => return Poll::Ready(Err(retry_after)),
                Standing::Until(then) => this.timer.as_mut().reset(Instant::from_std(then)),
            }
            ready!(this.timer.as_mut().poll(context));
        }
    }
}
