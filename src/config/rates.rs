//! How fast may it go?

use std::collections::HashMap;

use super::field::Field;
use super::names::{Named, Names, entries};
use super::reader::Section;
use crate::rate::Rate;

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

/// A rate; a burst that is absent follows from the rate.
pub(crate) fn rate(field: Field<'_>, burst_of: impl Fn(u32) -> u32) -> Option<Rate> {
    let mut section = field.section()?;
    let per_minute = section.take("per_minute");
    if per_minute.is_none() {
        let message = format!("{}: is missing", section.key("per_minute"));
        section.report.missing(&section.place, message);
    }
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
