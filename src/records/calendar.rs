//! In which month of a payer does a moment lie?
//!
//! A month begins at the first instant of the anchor day in the payer's time zone. An anchor that a
//! month does not have (29 to 31) is its last day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::words::{Moment, Period};

/// The largest offset of a zone to the east.
const FOURTEEN_HOURS: i64 = 14 * 3_600_000;

/// How a payer's months are cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    anchor: i8,
}

impl Default for Calendar {
    /// The calendar months of UTC.
    fn default() -> Self {
        Self { zone: TimeZone::UTC, anchor: 1 }
    }
}

impl Calendar {
    /// Months of a zone that begin on a day from 1 to 31; `None` for another day.
    pub fn new(zone: TimeZone, anchor: u8) -> Option<Self> {
        let anchor = i8::try_from(anchor).ok().filter(|day| (1..=31).contains(day))?;
        Some(Self { zone, anchor })
    }

    /// The zone's IANA name, for people.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Months that begin on the same day of another zone.
    pub fn in_zone(&self, zone: TimeZone) -> Self {
        Self { zone, anchor: self.anchor }
    }

    /// The month around a moment; the whole of time where no calendar reaches.
    pub fn month(&self, moment: Moment) -> Period {
        self.try_month(moment).unwrap_or(Period { start: Moment(i64::MIN), end: Moment(i64::MAX) })
    }

    fn try_month(&self, moment: Moment) -> Option<Period> {
        let timestamp = Timestamp::from_millisecond(moment.0).ok()?;
        let today = timestamp.to_zoned(self.zone.clone()).date();
        let this = self.start_in(today.first_of_month())?;
        if this <= moment {
            let next = today.first_of_month().checked_add(1.month()).ok()?;
            return Some(Period { start: this, end: self.start_in(next)? });
        }
        let before = today.first_of_month().checked_sub(1.month()).ok()?;
        Some(Period { start: self.start_in(before)?, end: this })
    }

    /// The month that begins in a calendar month, given by its first day. Where a clock change skips
    /// midnight, the day begins at the first instant after the gap.
    fn start_in(&self, first: Date) -> Option<Moment> {
        let day = self.anchor.min(first.days_in_month());
        let date = first.with().day(day).build().ok()?;
        let start = date.to_zoned(self.zone.clone()).ok()?;
        Some(Moment(start.timestamp().as_millisecond()))
    }

    /// The month that begins in a calendar month, given by its first day, as it was cut when it began:
    /// of those that were opened, all that begin there, of which there are two where zone or anchor was
    /// changed. Where none was, as it is cut now. Each month that was opened has one name.
    pub fn named(&self, first: Date, opened: &[Period]) -> Period {
        let first = first.first_of_month();
        let begins = |period: &&Period| {
            // So long after a midnight anywhere it is that day in UTC, and nowhere the day after in
            // the zone of that midnight: a month that began in another zone keeps its name.
            let start = Timestamp::from_millisecond(period.start.0.saturating_add(FOURTEEN_HOURS));
            start.is_ok_and(|at| at.to_zoned(self.zone.clone()).date().first_of_month() == first)
        };
        let begun = opened.iter().filter(begins);
        let start = begun.clone().map(|period| period.start).min();
        let end = begun.map(|period| period.end).max();
        if let (Some(start), Some(end)) = (start, end) {
            return Period { start, end };
        }
        let none = Period { start: Moment(0), end: Moment(0) };
        let Period { start, end } = self.start_in(first).map_or(none, |at| self.month(at));
        // What lies in a month with another name is no part of this one.
        let before = opened.iter().filter(|period| period.start <= start).map(|period| period.end);
        let after = opened.iter().filter(|period| period.start > start).map(|period| period.start);
        let start = before.max().map_or(start, |before| before.max(start));
        Period { start, end: after.min().map_or(end, |after| after.min(end)).max(start) }
    }

    /// The month around a moment, cut so that it overlaps none of those that were opened before: a
    /// change of zone or anchor takes effect where the open month ends.
    pub fn open(&self, moment: Moment, opened: &[Period]) -> Period {
        if let Some(period) = opened.iter().find(|period| period.contains(moment)) {
            return *period;
        }
        // Before all that was opened the clock was ahead, and has been put right: what was used since
        // then counts on.
        if let Some(first) = opened.iter().min_by_key(|period| period.start)
            && moment < first.start
        {
            return *first;
        }
        let Period { start, end } = self.month(moment);
        let before = opened.iter().map(|period| period.end).filter(|end| *end <= moment).max();
        let after = opened.iter().map(|period| period.start).filter(|start| *start > moment).min();
        Period {
            start: before.map_or(start, |before| before.max(start)),
            end: after.map_or(end, |after| after.min(end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Moment {
        Moment(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn month(zone: &str, anchor: u8, moment: &str) -> (String, String) {
        let calendar = Calendar::new(TimeZone::get(zone).unwrap(), anchor).unwrap();
        let period = calendar.month(at(moment));
        (period.start.to_string(), period.end.to_string())
    }

    fn pair(start: &str, end: &str) -> (String, String) {
        (start.to_owned(), end.to_owned())
    }

    #[test]
    fn a_calendar_month_ends_where_the_next_one_begins() {
        let february = month("UTC", 1, "2024-02-29T23:59:59.999Z");
        assert_eq!(february, pair("2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"));
        let january = month("UTC", 1, "2023-01-31T12:00:00Z");
        assert_eq!(january, pair("2023-01-01T00:00:00Z", "2023-02-01T00:00:00Z"));
    }

    #[test]
    fn an_anchor_that_a_month_does_not_have_is_its_last_day() {
        let cut = month("UTC", 31, "2023-03-01T00:00:00Z");
        assert_eq!(cut, pair("2023-02-28T00:00:00Z", "2023-03-31T00:00:00Z"));
        let leap = month("UTC", 30, "2024-02-29T00:00:00Z");
        assert_eq!(leap, pair("2024-02-29T00:00:00Z", "2024-03-30T00:00:00Z"));
        let before = month("UTC", 30, "2024-02-28T23:59:59Z");
        assert_eq!(before, pair("2024-01-30T00:00:00Z", "2024-02-29T00:00:00Z"));
    }

    #[test]
    fn a_month_begins_at_local_midnight_on_both_sides_of_a_clock_change() {
        let spring = month("Europe/Berlin", 1, "2026-03-31T21:59:59Z");
        assert_eq!(spring, pair("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"));
        let autumn = month("America/New_York", 1, "2026-11-01T04:00:00Z");
        assert_eq!(autumn, pair("2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"));
    }

    #[test]
    fn a_day_without_a_midnight_begins_after_the_gap() {
        // Clocks went from 00:00 to 01:00 on 2018-11-04 in Sao Paulo.
        let gap = month("America/Sao_Paulo", 4, "2018-11-10T00:00:00Z");
        assert_eq!(gap, pair("2018-11-04T03:00:00Z", "2018-12-04T02:00:00Z"));
    }

    #[test]
    fn a_change_of_the_calendar_waits_for_the_end_of_the_open_month() {
        let utc = Calendar::default();
        let november = utc.open(at("2026-11-10T00:00:00Z"), &[]);
        let berlin = Calendar::new(TimeZone::get("Europe/Berlin").unwrap(), 15).unwrap();
        assert_eq!(berlin.open(at("2026-11-20T00:00:00Z"), &[november]), november);
        let next = berlin.open(at("2026-12-02T00:00:00Z"), &[november]);
        assert_eq!((next.start, next.end), (november.end, at("2026-12-14T23:00:00Z")));
    }

    #[test]
    fn a_clock_that_steps_finds_the_old_month_again() {
        let utc = Calendar::default();
        let november = utc.open(at("2026-11-10T00:00:00Z"), &[]);
        let far = utc.open(at("2030-01-10T00:00:00Z"), &[november]);
        assert_eq!(utc.open(at("2026-11-10T00:00:00Z"), &[november, far]), november);
        let december = utc.open(at("2026-12-01T00:00:00Z"), &[november, far]);
        assert_eq!(december.start, november.end);
    }

    #[test]
    fn a_clock_that_was_ahead_from_the_beginning_grants_no_second_month() {
        let utc = Calendar::default();
        let december = utc.open(at("2026-12-10T00:00:00Z"), &[]);
        assert_eq!(utc.open(at("2026-11-10T00:00:00Z"), &[december]), december);
    }

    #[test]
    fn a_month_keeps_its_name_and_its_ends_when_the_calendar_changes() {
        let calendar = |zone, anchor| Calendar::new(TimeZone::get(zone).unwrap(), anchor).unwrap();
        let old = calendar("Europe/Berlin", 1);
        let november = old.month(at("2026-11-10T00:00:00Z"));
        let opened = [old.month(at("2026-10-10T00:00:00Z")), november];
        let named = |now: &Calendar, name: &str, opened: &[Period]| {
            now.named(name.parse().unwrap(), opened)
        };
        let new = calendar("UTC", 15);
        assert_eq!(named(&new, "2026-11-01", &opened), november);
        assert_eq!(named(&new, "2026-10-01", &opened), opened[0]);
        // The rest until the new anchor belongs to the month in which it begins.
        let rest = new.open(at("2026-12-05T00:00:00Z"), &opened);
        let next = new.open(at("2026-12-20T00:00:00Z"), &[november, rest]);
        let all = [opened[0], november, rest, next];
        let december = named(&new, "2026-12-01", &all);
        assert_eq!(december, Period { start: november.end, end: at("2027-01-15T00:00:00Z") });
        let later = named(&new, "2027-02-01", &all);
        assert_eq!(later, new.month(at("2027-02-20T00:00:00Z")));
    }

    proptest! {
        /// Whatever was changed: what was opened is in the month of one name and in no other.
        #[test]
        fn named_months_hold_what_was_opened_once(
            changes in prop::collection::vec((0usize..5, 1u8..=31, 1u64..60), 1..8),
            steps in prop::collection::vec(1u64..50, 1..40),
        ) {
            let zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"];
            let calendar = |(zone, anchor, _): &(usize, u8, u64)| {
                Calendar::new(TimeZone::get(zones[*zone]).unwrap(), *anchor).unwrap()
            };
            let (mut opened, mut calls) = (Vec::new(), Vec::new());
            let mut now = at("2026-01-01T12:00:00Z");
            for (number, days) in steps.iter().enumerate() {
                let in_use = calendar(&changes[number * changes.len() / steps.len()]);
                let period = in_use.open(now, &opened);
                if !opened.contains(&period) {
                    opened.push(period);
                }
                calls.push(now);
                now = now.later(std::time::Duration::from_secs(days * 86_400));
            }
            let present = calendar(changes.last().unwrap());
            let first: Date = "2025-11-01".parse().unwrap();
            let months = (0..80).map(|month| first.checked_add(month.months()).unwrap());
            let named: Vec<_> = months.map(|month| present.named(month, &opened)).collect();
            for call in calls {
                let holding = named.iter().filter(|period| period.contains(call)).count();
                prop_assert_eq!(holding, 1, "{}", call);
            }
        }

        /// Over 400 years, in zones with and without clock changes, for every anchor: months are as
        /// long as months are, touch without a gap, and contain what lies in them.
        #[test]
        fn months_tile_time(
            seconds in 0i64..12_622_780_800,
            anchor in 1u8..=31,
            zone in prop::sample::select(vec![
                "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu",
                "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia",
            ]),
        ) {
            let calendar = Calendar::new(TimeZone::get(zone).unwrap(), anchor).unwrap();
            let moment = Moment(seconds * 1000);
            let period = calendar.month(moment);
            prop_assert!(period.contains(moment));
            let days = (period.end.0 - period.start.0) / 86_400_000;
            prop_assert!((26..=32).contains(&days), "{days} days");
            prop_assert_eq!(calendar.month(period.end).start, period.end);
            prop_assert_eq!(calendar.month(Moment(period.start.0 - 1)).end, period.start);
            let first = Timestamp::from_millisecond(period.start.0).unwrap();
            let first = first.to_zoned(calendar.zone.clone()).date();
            prop_assert_eq!(first.day(), calendar.anchor.min(first.days_in_month()));
        }
    }
}
