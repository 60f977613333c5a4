//! Is there a token, and when will there be one?

use std::sync::atomic::{AtomicU64, Ordering};

use crate::rate::Rate;

/// The lowest bit of the word: somebody waits.
const HELD: u64 = 1;
/// No burst is longer than this, in nanoseconds (a century): sums stay inside of the word.
const LONGEST: u64 = 1 << 62;
const MINUTE: u64 = 60_000_000_000;

/// A token bucket in one atomic word: the arrival time of GCRA, and whether somebody waits.
///
/// Not governor's, which knows no line: with both in one word a call cannot find nobody waiting and
/// then take the token of somebody who began to wait in between. All times are nanoseconds since an
/// origin of the caller's choice. Relaxed throughout: nothing else is read on the word's strength.
#[derive(Debug)]
pub(super) struct Bucket {
    word: AtomicU64,
    /// Between two tokens; rounded up, so that the account's rate is never exceeded.
    interval: u64,
    /// How far the arrival time may be ahead: all tokens of the burst but one.
    slack: u64,
}

impl Bucket {
    /// Makes a full bucket.
    pub(super) fn new(rate: Rate) -> Self {
        let interval = MINUTE.div_ceil(u64::from(rate.per_minute.get()));
        let slack = interval.saturating_mul(u64::from(rate.burst.get()) - 1).min(LONGEST);
        Self { word: AtomicU64::new(0), interval, slack }
    }

    /// Between two tokens.
    pub(super) fn interval(&self) -> u64 {
        self.interval
    }

    /// Takes a token if there is one and nobody waits.
    pub(super) fn take_free(&self, now: u64) -> bool {
        self.take_unless(HELD, now)
    }

    /// Takes a token for the line.
    pub(super) fn take(&self, now: u64) -> bool {
        self.take_unless(0, now)
    }

    /// From now on tokens are for the line alone.
    pub(super) fn hold(&self) {
        self.word.fetch_or(HELD, Ordering::Relaxed);
    }

    /// Nobody waits any more.
    pub(super) fn open(&self) {
        self.word.fetch_and(!HELD, Ordering::Relaxed);
    }

    /// When there is a token; in the past if there is one already.
    pub(super) fn next(&self) -> u64 {
        (self.word.load(Ordering::Relaxed) >> 1).saturating_sub(self.slack)
    }

    /// Whether somebody waits.
    pub(super) fn is_held(&self) -> bool {
        self.word.load(Ordering::Relaxed) & HELD != 0
    }

    /// The share of the burst that is left, from 0 to 1.
    pub(super) fn left(&self, now: u64) -> f64 {
        let ahead = (self.word.load(Ordering::Relaxed) >> 1).saturating_sub(now);
        let all = self.slack.saturating_add(self.interval);
        all.saturating_sub(ahead) as f64 / all as f64
    }

    /// Puts a token back that was not used. A bucket cannot become fuller than full.
    pub(super) fn give_back(&self) {
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let arrival = (word >> 1).saturating_sub(self.interval);
            Some((arrival << 1) | (word & HELD))
        });
    }

    fn take_unless(&self, flag: u64, now: u64) -> bool {
        let taken = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let arrival = word >> 1;
            let free = word & flag == 0 && arrival <= now.saturating_add(self.slack);
            free.then(|| ((arrival.max(now) + self.interval) << 1) | (word & HELD))
        });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn bucket(per_minute: u32, burst: u32) -> Bucket {
        Bucket::new(Rate::new(per_minute, burst).unwrap())
    }

    #[test]
    fn a_burst_passes_and_then_one_call_per_interval() {
        let bucket = bucket(10, 2);
        assert!(bucket.take_free(SECOND) && bucket.take_free(SECOND));
        assert!(!bucket.take_free(SECOND));
        assert_eq!(bucket.next(), 7 * SECOND);
        assert!(!bucket.take_free(7 * SECOND - 1));
        assert!(bucket.take_free(7 * SECOND));
        assert!(!bucket.take_free(7 * SECOND));
    }

    #[test]
    fn while_somebody_waits_a_token_is_for_the_line_alone() {
        let bucket = bucket(10, 2);
        bucket.hold();
        assert!(!bucket.take_free(0));
        assert!(bucket.take(0));
        bucket.open();
        assert!(bucket.take_free(0));
    }

    #[test]
    fn a_token_that_comes_back_makes_the_bucket_no_fuller_than_full() {
        let bucket = bucket(10, 2);
        assert!(bucket.take(SECOND));
        bucket.hold();
        (0..10).for_each(|_| bucket.give_back());
        assert!(!bucket.take_free(SECOND), "the line still stands");
        assert!(bucket.take(SECOND) && bucket.take(SECOND));
        assert!(!bucket.take(SECOND));
    }

    #[test]
    fn the_largest_burst_of_the_slowest_rate_does_not_overflow() {
        let bucket = bucket(1, u32::MAX);
        let century = 100 * 366 * 24 * 3600 * SECOND;
        for now in [0, century] {
            assert!((0..1000).all(|_| bucket.take_free(now)));
        }
        assert!(self::bucket(u32::MAX, u32::MAX).take_free(century));
    }

    proptest! {
        /// In no window, wherever it begins, more than the burst plus what was refilled.
        #[test]
        fn no_window_has_more_than_the_rate(
            per_minute in 1u32..5_000,
            burst in 1u32..20,
            pauses in proptest::collection::vec(0u64..200_000_000, 1..200),
        ) {
            let bucket = bucket(per_minute, burst);
            let mut now = 0;
            let mut passed = Vec::new();
            for pause in pauses {
                now += pause;
                if bucket.take_free(now) {
                    passed.push(now);
                }
            }
            for (first, begin) in passed.iter().enumerate() {
                for (last, end) in passed.iter().enumerate().skip(first) {
                    let calls = (last - first + 1) as u64;
                    let refilled = u128::from(end - begin) * u128::from(per_minute) / u128::from(MINUTE);
                    prop_assert!(u128::from(calls) <= u128::from(burst) + refilled);
                }
            }
        }
    }
}
