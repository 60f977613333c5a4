//! What time is it in the simulation?
//!
//! Wall time is set once, at the start; from then on it moves with tokio's clock, so that a test
//! that advances tokio's clock advances the life of a transcription, the buckets and the months.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::time::Instant;

/// Tells the time since the start and the simulated wall time.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    began: Timestamp,
}

/// One reading of the clock: a request is answered as of one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Since the start.
    pub(crate) elapsed: Duration,
    /// Wall time.
    pub(crate) wall: Timestamp,
}

impl Clock {
    pub(crate) fn start(wall: SystemTime) -> Self {
        let began = Timestamp::try_from(wall).unwrap_or(Timestamp::MAX);
        Self { started: Instant::now(), began }
    }

    pub(crate) fn now(&self) -> Moment {
        let elapsed = self.started.elapsed();
        Moment { elapsed, wall: later(self.began, elapsed) }
    }
}

impl Moment {
    /// The same moment, so much later.
    pub(crate) fn later(self, by: Duration) -> Self {
        Self { elapsed: self.elapsed.saturating_add(by), wall: later(self.wall, by) }
    }

    /// The calendar month in UTC, counted from year 0: quotas start anew with each.
    pub(crate) fn month(self) -> i32 {
        let date = jiff::tz::Offset::UTC.to_datetime(self.wall);
        i32::from(date.year()) * 12 + i32::from(date.month()) - 1
    }
}

/// ISO 8601 with microseconds and offset, as objects carry it.
pub(crate) fn iso(wall: Timestamp) -> String {
    wall.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// The same without an offset, as the `generated_at` of analytics has it.
pub(crate) fn iso_without_offset(wall: Timestamp) -> String {
    wall.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

fn later(wall: Timestamp, by: Duration) -> Timestamp {
    wall.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_microseconds_and_an_offset() {
        let wall = Timestamp::from_microsecond(1_775_121_300_120_000).unwrap();
        assert_eq!(iso(wall), "2026-04-02T09:15:00.120000+00:00");
        assert_eq!(iso_without_offset(wall), "2026-04-02T09:15:00.120000");
    }

    #[test]
    fn months_change_at_midnight_of_the_first() {
        let wall = Timestamp::from_second(1_775_001_599).unwrap();
        let moment = Moment { elapsed: Duration::ZERO, wall };
        assert_eq!(moment.later(Duration::from_secs(1)).month(), moment.month() + 1);
    }
}
