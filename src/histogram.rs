//! How long did it take, how often?

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The upper bounds of the buckets, in microseconds: fine where the gateway's own time lies, coarse
/// where an upstream's does.
pub const BOUNDS: [u64; 18] = [
    50, 100, 200, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000, 30_000_000, 90_000_000,
];

/// Durations, counted in fixed buckets. A reader may see an addition half done.
#[derive(Debug, Default)]
pub struct Histogram {
    /// One more than there are bounds: the last is for all that took longer.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Buckets {
    /// How many fell between each bound and the one before; the last ones took longer.
    pub counts: [u64; BOUNDS.len() + 1],
    /// All of them together, in microseconds.
    pub sum: u64,
}

impl Histogram {
    /// Counts one.
    pub fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| *bound < micros);
        self.buckets[place].fetch_add(1, Relaxed);
        self.sum.fetch_add(micros, Relaxed);
    }

    /// Reads it.
    pub fn read(&self) -> Buckets {
        let counts = std::array::from_fn(|place| self.buckets[place].load(Relaxed));
        Buckets { counts, sum: self.sum.load(Relaxed) }
    }
}

impl Buckets {
    /// How many in all.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(own, other)| *own += other);
        self.sum += other.sum;
    }

    /// The bound that this share of all stays below, in microseconds; `None`: nothing was counted,
    /// or it lies above the last bound.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let all = self.count();
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(self.counts) {
            below += count;
            if all > 0 && below as f64 >= all as f64 * share {
                return Some(*bound);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_the_bucket_of_its_bound() {
        let histogram = Histogram::default();
        for micros in [0, 50, 51, 90_000_000, 90_000_001] {
            histogram.add(Duration::from_micros(micros));
        }
        let read = histogram.read();
        assert_eq!((read.counts[0], read.counts[1]), (2, 1));
        assert_eq!((read.counts[17], read.counts[18]), (1, 1));
        assert_eq!((read.count(), read.sum), (5, 180_000_102));
        assert_eq!((read.quantile(0.5), read.quantile(1.0)), (Some(100), None));
        assert_eq!(Buckets::default().quantile(0.5), None);
        assert!(BOUNDS.is_sorted());
    }
}
