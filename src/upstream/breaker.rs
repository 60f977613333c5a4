//! Is the upstream worth another attempt right now?

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// So many calls in a row must fail to connect before the upstream gets a pause.
const FAILURES: u32 = 50;
/// The pause. Short: it is there to keep calls from piling up behind connect time-outs, and the
/// first call after it finds out whether the upstream is back.
const PAUSE: Duration = Duration::from_millis(PAUSE_MS);
const PAUSE_MS: u64 = 1_000;

/// Counts failed connections in a row. An answer of any status is a success: only what provably
/// never reached the upstream counts.
#[derive(Debug)]
pub struct Breaker {
    origin: Instant,
    failures: AtomicU32,
    paused_until_ms: AtomicU64,
}

impl Breaker {
    /// Begins with a healthy upstream.
    pub fn new(now: Instant) -> Self {
        Self { origin: now, failures: AtomicU32::new(0), paused_until_ms: AtomicU64::new(0) }
    }

    /// Asks before a call.
    ///
    /// # Errors
    /// The rest of the pause.
    pub fn admit(&self, now: impl FnOnce() -> Instant) -> Result<(), Duration> {
        // One plain load and no look at the clock: it costs nothing while the upstream is well.
        if self.failures.load(Ordering::Relaxed) < FAILURES {
            return Ok(());
        }
        let now = self.millis(now());
        let until = self.paused_until_ms.load(Ordering::Relaxed);
        if now < until {
            return Err(Duration::from_millis(until - now));
        }
        // One call goes ahead as the probe; the others wait for what it finds.
        let next = now + PAUSE_MS;
        let probe = self.paused_until_ms.compare_exchange(
            until,
            next,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        probe.map(|_| ()).map_err(|_| PAUSE)
    }

    /// Whether calls are held back, as far as is known without a look at the clock.
    pub fn is_pausing(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES
    }

    /// Notes that a call could not connect.
    pub fn failed(&self, now: Instant) {
        let failures = self.failures.load(Ordering::Relaxed).saturating_add(1);
        self.failures.store(failures, Ordering::Relaxed);
        if failures >= FAILURES {
            if failures == FAILURES {
                tracing::error!(failures, "the upstream is given pauses: no connection in a row");
            }
            self.paused_until_ms.store(self.millis(now + PAUSE), Ordering::Relaxed);
        }
    }

    /// Notes that the upstream answered.
    pub fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.origin).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_upstream_gets_a_pause_and_then_one_probe() {
        let start = Instant::now();
        let breaker = Breaker::new(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..FAILURES {
            assert_eq!(breaker.admit(|| at(10)), Ok(()));
            breaker.failed(at(10));
        }
        assert_eq!(breaker.admit(|| at(10)), Err(PAUSE));
        assert_eq!(breaker.admit(|| at(11)), Ok(()));
        assert_eq!(breaker.admit(|| at(11)), Err(PAUSE));
        breaker.answered();
        assert_eq!(breaker.admit(|| at(11)), Ok(()));
    }

    #[test]
    fn one_answer_between_failures_starts_the_count_again() {
        let start = Instant::now();
        let breaker = Breaker::new(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..FAILURES * 3 {
            breaker.failed(at(1));
            breaker.failed(at(1));
            breaker.answered();
        }
        assert_eq!(breaker.admit(|| at(1)), Ok(()));
    }
}
