//! Does one more call fit into every rate that binds it?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use crate::rate::{LimitPolicy, LimitState, Rate};

/// One token bucket (GCRA): one atomic, no lock, nothing to clean up.
#[derive(Debug)]
pub struct Limiter<C: Clock = DefaultClock> {
    gcra: RateLimiter<Intent, Bucket, C, StateInformationMiddleware>,
    bucket: Bucket,
    interval: Duration,
    policy: Arc<LimitPolicy>,
}

/// Why a call does not fit.
#[derive(Debug)]
pub struct Exceeded {
    /// The state of the limit that refuses.
    pub state: LimitState,
    /// When one call will fit again.
    pub retry_after: Duration,
}

impl<C: Clock> Limiter<C> {
    /// Makes a full bucket.
    pub fn new(policy: Arc<LimitPolicy>, clock: C) -> Self {
        let Rate { per_minute, burst } = policy.rate;
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        let bucket = Bucket::default();
        Self {
            gcra: RateLimiter::new(quota, bucket.clone(), clock),
            bucket,
            interval: quota.replenish_interval(),
            policy,
        }
    }

    /// The numbers that the bucket was made with.
    pub fn rate(&self) -> Rate {
        self.policy.rate
    }

    /// Charges one call.
    ///
    /// # Errors
    /// [`Exceeded`] when the bucket is empty; nothing is charged then.
    pub fn charge(&self) -> Result<LimitState, Exceeded> {
        self.check(Intent::Charge)
    }

    /// Tells what [`charge`](Self::charge) would say now, and charges nothing.
    ///
    /// # Errors
    /// [`Exceeded`] when the bucket is empty.
    pub fn peek(&self) -> Result<LimitState, Exceeded> {
        self.check(Intent::Peek)
    }

    /// The share of the burst that is left, from 0 to 1; nothing is charged.
    pub fn left(&self) -> f64 {
        let rest = self.peek().map_or(0, |state| state.remaining.saturating_add(1));
        f64::from(rest) / f64::from(self.policy.rate.burst.get())
    }

    fn check(&self, intent: Intent) -> Result<LimitState, Exceeded> {
        match self.gcra.check_key(&intent) {
            Ok(snapshot) => Ok(self.state(snapshot.remaining_burst_capacity())),
            Err(until) => {
                let retry_after = until.wait_time_from(self.gcra.clock().now());
                let rest = self.interval.saturating_mul(self.policy.rate.burst.get() - 1);
                let reset = retry_after.saturating_add(rest);
                let policy = Arc::clone(&self.policy);
                Err(Exceeded { state: LimitState { policy, remaining: 0, reset }, retry_after })
            }
        }
    }

    /// Takes one charge back.
    fn refund(&self) {
        self.bucket.give_back(u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX));
    }

    fn state(&self, remaining: u32) -> LimitState {
        let spent = self.policy.rate.burst.get().saturating_sub(remaining);
        LimitState {
            policy: Arc::clone(&self.policy),
            remaining,
            reset: self.interval.saturating_mul(spent),
        }
    }
}

/// Charges one call against two limits, or against none of them.
///
/// Returns the state of the tighter one. A charge on one is taken back when the other refuses;
/// between the two steps another call may find one token less, never one more.
///
/// # Errors
/// [`Exceeded`] of the limit that refuses for longer: a client that waits so long passes both.
/// Nothing stays charged.
pub fn charge_both<C: Clock>(
    first: &Limiter<C>,
    second: &Limiter<C>,
) -> Result<LimitState, Exceeded> {
    match (first.charge(), second.charge()) {
        (Ok(one), Ok(other)) => Ok(one.tighter(other)),
        (Ok(_), Err(exceeded)) => {
            first.refund();
            Err(exceeded)
        }
        (Err(exceeded), Ok(_)) => {
            second.refund();
            Err(exceeded)
        }
        (Err(one), Err(other)) => {
            Err(if other.retry_after > one.retry_after { other } else { one })
        }
    }
}

/// Whether a call is charged, or only asked about. To governor it is the key of the state, which is the
/// one way to hand something through to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Intent {
    Charge,
    Peek,
}

/// The bucket's state: the theoretical arrival time of the next call, in nanoseconds since the
/// limiter was made; 0 while untouched. governor's own store hides its atomic, and without it a
/// charge could not be taken back.
#[derive(Debug, Clone, Default)]
struct Bucket(Arc<AtomicU64>);

impl Bucket {
    fn give_back(&self, nanoseconds: u64) {
        // Saturating: a bucket cannot become fuller than full.
        let _ = self.0.fetch_update(Ordering::Release, Ordering::Relaxed, |arrival| {
            Some(arrival.saturating_sub(nanoseconds))
        });
    }
}

impl StateStore for Bucket {
    type Key = Intent;

    fn measure_and_replace<T, F, E>(&self, intent: &Intent, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let (outcome, next) = decide((seen != 0).then(|| Nanos::new(seen)))?;
            if *intent == Intent::Peek {
                return Ok(outcome);
            }
            match self.0.compare_exchange_weak(
                seen,
                next.as_u64(),
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return Ok(outcome),
                Err(now) => seen = now,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;

    fn limiter(
        per_minute: u32,
        burst: u32,
        clock: &FakeRelativeClock,
    ) -> Limiter<FakeRelativeClock> {
        let policy = LimitPolicy::new("test", Rate::new(per_minute, burst).unwrap());
        Limiter::new(Arc::new(policy), clock.clone())
    }

    #[test]
    fn a_burst_passes_and_the_next_call_waits_for_one_token() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter(10, 2, &clock);
        assert_eq!(limiter.charge().unwrap().remaining, 1);
        let last = limiter.charge().unwrap();
        assert_eq!((last.remaining, last.reset), (0, Duration::from_secs(12)));
        let refused = limiter.charge().unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(6));
        clock.advance(Duration::from_secs(6));
        assert!(limiter.charge().is_ok());
        assert!(limiter.charge().is_err());
    }

    #[test]
    fn who_only_asks_hears_what_a_charge_would_say_and_is_charged_nothing() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter(10, 2, &clock);
        for left in [1, 0] {
            for _ in 0..100 {
                assert_eq!(limiter.peek().unwrap().remaining, left);
            }
            assert_eq!(limiter.charge().unwrap().remaining, left);
        }
        let (asked, charged) = (limiter.peek().unwrap_err(), limiter.charge().unwrap_err());
        assert_eq!(asked.retry_after, Duration::from_secs(6));
        assert_eq!(
            (asked.retry_after, asked.state.reset),
            (charged.retry_after, charged.state.reset)
        );
        clock.advance(Duration::from_secs(6));
        assert!(limiter.peek().is_ok() && limiter.charge().is_ok());
    }

    #[test]
    fn a_charge_does_not_stay_when_the_other_limit_refuses() {
        let clock = FakeRelativeClock::default();
        let (roomy, tight) = (limiter(600, 5, &clock), limiter(10, 1, &clock));
        clock.advance(Duration::from_secs(1));
        assert!(charge_both(&roomy, &tight).is_ok());
        for _ in 0..1000 {
            assert!(charge_both(&roomy, &tight).is_err());
        }
        for _ in 0..4 {
            assert!(roomy.charge().is_ok());
        }
        assert!(roomy.charge().is_err());
    }

    #[test]
    fn a_refusal_tells_the_longer_of_two_waits() {
        let clock = FakeRelativeClock::default();
        let (quick, slow) = (limiter(60, 1, &clock), limiter(1, 1, &clock));
        assert!(charge_both(&quick, &slow).is_ok());
        for (first, second) in [(&quick, &slow), (&slow, &quick)] {
            let refused = charge_both(first, second).unwrap_err();
            assert_eq!(refused.retry_after, Duration::from_secs(60));
            assert_eq!(refused.state.reset, Duration::from_secs(60));
        }
        clock.advance(Duration::from_secs(59));
        let refused = charge_both(&quick, &slow).unwrap_err();
        assert_eq!(
            (refused.retry_after, refused.state.reset),
            (Duration::from_secs(1), Duration::from_secs(1))
        );
        assert!(quick.charge().is_ok(), "what the slow limit refused costs the quick one nothing");
    }

    #[test]
    fn the_tighter_limit_is_the_one_that_is_shown() {
        let clock = FakeRelativeClock::default();
        let (roomy, tight) = (limiter(600, 100, &clock), limiter(10, 2, &clock));
        assert_eq!(charge_both(&roomy, &tight).unwrap().remaining, 1);
        assert_eq!(charge_both(&tight, &roomy).unwrap().remaining, 0);
    }

    proptest! {
        /// Never more than the burst plus what was refilled, whatever the pattern of calls.
        #[test]
        fn no_pattern_of_calls_gets_more_than_the_rate(
            per_minute in 1u32..1000,
            burst in 1u32..50,
            pauses in proptest::collection::vec(0u64..5_000, 1..200),
        ) {
            let clock = FakeRelativeClock::default();
            let limiter = limiter(per_minute, burst, &clock);
            let mut passed = 0u64;
            let mut elapsed = 0u64;
            for pause in pauses {
                clock.advance(Duration::from_millis(pause));
                elapsed += pause;
                passed += u64::from(limiter.charge().is_ok());
            }
            let refilled = elapsed * u64::from(per_minute) / 60_000;
            prop_assert!(passed <= u64::from(burst) + refilled + 1);
        }

        /// Waiting exactly as long as the refusal says is enough.
        #[test]
        fn a_client_that_waits_as_told_passes(per_minute in 1u32..1000, burst in 1u32..50) {
            let clock = FakeRelativeClock::default();
            let limiter = limiter(per_minute, burst, &clock);
            let wait = loop {
                if let Err(exceeded) = limiter.charge() {
                    break exceeded.retry_after;
                }
            };
            clock.advance(wait);
            prop_assert!(limiter.charge().is_ok());
        }
    }
}
