//! Are the tenants' objects kept apart?

use std::ops::RangeInclusive;

use super::reader::Section;
use crate::isolate;

/// Each list is read whole: below, hardly one would pass; above, one would fill the memory.
const LIST: RangeInclusive<u64> = 64 << 10..=256 << 20;

/// From the smallest list that may be allowed to what no machine has.
const MEMORY: RangeInclusive<u64> = 64 << 10..=1 << 40;

/// A list is in memory as it came, as a table of its values, and as what is left of it.
const COPIES: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Strict,
    Off,
}

/// Reads `[isolation]`. Doubt never widens what a tenant can reach: from two tenants on, only
/// `mode = "off"` lets them share.
pub(crate) fn isolation(mut section: Section<'_>, tenants: usize) -> Option<isolate::Settings> {
    let field = section.take("mode");
    let place = field.as_ref().map_or(&section.place, |field| field.place()).clone();
    let mode = field.and_then(|field| field.word(&[("strict", Mode::Strict), ("off", Mode::Off)]));
    if mode == Some(Mode::Off) && tenants > 1 {
        let message = "all tenants share the account's objects, on purpose";
        section.report.warning(&place, format!("{}: {message}", section.key("mode")));
    }
    let lists = lists(&mut section);
    section.finish();
    let default = if tenants > 1 { Mode::Strict } else { Mode::Off };
    match mode.unwrap_or(default) {
        Mode::Strict => Some(lists),
        Mode::Off => None,
    }
}

/// How large lists may be, one by one and together. What is not given follows from what is.
fn lists(section: &mut Section<'_>) -> isolate::Settings {
    let mut size = |name, range| {
        let field = section.take(name)?;
        let place = field.place().clone();
        Some((field.size(range)?, place))
    };
    let default = isolate::Settings::default();
    let one = size("list_limit", LIST);
    let tenant = size("tenant_lists_in_flight", MEMORY);
    let all = size("lists_in_flight", MEMORY);
    let list_limit = one.as_ref().map_or(default.list_limit, |(bytes, _)| *bytes);
    let least = list_limit.saturating_mul(COPIES);
    let for_tenant = tenant.as_ref().map(|(bytes, _)| *bytes);
    let for_all = all.as_ref().map(|(bytes, _)| *bytes);
    let wanted = default.tenant_lists_in_flight.max(least.saturating_add(list_limit));
    let for_tenant = for_tenant.unwrap_or(wanted.min(for_all.unwrap_or(usize::MAX)));
    let for_all = for_all.unwrap_or(for_tenant.saturating_mul(2));
    if for_tenant < least
        && let Some((_, place)) = tenant.as_ref().or(all.as_ref()).or(one.as_ref())
    {
        let message = format!(
            "must be at least {least} bytes, {COPIES} times list_limit: a list is read, taken apart \
             and cut"
        );
        let key = section.key(if tenant.is_some() {
            "tenant_lists_in_flight"
        } else {
            "lists_in_flight"
        });
        section.report.problem(place, format!("{key}: {message}"));
    } else if for_all < for_tenant
        && let Some((_, place)) = tenant.as_ref().max(all.as_ref())
    {
        let message = format!("{for_tenant} bytes, must not be above lists_in_flight ({for_all})");
        let key = section.key("tenant_lists_in_flight");
        section.report.problem(place, format!("{key}: {message}"));
    }
    isolate::Settings { list_limit, lists_in_flight: for_all, tenant_lists_in_flight: for_tenant }
}
