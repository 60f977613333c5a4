//! Does one more call to this endpoint pass now, wait, or have no chance in time?

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::bucket::Bucket;
use super::fair::Line;
use crate::rate::Rate;

/// One endpoint's bucket, and the line before it.
///
/// The line has a lock: its callers sit on several threads, and who is next depends on all of them.
/// It is taken only where no token is free, held for a walk over a few tenants, and never while a
/// waker runs or is dropped: that may drop a task, which may hold a place in this very line.
///
/// Nobody is in charge of the line, so nobody can fail it. Every waiting call has a timer for its own
/// turn, and whoever comes by, for whatever reason, hands out all tokens that are due. A call on a
/// thread that is busy keeps its token and delays the others until the next timer at most.
#[derive(Debug)]
pub(super) struct Gate {
    rate: Rate,
    origin: Instant,
    bucket: Bucket,
    line: Mutex<Line<Call>>,
}

/// A call in the line.
#[derive(Debug)]
struct Call {
    /// Set when it gets its token; under the lock, so that who leaves knows what to do with it.
    token: Arc<AtomicBool>,
    /// How to tell; `None` until it is polled.
    waker: Option<Waker>,
}

/// What a call finds on arrival.
#[derive(Debug)]
pub(super) enum Entry {
    /// A token: it may go.
    Pass,
    /// A place in the line.
    Wait(Place),
    /// So many calls ahead that its turn cannot come in time.
    Full {
        /// When its turn would come.
        retry_after: Duration,
    },
}

/// What a waiting call finds when it looks again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has its token.
    Turn,
    /// It should look again then, if nobody wakes it before.
    Until(Instant),
    /// It has waited long enough, and has left the line.
    TooLate {
        /// When its turn would come if it came again.
        retry_after: Duration,
    },
}

impl Gate {
    /// Opens with a full bucket.
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, origin: now, bucket: Bucket::new(rate), line: Mutex::default() }
    }

    /// The numbers that the bucket was made with.
    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// The share of the burst that is left, from 0 to 1.
    pub(super) fn left(&self, now: Instant) -> f64 {
        self.bucket.left(self.nanos(now))
    }

    /// How many calls wait; mostly known without the lock.
    pub(super) fn waiting(&self) -> usize {
        if self.bucket.is_held() { self.lock().len() } else { 0 }
    }

    /// Asks for one call.
    pub(super) fn enter(
        self: &Arc<Self>,
        tenant: &Arc<str>,
        now: Instant,
        max_wait: Duration,
    ) -> Entry {
        let (at, longest) = (self.nanos(now), nanos(max_wait));
        if self.bucket.take_free(at) { Entry::Pass } else { self.line_up(tenant, at, longest) }
    }

    /// Off the way of all calls that find a token.
    #[cold]
    fn line_up(self: &Arc<Self>, tenant: &Arc<str>, now: u64, max_wait: u64) -> Entry {
        let mut woken = Vec::new();
        let mut line = self.lock();
        // From here on no token goes past the line.
        self.bucket.hold();
        self.hand_out(&mut line, now, &mut woken);
        let entry = if line.is_empty() && self.bucket.take(now) {
            Entry::Pass
        } else {
            let (turn, deadline) = (self.turn(line.ahead(tenant)), now.saturating_add(max_wait));
            if turn > deadline {
                Entry::Full { retry_after: wait(now, turn) }
            } else {
                let token = Arc::new(AtomicBool::new(false));
                line.join(tenant, Call { token: Arc::clone(&token), waker: None });
                let (gate, tenant) = (Arc::clone(self), Arc::clone(tenant));
                Entry::Wait(Place { gate, tenant, token, deadline, settled: false })
            }
        };
        self.unlock(line, woken);
        entry
    }

    /// Gives all tokens that are due to those whose turn it is.
    fn hand_out(&self, line: &mut Line<Call>, now: u64, woken: &mut Vec<Waker>) {
        let mut handed = false;
        while !line.is_empty() && self.bucket.take(now) {
            handed |= Self::hand_on(line, woken);
        }
        if handed {
            wake_front(line, woken);
        }
    }

    /// Gives one token to the call whose turn it is; `false` when nobody waits.
    fn hand_on(line: &mut Line<Call>, woken: &mut Vec<Waker>) -> bool {
        let Some(call) = line.next() else { return false };
        call.token.store(true, Ordering::Release);
        woken.extend(call.waker);
        true
    }

    /// When a call with so many others ahead gets its token.
    fn turn(&self, ahead: usize) -> u64 {
        let ahead = u64::try_from(ahead).unwrap_or(u64::MAX);
        self.bucket.next().saturating_add(self.bucket.interval().saturating_mul(ahead))
    }

    fn lock(&self) -> MutexGuard<'_, Line<Call>> {
        // Nothing panics under the lock; if it did, the line would still be a line.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every way out of the lock: opens the bucket if nobody waits any more, and wakes last.
    fn unlock(&self, line: MutexGuard<'_, Line<Call>>, woken: Vec<Waker>) {
        if line.is_empty() {
            self.bucket.open();
        }
        drop(line);
        woken.into_iter().for_each(Waker::wake);
    }

    fn nanos(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.origin))
    }
}

/// A place in the line; leaves it when dropped, and passes on a token that was not used.
#[derive(Debug)]
pub(super) struct Place {
    gate: Arc<Gate>,
    tenant: Arc<str>,
    token: Arc<AtomicBool>,
    deadline: u64,
    /// Nothing is left to give back.
    settled: bool,
}

impl Place {
    /// Looks whether its turn has come. The waker is woken when it may be worth looking again.
    pub(super) fn look(&mut self, now: Instant, waker: &Waker) -> Standing {
        if self.token.load(Ordering::Acquire) {
            self.settled = true;
            return Standing::Turn;
        }
        let gate = Arc::clone(&self.gate);
        let now = gate.nanos(now);
        let mut woken = Vec::new();
        let mut line = gate.lock();
        // Without a waker while tokens are handed out: it need not wake itself.
        let before = self.find(&mut line).and_then(|(_, call)| call.waker.take());
        gate.hand_out(&mut line, now, &mut woken);
        let standing = match self.find(&mut line) {
            Some((ahead, call)) if now < self.deadline => {
                call.waker = Some(waker.clone());
                let next = gate.turn(ahead).min(self.deadline);
                Standing::Until(gate.origin + Duration::from_nanos(next))
            }
            Some(_) => {
                self.leave(&mut line, &mut woken);
                Standing::TooLate { retry_after: wait(now, gate.turn(line.ahead(&self.tenant))) }
            }
            // Who is not in the line has its token.
            None => Standing::Turn,
        };
        self.settled = !matches!(standing, Standing::Until(_));
        gate.unlock(line, woken);
        drop(before);
        standing
    }

    fn find<'l>(&self, line: &'l mut Line<Call>) -> Option<(usize, &'l mut Call)> {
        line.find(&self.tenant, |call| Arc::ptr_eq(&call.token, &self.token))
    }

    /// Gives up the place. Those behind move up, so the next one has to set its timer anew.
    fn leave(&self, line: &mut Line<Call>, woken: &mut Vec<Waker>) {
        let left = line.leave(&self.tenant, |call| Arc::ptr_eq(&call.token, &self.token));
        // Not dropped under the lock.
        woken.extend(left.and_then(|call| call.waker));
        wake_front(line, woken);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let mut woken = Vec::new();
        let mut line = self.gate.lock();
        if !self.token.load(Ordering::Acquire) {
            self.leave(&mut line, &mut woken);
        } else if Gate::hand_on(&mut line, &mut woken) {
            wake_front(&line, &mut woken);
        } else {
            self.gate.bucket.give_back();
        }
        self.gate.unlock(line, woken);
    }
}

/// The next one's turn may be earlier than its timer knows.
fn wake_front(line: &Line<Call>, woken: &mut Vec<Waker>) {
    woken.extend(line.front().and_then(|call| call.waker.clone()));
}

fn wait(now: u64, turn: u64) -> Duration {
    Duration::from_nanos(turn.saturating_sub(now))
}

/// At most some decades, so that sums stay within the bucket's word.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(1 << 61)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_without_the_lock_is_open_again_as_soon_as_nobody_waits() {
        let now = Instant::now();
        let gate = Arc::new(Gate::new(Rate::new(600, 5).unwrap(), now));
        let (tenant, max_wait) = ("a".into(), Duration::from_millis(500));
        while matches!(gate.enter(&tenant, now, max_wait), Entry::Pass) {}
        let later = now + Duration::from_secs(1);
        assert!(gate.bucket.take_free(gate.nanos(later)), "after one that left");
        while gate.bucket.take_free(gate.nanos(later)) {}
        let full = gate.enter(&tenant, later, Duration::ZERO);
        assert!(matches!(full, Entry::Full { .. }));
        let later = later + Duration::from_secs(1);
        assert!(gate.bucket.take_free(gate.nanos(later)), "after one that was refused");
        while gate.bucket.take_free(gate.nanos(later)) {}
        let Entry::Wait(mut place) = gate.enter(&tenant, later, max_wait) else { panic!() };
        let later = later + Duration::from_secs(1);
        assert!(!gate.bucket.take_free(gate.nanos(later)));
        assert_eq!(place.look(later, Waker::noop()), Standing::Turn);
        assert!(gate.bucket.take_free(gate.nanos(later)), "after one that had its turn");
    }
}
