//! When is a deadline reached that is asked about at every step?
//!
//! tokio's `Sleep` takes note of the waker at every poll. Whoever waits on the data path is polled by
//! one task mostly, and by many events; this takes note once per waker.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// A point in time that can be waited for and moved. Registered with the runtime only by a first
    /// poll.
    #[derive(Debug)]
    pub struct Timer {
        #[pin]
        sleep: Sleep,
        // Who is woken; `None`: nobody yet, or it was woken.
        waiter: Option<Waker>,
    }
}

impl Timer {
    /// A timer that ends then.
    pub fn at(deadline: Instant) -> Self {
        Self { sleep: sleep_until(deadline), waiter: None }
    }

    /// When it ends.
    pub fn deadline(&self) -> Instant {
        self.sleep.deadline()
    }

    /// Makes it end then instead.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        // Who is woken is noted anew: a runtime with several threads may reach the old deadline just now,
        // and then nobody would be woken at the new one.
        *this.waiter = None;
        this.sleep.reset(deadline);
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let noted = this.waiter.as_ref().is_some_and(|waiter| waiter.will_wake(context.waker()));
        if noted && !this.sleep.is_elapsed() {
            return Poll::Pending;
        }
        let polled = this.sleep.poll(context);
        *this.waiter = polled.is_pending().then(|| context.waker().clone());
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What a task sees that is woken by nothing but the timer.
    async fn ends_within(timer: Pin<&mut Timer>, time: Duration) -> bool {
        tokio::time::timeout(time, timer).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_wakes_at_its_end_also_when_that_was_moved() {
        let start = Instant::now();
        let mut timer = pin!(Timer::at(start + 2 * SECOND));
        assert!(!ends_within(timer.as_mut(), SECOND).await);
        timer.as_mut().reset(start + 5 * SECOND);
        assert!(!ends_within(timer.as_mut(), 3 * SECOND).await);
        timer.as_mut().reset(start + Duration::from_millis(4500));
        assert!(ends_within(timer.as_mut(), SECOND).await);
        assert_eq!(start.elapsed(), Duration::from_millis(4500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_has_ended_wakes_again_once_it_is_moved() {
        let mut timer = pin!(Timer::at(Instant::now() + SECOND));
        assert!(!ends_within(timer.as_mut(), SECOND / 2).await);
        // It ends, and is moved before anybody asks.
        advance(2 * SECOND).await;
        timer.as_mut().reset(Instant::now() + SECOND);
        assert!(ends_within(timer.as_mut(), 2 * SECOND).await);
        timer.as_mut().reset(Instant::now() + SECOND);
        assert!(ends_within(timer.as_mut(), 2 * SECOND).await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asked_last_is_woken() {
        let mut timer = pin!(Timer::at(Instant::now() + SECOND));
        assert!(timer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(ends_within(timer.as_mut(), 2 * SECOND).await);
    }
}
