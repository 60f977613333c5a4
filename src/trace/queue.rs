//! Where do the spans of a request wait for the exporter?

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::finished::Finished;

/// Requests whose spans may wait; as many may be in the exporter's hands.
const MOST: usize = 2_048;
/// For so many the exporter does not wait for more: three quarters of what it sends together, so that
/// those which come until it has looked do not make a batch of their own.
const ENOUGH: usize = 384;

/// What those who record share with the exporter. A lock and not a channel: what is shared is one piece
/// of memory, and it is held for one copy of a record, or for exchanging two pointers.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// For the exporter: there is something to do.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Finished>,
    /// Who waits until everything is exported that was left before.
    flushing: Vec<oneshot::Sender<()>>,
    /// Nobody leaves anything any more.
    closed: bool,
    /// Nobody takes anything any more.
    abandoned: bool,
}

impl State {
    fn is_enough(&self) -> bool {
        self.waiting.len() >= ENOUGH || !self.flushing.is_empty() || self.closed
    }
}

impl Queue {
    /// Whether there is room, and somebody who takes it.
    pub(super) fn push(&self, finished: Finished) -> bool {
        let mut state = self.lock();
        let before = state.waiting.len();
        if before >= MOST || state.abandoned {
            return false;
        }
        state.waiting.push(finished);
        drop(state);
        // Nobody is woken for each: the exporter looks by itself at what came after the first.
        if before == 0 || before + 1 == ENOUGH {
            self.wake.notify_one();
        }
        true
    }

    /// Has the exporter hurry, and tell when everything is exported that was left before.
    pub(super) fn flush(&self, done: oneshot::Sender<()>) {
        let mut state = self.lock();
        if !state.abandoned {
            state.flushing.push(done);
            self.wake.notify_one();
        }
    }

    /// Lets the exporter end, once it has taken what is there.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// What is inside is whole between any two statements.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is one who waits, and a wake-up that comes before is kept: none is missed.
    async fn until(&self, is: impl Fn(&State) -> bool) {
        while !is(&self.lock()) {
            self.wake.notified().await;
        }
    }
}

/// What a tracer leaves, for the one who exports it.
#[derive(Debug)]
pub struct Left(Arc<Queue>);

impl Left {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self(queue)
    }

    /// Waits until there is something to do; whether there ever will be.
    pub async fn any(&mut self) -> bool {
        let any = |state: &State| !state.waiting.is_empty() || !state.flushing.is_empty();
        self.0.until(|state| any(state) || state.closed).await;
        any(&self.0.lock())
    }

    /// Waits until there is so much that waiting for more saves nothing, or somebody has no time.
    pub async fn enough(&mut self) {
        self.0.until(State::is_enough).await;
    }

    /// Exchanges what is there, in its order, for an empty piece of memory. Returns who wants to know when
    /// it is exported.
    pub fn take(&mut self, taken: &mut Vec<Finished>) -> Vec<oneshot::Sender<()>> {
        taken.clear();
        // A flood must not hold its memory for good.
        taken.shrink_to(2 * ENOUGH);
        let mut state = self.0.lock();
        std::mem::swap(&mut state.waiting, taken);
        std::mem::take(&mut state.flushing)
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.abandoned = true;
        state.flushing.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::task::{Context, Wake, Waker};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::trace::{Ratio, Tracer};

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Relaxed);
        }
    }

    fn finished(tracer: &Tracer) -> Finished {
        let trace = tracer.begin(None).unwrap();
        Finished {
            trace_id: trace.id,
            parent: None,
            spans: trace.spans.unwrap(),
            began: SystemTime::UNIX_EPOCH,
            took: Duration::ZERO,
            call: Some((Duration::ZERO, None)),
            method: "POST",
            endpoint: None,
            tenant: None,
            status: None,
            upstream_status: None,
            reason: None,
        }
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (tracer, mut left) = Tracer::new(Ratio::ALL);
        let finished = finished(&tracer);
        for _ in 0..MOST + 3 {
            tracer.leave(finished.clone());
        }
        assert_eq!((tracer.counts().dropped(), tracer.counts().open()), (6, 2 * MOST as u64));
        // What was taken out makes room.
        let mut taken = Vec::new();
        left.take(&mut taken);
        tracer.leave(finished.clone());
        assert_eq!((taken.len(), tracer.counts().dropped()), (MOST, 6));
        drop(left);
        tracer.leave(finished);
        assert_eq!(tracer.counts().dropped(), 8);
    }

    #[test]
    fn the_exporter_is_woken_by_the_first_and_by_enough_and_by_no_other() {
        let (tracer, mut left) = Tracer::new(Ratio::ALL);
        let finished = finished(&tracer);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let context = &mut Context::from_waker(&waker);
        let mut wakes = |many: usize, is: bool| {
            let mut waiting = pin!(left.enough());
            assert!(waiting.as_mut().poll(context).is_pending());
            for _ in 0..many {
                tracer.leave(finished.clone());
            }
            assert_eq!(woken.0.swap(false, Relaxed), is, "{many}");
        };
        wakes(1, true);
        wakes(ENOUGH - 2, false);
        wakes(1, true);
        assert!(pin!(left.enough()).poll(context).is_ready());
    }

    #[tokio::test]
    async fn what_is_left_at_the_end_comes_out_before_it() {
        let (tracer, mut left) = Tracer::new(Ratio::ALL);
        tracer.leave(finished(&tracer));
        let other = tracer.clone();
        drop(tracer);
        other.leave(finished(&other));
        drop(other);
        let mut taken = Vec::new();
        assert!(left.any().await);
        left.enough().await;
        left.take(&mut taken);
        assert_eq!(taken.len(), 2);
        assert!(!left.any().await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_flushes_does_not_wait_for_an_exporter_that_is_gone() {
        let (tracer, left) = Tracer::new(Ratio::ALL);
        tracer.leave(finished(&tracer));
        let mut flush = pin!(tracer.flush());
        assert!(futures_util::poll!(flush.as_mut()).is_pending());
        drop(left);
        let both = async { (flush.await, tracer.flush().await) };
        assert!(tokio::time::timeout(Duration::from_secs(1), both).await.is_ok());
    }
}
