//! What did each day and each tenant cost?

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::Declined;
use crate::records::{Calendar, Moment, Period, Store, Total};

/// The longest time that is cut into days: a year.
const MOST_DAYS: usize = 366;

/// The days of some time, each with its first moment and the one after its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days(pub Vec<(Date, Period)>);

/// Cuts some time into the calendar days of a zone; the last day is included.
///
/// # Errors
/// [`Declined::Invalid`].
pub fn days(from: Date, to: Date, zone: &TimeZone) -> Result<Days, Declined> {
    let invalid = |error: jiff::Error| Declined::Invalid(error.to_string());
    let mut days = Vec::new();
    let mut day = from;
    while day <= to {
        if days.len() == MOST_DAYS {
            let text = format!("more than {MOST_DAYS} days: ask for less at once");
            return Err(Declined::Invalid(text));
        }
        let next = day.checked_add(1.day()).map_err(invalid)?;
        let period = Period { start: start(day, zone)?, end: start(next, zone)? };
        days.push((day, period));
        day = next;
    }
    if days.is_empty() {
        return Err(Declined::Invalid("the last day is before the first one".to_owned()));
    }
    Ok(Days(days))
}

impl Days {
    /// The days of the present month of a payer, until today; `opened` are its months that have begun,
    /// which no later change of its calendar moves.
    ///
    /// # Errors
    /// [`Declined::Invalid`].
    pub fn of_month(calendar: &Calendar, opened: &[Period], now: Moment) -> Result<Self, Declined> {
        let month = calendar.open(now, opened);
        Self::within(Period { start: month.start, end: Moment(now.0 + 1) }, calendar.zone())
    }

    /// The days of the month that begins in this one, such as `2026-11`, as it was cut when it began.
    ///
    /// # Errors
    /// [`Declined::Invalid`].
    pub fn of_named_month(
        month: &str,
        calendar: &Calendar,
        opened: &[Period],
    ) -> Result<Self, Declined> {
        let first =
            (month.len() == 7).then(|| format!("{month}-01").parse::<Date>().ok()).flatten();
        let Some(first) = first else {
            return Err(Declined::Invalid("month: must be one such as \"2026-11\"".to_owned()));
        };
        Self::within(calendar.named(first, opened), calendar.zone())
    }

    /// A period day by day; the first and the last one are parts of days where the period was cut in
    /// another zone.
    fn within(period: Period, zone: &TimeZone) -> Result<Self, Declined> {
        let last = Moment((period.end.0 - 1).max(period.start.0));
        let Self(mut cut) = days(date(period.start, zone)?, date(last, zone)?, zone)?;
        if let Some((_, first)) = cut.first_mut() {
            first.start = period.start;
        }
        if let Some((_, last)) = cut.last_mut() {
            last.end = period.end;
        }
        Ok(Self(cut))
    }

    /// All of it.
    pub fn period(&self) -> Period {
        let ends = self.0.first().zip(self.0.last());
        let (start, end) =
            ends.map_or((Moment(0), Moment(0)), |((_, first), (_, last))| (first.start, last.end));
        Period { start, end }
    }

    /// What each day cost, by tenant.
    ///
    /// # Errors
    /// [`Declined::Store`].
    pub fn totals(&self, store: &mut dyn Store) -> Result<Vec<(Date, Vec<Total>)>, Declined> {
        let total =
            |(day, period): &(Date, Period)| Ok((*day, store.totals(period.start, period.end)?));
        self.0.iter().map(total).collect()
    }
}

/// The first instant of a day.
fn start(date: Date, zone: &TimeZone) -> Result<Moment, Declined> {
    let start = date.to_zoned(zone.clone());
    let start = start.map_err(|error| Declined::Invalid(error.to_string()))?;
    Ok(Moment(start.timestamp().as_millisecond()))
}

fn date(moment: Moment, zone: &TimeZone) -> Result<Date, Declined> {
    let instant = Timestamp::from_millisecond(moment.0);
    let instant = instant.map_err(|error| Declined::Invalid(error.to_string()))?;
    Ok(instant.to_zoned(zone.clone()).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_a_zone_follow_each_other_also_where_a_clock_is_put_forward() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let date = |text: &str| text.parse::<Date>().unwrap();
        let Days(found) = days(date("2026-03-28"), date("2026-03-30"), &zone).unwrap();
        let hours: Vec<_> =
            found.iter().map(|(_, day)| (day.end.0 - day.start.0) / 3_600_000).collect();
        assert_eq!(hours, [24, 23, 24]);
        assert!(found.windows(2).all(|pair| pair[0].1.end == pair[1].1.start));
        // A month that was cut in UTC, day by day in Berlin.
        let at = |text: &str| Moment(text.parse::<Timestamp>().unwrap().as_millisecond());
        let month = Period { start: at("2026-11-01T00:00:00Z"), end: at("2026-12-01T00:00:00Z") };
        let calendar = Calendar::new(zone.clone(), 1).unwrap();
        let cut = Days::of_named_month("2026-11", &calendar, &[month]).unwrap();
        assert_eq!((cut.period(), cut.0.len()), (month, 31));
        assert!(cut.0.windows(2).all(|pair| pair[0].1.end == pair[1].1.start));
        assert!(days(date("2026-03-30"), date("2026-03-29"), &zone).is_err());
        assert!(days(date("2026-01-01"), date("2027-12-31"), &zone).is_err());
    }
}
