//! Are the tenants' objects kept apart?

use std::ops::RangeInclusive;

use super::reader::Section;
use crate::isolate;

/// Each list is read whole: below, hardly one would pass; above, one would fill the memory.
const LIST: RangeInclusive<u64> = 64 << 10..=256 << 20;

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
    let list_limit = section.take("list_limit").and_then(|field| field.size(LIST));
    section.finish();
    let default = if tenants > 1 { Mode::Strict } else { Mode::Off };
    match mode.unwrap_or(default) {
        Mode::Strict => {
            let default = isolate::Settings::default();
            Some(isolate::Settings { list_limit: list_limit.unwrap_or(default.list_limit) })
        }
        Mode::Off => None,
    }
}
