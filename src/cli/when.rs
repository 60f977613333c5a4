//! When is that, which an operator writes?

use std::time::Duration;

use clap::Args;
use heify_gateway::config::parse_duration;
use heify_gateway::records::{Calendar, Moment, Period};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const DAY: u64 = 86_400;

/// A moment that may depend on when the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    After(Duration),
    At(Moment),
}

impl Until {
    /// As the admin API reads it.
    pub(crate) fn written(self) -> String {
        match self {
            Self::After(wait) => format!("{}s", wait.as_secs()),
            Self::At(moment) => moment.to_string(),
        }
    }

    pub(crate) fn from(self, now: Moment) -> Moment {
        match self {
            Self::After(wait) => now.later(wait),
            Self::At(moment) => moment,
        }
    }
}

/// Reads `90d`, `12h`, or an instant as in RFC 3339.
pub(crate) fn parse_until(text: &str) -> Result<Until, String> {
    if let Ok(wait) = parse_wait(text) {
        return Ok(Until::After(wait));
    }
    let instant = text.parse::<Timestamp>();
    let instant = instant.map(|instant| Until::At(Moment(instant.as_millisecond())));
    instant.map_err(|_| {
        "must be days or hours from now such as \"90d\" or \"12h\", or a date and time as in \
         RFC 3339 such as \"2030-01-31T00:00:00Z\""
            .to_owned()
    })
}

/// Reads a duration, in days too.
pub(crate) fn parse_wait(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').filter(|days| days.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = days.and_then(|days| days.parse::<u64>().ok()?.checked_mul(DAY));
    match seconds {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => parse_duration(text)
            .map_err(|_| r#"must be a duration such as "90d", "24h" or "30m""#.to_owned()),
    }
}

/// Which calls are looked at, by when they were opened.
#[derive(Debug, Args)]
pub(crate) struct Range {
    /// The month that begins in this one, as the account's calendar cut it when it began; without a
    /// range: the present month
    #[arg(long, global = true, value_name = "YYYY-MM", value_parser = parse_month)]
    #[arg(conflicts_with_all = ["from", "to"])]
    month: Option<Date>,
    /// The first day
    #[arg(long, global = true, value_name = "DATE")]
    from: Option<Date>,
    /// The last day, which is included; without it: today
    #[arg(long, global = true, value_name = "DATE", requires = "from")]
    to: Option<Date>,
    /// The time zone of months and days; without it: the account's. Months are cut in it as now
    #[arg(long, global = true, value_name = "IANA", value_parser = parse_zone)]
    zone: Option<TimeZone>,
}

impl Range {
    /// As the admin API takes it: the parts of a query.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let month = self.month.map(|month| ("month", month.strftime("%Y-%m").to_string()));
        let day = |name, day: Option<Date>| day.map(|day| (name, day.to_string()));
        let zone = self.zone.as_ref().and_then(|zone| zone.iana_name());
        let zone = zone.map(|zone| ("zone", zone.to_owned()));
        let parts = [month, day("from", self.from), day("to", self.to), zone];
        parts.into_iter().flatten().collect()
    }

    /// The range, as the account's calendar or the zone cuts it; `opened` are the account's months
    /// that have begun, which no later change of its calendar moves.
    pub(crate) fn period(
        &self,
        account: &Calendar,
        opened: &[Period],
        now: Moment,
    ) -> Result<Period, String> {
        let opened = if self.zone.is_some() { &[] } else { opened };
        let calendar = match &self.zone {
            Some(zone) => account.in_zone(zone.clone()),
            None => account.clone(),
        };
        let period = match (self.month, self.from) {
            (Some(month), _) => calendar.named(month, opened),
            (None, Some(from)) => {
                let to = match self.to {
                    Some(to) => to,
                    None => date(now, calendar.zone())?,
                };
                let after = to.checked_add(1.day()).map_err(|error| error.to_string())?;
                let zone = calendar.zone();
                Period { start: start(from, zone)?, end: start(after, zone)? }
            }
            (None, None) => calendar.open(now, opened),
        };
        if period.start >= period.end {
            return Err("the range is empty: --to is before --from".to_owned());
        }
        Ok(period)
    }
}

/// The first instant of a day.
fn start(date: Date, zone: &TimeZone) -> Result<Moment, String> {
    let start = date.to_zoned(zone.clone()).map_err(|error| error.to_string())?;
    Ok(Moment(start.timestamp().as_millisecond()))
}

fn date(now: Moment, zone: &TimeZone) -> Result<Date, String> {
    let now = Timestamp::from_millisecond(now.0).map_err(|error| error.to_string())?;
    Ok(now.to_zoned(zone.clone()).date())
}

fn parse_month(text: &str) -> Result<Date, String> {
    let expected = || "must be a month such as \"2026-11\"".to_owned();
    if text.len() != 7 {
        return Err(expected());
    }
    format!("{text}-01").parse().map_err(|_| expected())
}

fn parse_zone(text: &str) -> Result<TimeZone, String> {
    match TimeZone::get(text) {
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        _ => Err("must be a time zone of IANA such as \"Europe/Berlin\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn period(range: &Range, account: &Calendar) -> (String, String) {
        let Period { start, end } = range.period(account, &[], at("2026-11-22T23:30:00Z")).unwrap();
        (start.to_string(), end.to_string())
    }

    fn range(month: Option<&str>, from: Option<&str>, to: Option<&str>) -> Range {
        let month = month.map(|month| parse_month(month).unwrap());
        let date = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        Range { month, from: date(from), to: date(to), zone: None }
    }

    fn pair(start: &str, end: &str) -> (String, String) {
        (start.to_owned(), end.to_owned())
    }

    #[test]
    fn an_expiry_is_a_wait_or_an_instant() {
        let now = at("2026-11-22T00:00:00Z");
        let until = |text: &str| parse_until(text).map(|until| until.from(now).to_string());
        assert_eq!(until("90d").unwrap(), "2027-02-20T00:00:00Z");
        assert_eq!(until("12h").unwrap(), "2026-11-22T12:00:00Z");
        assert_eq!(until("2030-01-31T00:00:00+01:00").unwrap(), "2030-01-30T23:00:00Z");
        for wrong in ["", "d", "90", "-1d", "tomorrow", "2030-01-31", "99999999999999999999d"] {
            assert!(until(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_month_is_cut_as_the_account_cuts_it() {
        let plain = Calendar::default();
        let this = period(&range(None, None, None), &plain);
        assert_eq!(this, pair("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"));
        let named = range(Some("2026-02"), None, None);
        assert_eq!(period(&named, &plain), pair("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"));
        let late = Calendar::new(TimeZone::UTC, 31).unwrap();
        assert_eq!(period(&named, &late), pair("2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"));
        for wrong in ["2026", "2026-13", "2026-1", "11-2026"] {
            assert!(parse_month(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_are_those_of_the_zone_and_the_last_one_is_included() {
        let mut days = range(None, Some("2026-03-28"), Some("2026-03-29"));
        days.zone = Some(parse_zone("Europe/Berlin").unwrap());
        let plain = Calendar::default();
        assert_eq!(period(&days, &plain), pair("2026-03-27T23:00:00Z", "2026-03-29T22:00:00Z"));
        let open = range(None, Some("2026-11-22"), None);
        assert_eq!(period(&open, &plain), pair("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"));
        let turned = range(None, Some("2026-11-22"), Some("2026-11-20"));
        assert!(turned.period(&plain, &[], at("2026-11-22T00:00:00Z")).is_err());
    }
}
