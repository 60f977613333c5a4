//! Who may call, and how fast?

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::field::Field;
use super::keys::{FoundKeys, key};
use super::problem::{Place, meant, shown};
use super::reader::{Report, Section};
use super::unsupported::{Sharing, refuse_at_tenant};
use crate::authenticate::{self, Switch, TenantSettings};
use crate::rate::Rate;
use crate::rate_limit::{self, TenantRates};

/// The most that a rate may be: above it, there is no point in one.
const HIGHEST: u32 = 1_000_000_000;
/// The longest tenant id, in bytes: it stands in every log line.
const LONGEST_ID: usize = 128;

/// What tenants are checked against.
pub(crate) struct Surroundings<'s> {
    /// No tenant may have it as its own key.
    pub(crate) central_key: &'s str,
    /// The paths of the contract; `None`: unknown.
    pub(crate) endpoints: Option<&'s [String]>,
    /// Whether the tenants share their objects on purpose.
    pub(crate) sharing: Sharing,
    /// Keys that have expired by now get a warning.
    pub(crate) now: SystemTime,
}

/// Reads `[auth]` and `[[tenants]]`.
pub(crate) fn tenants(
    root: &mut Section<'_>,
    surroundings: &Surroundings<'_>,
) -> (authenticate::Settings, rate_limit::Settings) {
    let failed_attempts = failed_attempts(root.section("auth"));
    let place = root.place.clone();
    let fields = root.items("tenants");
    let mut authenticate = authenticate::Settings { tenants: Vec::new(), failed_attempts };
    let mut rates = rate_limit::Settings::default();
    let mut found = FoundKeys::new(surroundings.central_key);
    let mut ids = HashMap::new();
    let count = fields.len();
    for field in fields {
        let Some(section) = field.section() else { continue };
        let (tenant, tenant_rates) = tenant(section, surroundings, &mut found, &mut ids);
        authenticate.tenants.push(tenant);
        rates.tenants.push(tenant_rates);
    }
    if count == 0 {
        root.report.warning(&place, "there are no tenants, so every request is refused: add [[tenants]] or set HEIFY_GATEWAY_TENANT_KEY");
    } else if count > 1 && surroundings.sharing == Sharing::Unspoken {
        let message = "tenants: this build does not keep the tenants' objects apart; \
            [isolation] mode = \"off\" says that this is meant";
        root.report.warning(&place, message);
    }
    (authenticate, rates)
}

fn failed_attempts(mut section: Section<'_>) -> Option<Rate> {
    let rate = match section.take("failed_attempts") {
        Some(field) if field.is_word("off") => None,
        // What is wrong in it is reported there.
        Some(field) => rate(field, |per_minute| per_minute),
        None => Rate::new(60, 60),
    };
    section.finish();
    rate
}

fn tenant(
    mut section: Section<'_>,
    surroundings: &Surroundings<'_>,
    found: &mut FoundKeys,
    ids: &mut HashMap<Arc<str>, Place>,
) -> (TenantSettings, TenantRates) {
    let id = id(&mut section, ids);
    let state = switch(section.take("disabled"));
    let place = section.place.clone();
    let mut keys = Vec::new();
    for (index, field) in section.items("keys").into_iter().enumerate() {
        let Some(section) = field.section() else { continue };
        let default_id = format!("{id}-{}", index + 1);
        keys.extend(key(section, default_id, surroundings.now, found));
    }
    if keys.is_empty() {
        let message = format!("{}: has no key: nobody can call as it", section.own_key());
        section.report.warning(&place, message);
    }
    let endpoints = section.take("endpoints").and_then(|field| endpoints(field, surroundings));
    let total = section.take("total").and_then(|field| rate(field, default_burst));
    let rates = section.take("rate").and_then(Field::section);
    let rates = rates.map(|rates| endpoint_rates(rates, surroundings)).unwrap_or_default();
    refuse_at_tenant(&mut section);
    section.finish();
    let tenant_rates = TenantRates { id: id.clone(), total, endpoints: rates };
    (TenantSettings { id, state, keys, endpoints }, tenant_rates)
}

/// Reads a tenant's id: any short text that can stand in a log line.
fn id(section: &mut Section<'_>, ids: &mut HashMap<Arc<str>, Place>) -> Arc<str> {
    let report = section.report;
    let key = section.key("id");
    let Some(field) = section.take("id") else {
        report.missing(&section.place, format!("{key}: a tenant needs an id"));
        return Arc::default();
    };
    let place = field.place().clone();
    let id = field.parsed(|text| {
        let trimmed = text.trim() == text && !text.contains(char::is_control);
        if text.is_empty() || text.len() > LONGEST_ID || !trimmed {
            let shape = "without control characters or spaces around it";
            return Err(format!("must be a text of 1 to {LONGEST_ID} bytes {shape}"));
        }
        Ok(Arc::<str>::from(text))
    });
    let Some(id) = id else { return Arc::default() };
    if let Some(first) = ids.get(&id) {
        report.problem(&place, format!("{key}: {} is already at {first}", shown(&id)));
    } else {
        ids.insert(id.clone(), place);
    }
    id
}

/// `disabled = true`.
pub(crate) fn switch(disabled: Option<Field<'_>>) -> Switch {
    match disabled.and_then(Field::boolean) {
        Some(true) => Switch::Disabled,
        Some(false) | None => Switch::Enabled,
    }
}

/// The paths that a tenant may call.
fn endpoints(field: Field<'_>, surroundings: &Surroundings<'_>) -> Option<Vec<Box<str>>> {
    let (report, place, key) = (field.report, field.place().clone(), field.key().to_owned());
    let items = field.items()?;
    if items.is_empty() {
        report.warning(&place, format!("{key}: the tenant may call no endpoint"));
    }
    let mut paths = Vec::new();
    for item in items {
        let (place, key) = (item.place().clone(), item.key().to_owned());
        if let Some(path) = item.text() {
            check_endpoint(&path, &place, &key, surroundings, report);
            paths.push(path.into());
        }
    }
    Some(paths)
}

fn endpoint_rates(
    mut section: Section<'_>,
    surroundings: &Surroundings<'_>,
) -> HashMap<Box<str>, Rate> {
    let mut rates = HashMap::new();
    for (path, place, field) in section.drain() {
        check_endpoint(&path, &place, field.key(), surroundings, section.report);
        if let Some(rate) = rate(field, default_burst) {
            rates.insert(path.into(), rate);
        }
    }
    rates
}

fn check_endpoint(
    path: &str,
    place: &Place,
    key: &str,
    surroundings: &Surroundings<'_>,
    report: &Report<'_>,
) {
    let Some(known) = surroundings.endpoints else { return };
    if known.iter().any(|endpoint| endpoint == path) {
        return;
    }
    let hint = match meant(path, known.iter().map(String::as_str)) {
        Some(meant) => format!("; did you mean {}?", shown(meant)),
        None => String::new(),
    };
    report.problem(place, format!("{key}: no endpoint of the contract is {}{hint}", shown(path)));
}

/// A rate; a burst that is absent follows from the rate.
fn rate(field: Field<'_>, burst_of: impl Fn(u32) -> u32) -> Option<Rate> {
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
fn default_burst(per_minute: u32) -> u32 {
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
