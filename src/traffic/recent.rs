//! What passed in the last hour?
//!
//! A ring of slots of ten seconds, written by the requests themselves: nothing wakes up when nothing
//! passes. Where a slot begins anew, an addition of another thread at that very moment may be lost.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const SECONDS: u64 = 10;
/// How long a slot lasts.
pub const SLOT: Duration = Duration::from_secs(SECONDS);
const SLOTS: u64 = 360;

/// The ring.
#[derive(Debug)]
pub struct Recent(Box<[Counting]>);

#[derive(Debug, Default)]
struct Counting {
    /// Which ten seconds since the start, from 1; 0: none yet.
    epoch: AtomicU64,
    forwarded: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    own: AtomicU64,
    upstream: AtomicU64,
}

/// What passed in ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When it began, as the time since the traffic began.
    pub since: Duration,
    /// Calls that were sent to the upstream.
    pub forwarded: u64,
    /// Requests that were refused before that.
    pub refused: u64,
    /// Calls that were sent, and answered by the gateway because the upstream failed.
    pub failed: u64,
    /// The gateway's own time for all of them, in microseconds.
    pub own: u64,
    /// The upstream's time for those that were sent, in microseconds.
    pub upstream: u64,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self((0..SLOTS).map(|_| Counting::default()).collect())
    }

    pub(super) fn add(
        &self,
        since: Duration,
        sent: bool,
        refused: bool,
        own: Duration,
        upstream: Option<Duration>,
    ) {
        let epoch = since.as_secs() / SECONDS + 1;
        let place = usize::try_from(epoch % SLOTS).unwrap_or_default();
        let Some(slot) = self.0.get(place) else { return };
        slot.begin(epoch);
        match (sent, refused) {
            (true, failed) => {
                slot.forwarded.fetch_add(1, Relaxed);
                if failed {
                    slot.failed.fetch_add(1, Relaxed);
                }
            }
            (false, true) => {
                slot.refused.fetch_add(1, Relaxed);
            }
            // What the gateway tells of itself is no traffic.
            (false, false) => return,
        }
        slot.own.fetch_add(micros(own), Relaxed);
        slot.upstream.fetch_add(micros(upstream.unwrap_or_default()), Relaxed);
    }

    /// The slots of the last hour, the oldest first; empty ones between them, too.
    pub(super) fn slots(&self, since: Duration) -> Vec<Slot> {
        let last = since.as_secs() / SECONDS + 1;
        let first = last.saturating_sub(SLOTS - 1).max(1);
        (first..=last).map(|epoch| self.slot(epoch)).collect()
    }

    fn slot(&self, epoch: u64) -> Slot {
        let since = Duration::from_secs((epoch - 1) * SECONDS);
        let place = usize::try_from(epoch % SLOTS).unwrap_or_default();
        let found = self.0.get(place).filter(|slot| slot.epoch.load(Relaxed) == epoch);
        let read = |of: fn(&Counting) -> &AtomicU64| found.map_or(0, |slot| of(slot).load(Relaxed));
        Slot {
            since,
            forwarded: read(|slot| &slot.forwarded),
            refused: read(|slot| &slot.refused),
            failed: read(|slot| &slot.failed),
            own: read(|slot| &slot.own),
            upstream: read(|slot| &slot.upstream),
        }
    }
}

impl Counting {
    /// Whoever comes first in new ten seconds clears the slot.
    fn begin(&self, epoch: u64) {
        let known = self.epoch.load(Relaxed);
        if known == epoch || self.epoch.compare_exchange(known, epoch, Relaxed, Relaxed).is_err() {
            return;
        }
        for count in [&self.forwarded, &self.refused, &self.failed, &self.own, &self.upstream] {
            count.store(0, Relaxed);
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_what_is_older_is_gone() {
        let recent = Recent::new();
        let (at, own) = (Duration::from_secs, Duration::from_micros(70));
        recent.add(at(0), true, false, own, Some(Duration::from_micros(900)));
        recent.add(at(9), false, true, own, None);
        // What the gateway answers about itself is neither.
        recent.add(at(9), false, false, own, None);
        recent.add(at(10), true, true, own, None);
        let slots = recent.slots(at(25));
        assert_eq!(slots.len(), 3);
        assert_eq!((slots[0].forwarded, slots[0].refused, slots[0].failed), (1, 1, 0));
        assert_eq!((slots[0].own, slots[0].upstream), (140, 900));
        assert_eq!((slots[1].forwarded, slots[1].failed), (1, 1));
        assert_eq!(slots[2].since, at(20));
        assert_eq!(slots[2].forwarded, 0);
        // An hour later the same place in the ring belongs to other ten seconds.
        recent.add(at(3_600), true, false, own, None);
        let slots = recent.slots(at(3_609));
        assert_eq!(slots.len(), 360);
        assert_eq!((slots[0].forwarded, slots[359].forwarded), (1, 1));
        assert_eq!(slots.iter().map(|slot| slot.forwarded).sum::<u64>(), 2);
    }
}
