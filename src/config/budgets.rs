//! How much may one payer, a tenant or the account, use?

use std::collections::{BTreeSet, HashMap};

use jiff::tz::{self, TimeZone};

use super::field::Field;
use super::names::{Named, Names, entries};
use super::problem::{meant, shown};
use super::rates::{HIGHEST, enforcement};
use super::reader::Section;
use crate::quota::{Budget, MinutesBudget};
use crate::rate::Enforcement;
use crate::records::{AudioMillis, Calendar, Limit};

/// When a payer's months begin, as it is written down.
#[derive(Debug, Clone)]
pub(crate) struct Months {
    zone: TimeZone,
    anchor: u8,
}

impl Default for Months {
    /// The calendar months of UTC.
    fn default() -> Self {
        Self { zone: TimeZone::UTC, anchor: 1 }
    }
}

/// Reads `zone` and `anchor`.
pub(crate) fn months(section: &mut Section<'_>, default: &Months) -> Months {
    let zone = section.take("zone").and_then(|field| field.parsed(zone));
    let anchor = section.take("anchor").and_then(|field| field.integer(1..=31));
    let anchor = anchor.and_then(|day| u8::try_from(day).ok());
    Months {
        zone: zone.unwrap_or_else(|| default.zone.clone()),
        anchor: anchor.unwrap_or(default.anchor),
    }
}

/// Reads what a payer may use; `monthly` is the key of its calls per month.
pub(crate) fn budget(
    section: &mut Section<'_>,
    monthly: &'static str,
    months: &Months,
    names: Option<&Names>,
) -> Budget {
    let monthly = section.take(monthly).and_then(Field::section);
    let caps = section.take("caps").and_then(Field::section);
    let mut shadow = BTreeSet::new();
    let minutes = section.take("minutes").and_then(|field| minutes(field, &mut shadow));
    Budget {
        calendar: Calendar::new(months.zone.clone(), months.anchor).unwrap_or_default(),
        monthly: numbers(monthly, Named::Endpoint, names, Limit::Calls, &mut shadow),
        caps: numbers(caps, Named::Kind, names, Limit::Objects, &mut shadow),
        minutes: minutes.unwrap_or_default(),
        shadow,
    }
}

/// Whether anything in a budget must be counted.
pub(crate) fn limits(budget: &Budget) -> bool {
    let minutes = matches!(budget.minutes, MinutesBudget::Monthly(_));
    minutes || !budget.monthly.is_empty() || !budget.caps.is_empty()
}

/// One number per name; 0 is none at all. In a table it may be one that only counts.
fn numbers(
    section: Option<Section<'_>>,
    named: Named,
    names: Option<&Names>,
    limit: impl Fn(Box<str>) -> Limit,
    shadow: &mut BTreeSet<Limit>,
) -> HashMap<Box<str>, u32> {
    let Some(mut section) = section else { return HashMap::new() };
    let entries = entries(&mut section, named, names).into_iter();
    let read = |(name, field): (Box<str>, Field<'_>)| {
        if !field.is_table() {
            return Some((name, field.integer(0..=HIGHEST)?));
        }
        let mut section = field.section()?;
        let most = required(&mut section, "most");
        if enforcement(&mut section) == Enforcement::Shadow {
            shadow.insert(limit(name.clone()));
        }
        section.finish();
        Some((name, most?))
    };
    entries.filter_map(read).collect()
}

/// A number that must be there.
fn required(section: &mut Section<'_>, name: &'static str) -> Option<u32> {
    section.needed(name, "is missing")?.integer(0..=HIGHEST)
}

/// `"off"`, or so many a month.
fn minutes(field: Field<'_>, shadow: &mut BTreeSet<Limit>) -> Option<MinutesBudget> {
    if field.is_word("off") {
        return Some(MinutesBudget::Off);
    }
    let mut section = field.section()?;
    let monthly = required(&mut section, "monthly");
    if enforcement(&mut section) == Enforcement::Shadow {
        shadow.insert(Limit::Minutes);
    }
    section.finish();
    monthly.map(|minutes| MinutesBudget::Monthly(AudioMillis::from_minutes(minutes)))
}

/// A zone of the built-in database, so that months do not depend on the machine.
fn zone(name: &str) -> Result<TimeZone, String> {
    match TimeZone::get(name) {
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        _ => {
            let known: Vec<_> = tz::db().available().map(|name| name.to_string()).collect();
            let hint = match meant(name, known.iter().map(String::as_str)) {
                Some(meant) => format!(" (did you mean {}?)", shown(meant)),
                None => String::new(),
            };
            Err(format!(r#"must be a time zone of IANA such as "Europe/Berlin"{hint}"#))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_one_that_has_clocks() {
        for known in ["UTC", "Europe/Berlin", "America/Sao_Paulo"] {
            assert!(zone(known).is_ok(), "{known}");
        }
        for unknown in ["", "Etc/Unknown", "Mars/Phobos", "+02:00", "CET-1CEST"] {
            assert!(zone(unknown).is_err(), "{unknown}");
        }
        assert!(zone("Asia/Kolkatta").unwrap_err().contains("did you mean \"Asia/Kolkata\"?"));
    }

    #[test]
    fn only_what_has_a_limit_must_be_counted() {
        assert!(!limits(&Budget::default()));
        assert!(!limits(&Budget { minutes: MinutesBudget::Off, ..Budget::default() }));
        let minutes = MinutesBudget::Monthly(AudioMillis(0));
        assert!(limits(&Budget { minutes, ..Budget::default() }));
        assert!(limits(&Budget { caps: [("thing".into(), 0)].into(), ..Budget::default() }));
        assert!(limits(&Budget { monthly: [("/x".into(), 1)].into(), ..Budget::default() }));
    }
}
