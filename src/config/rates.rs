//! How fast may it go?

use std::collections::{BTreeSet, HashMap};

use super::field::Field;
use super::names::{Named, Names, entries};
use super::reader::Section;
use crate::rate::{Enforcement, Rate};
use crate::records::Limit;

/// The most that a number of calls, objects or minutes may be: above it, there is no point in one.
pub(crate) const HIGHEST: u32 = 1_000_000_000;

/// Reads the rates of single endpoints.
pub(crate) fn endpoint_rates(
    section: Option<Section<'_>>,
    names: Option<&Names>,
) -> HashMap<Box<str>, Rate> {
    let Some(mut section) = section else { return HashMap::new() };
    let entries = entries(&mut section, Named::Endpoint, names).into_iter();
    entries.filter_map(|(path, field)| Some((path, rate(field, default_burst)?))).collect()
}

/// Reads the rates of single endpoints, and notes those that are not enforced.
pub(crate) fn watched_rates(
    section: Option<Section<'_>>,
    names: Option<&Names>,
    shadow: &mut BTreeSet<Limit>,
) -> HashMap<Box<str>, Rate> {
    let Some(mut section) = section else { return HashMap::new() };
    let entries = entries(&mut section, Named::Endpoint, names).into_iter();
    let read = |(path, field): (Box<str>, Field<'_>)| {
        let rate = watched_rate(field, || Limit::Rate(path.clone()), shadow)?;
        Some((path, rate))
    };
    entries.filter_map(read).collect()
}

/// A rate that may be one that only counts.
pub(crate) fn watched_rate(
    field: Field<'_>,
    limit: impl FnOnce() -> Limit,
    shadow: &mut BTreeSet<Limit>,
) -> Option<Rate> {
    let mut section = field.section()?;
    if enforcement(&mut section) == Enforcement::Shadow {
        shadow.insert(limit());
    }
    within(section, default_burst)
}

/// `enforce = false`: what is above the limit is counted and shown, and passes.
pub(crate) fn enforcement(section: &mut Section<'_>) -> Enforcement {
    match section.take("enforce").and_then(Field::boolean) {
        Some(false) => Enforcement::Shadow,
        Some(true) | None => Enforcement::Enforced,
    }
}

/// A rate; a burst that is absent follows from the rate.
pub(crate) fn rate(field: Field<'_>, burst_of: impl Fn(u32) -> u32) -> Option<Rate> {
    within(field.section()?, burst_of)
}

fn within(mut section: Section<'_>, burst_of: impl Fn(u32) -> u32) -> Option<Rate> {
    let per_minute = section.needed("per_minute", "is missing");
    let per_minute = per_minute.and_then(|field| field.integer(1..=HIGHEST));
    let burst = section.take("burst").map(|field| field.integer(1..=HIGHEST));
    section.finish();
    let per_minute = per_minute?;
    Rate::new(per_minute, burst.unwrap_or(Some(burst_of(per_minute)))?)
}

/// The calls of two seconds, one at least: the measure of Heify's own bursts.
pub fn default_burst(per_minute: u32) -> u32 {
    per_minute.div_ceil(30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_burst_is_two_seconds_worth_and_never_zero() {
        assert_eq!([1, 10, 30, 31, 500].map(default_burst), [1, 1, 1, 2, 17]);
    }
}
