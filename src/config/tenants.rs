//! Who may call, and how fast?

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use super::budgets::{Months, budget, months};
use super::field::Field;
use super::keys::{FoundKeys, key};
use super::names::{Named, Names, check};
use super::places::Places;
use super::problem::{Place, shown};
use super::rates::{rate, watched_rate, watched_rates};
use super::reader::Section;
use crate::authenticate::{self, Switch, TenantSettings};
use crate::quota::{Budget, TenantBudget};
use crate::rate::Rate;
use crate::rate_limit::{self, TenantRates};
use crate::records::Limit;

/// The longest id or label of a tenant, in bytes: an id stands in every log line.
const LONGEST_ID: usize = 128;

/// What tenants are checked against.
pub(crate) struct Surroundings<'s> {
    /// No tenant may have it as its own key.
    pub(crate) central_key: &'s str,
    /// The names of the contract; `None`: unknown.
    pub(crate) names: Option<&'s Names>,
    /// When a tenant's months begin that does not say it.
    pub(crate) months: &'s Months,
    /// Keys that have expired by now get a warning.
    pub(crate) now: SystemTime,
}

/// All tenants, in one order.
pub(crate) struct Tenants {
    pub(crate) authenticate: authenticate::Settings,
    pub(crate) rate_limit: rate_limit::Settings,
    pub(crate) budgets: Vec<TenantBudget>,
    pub(crate) places: Places,
}

/// Reads `[auth]` and `[[tenants]]`.
pub(crate) fn tenants(root: &mut Section<'_>, surroundings: &Surroundings<'_>) -> Tenants {
    let failed_attempts = failed_attempts(root.section("auth"));
    let place = root.place.clone();
    let fields = root.items("tenants");
    let mut authenticate = authenticate::Settings { tenants: Vec::new(), failed_attempts };
    let mut rate_limit = rate_limit::Settings::default();
    let mut budgets = Vec::new();
    let mut found = FoundKeys::new(surroundings.central_key);
    let mut ids = HashMap::new();
    let count = fields.len();
    for field in fields {
        let Some(section) = field.section() else { continue };
        let place = section.place.clone();
        let (tenant, tenant_rates, budget) = tenant(section, surroundings, &mut found, &mut ids);
        found.places.add_tenant(&tenant.id, place);
        authenticate.tenants.push(tenant);
        rate_limit.tenants.push(tenant_rates);
        budgets.push(budget);
    }
    if count == 0 {
        root.report.warning(&place, "there are no tenants, so every request is refused: add [[tenants]] or set HEIFY_GATEWAY_TENANT_KEY");
    }
    Tenants { authenticate, rate_limit, budgets, places: found.places }
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
) -> (TenantSettings, TenantRates, TenantBudget) {
    let id = id(&mut section, ids);
    let set = ["disabled", "total", "minutes", "rate", "quota", "caps"]
        .map(|name| section.place_of(name).cloned());
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
    let mut shadow = BTreeSet::new();
    let total = section.take("total");
    let total = total.and_then(|field| watched_rate(field, || Limit::Total, &mut shadow));
    let rates = section.take("rate").and_then(Field::section);
    let rates = watched_rates(rates, surroundings.names, &mut shadow);
    let months = months(&mut section, surroundings.months);
    let budget = budget(&mut section, "quota", &months, surroundings.names);
    let label = section.take("label").and_then(|field| field.parsed(name));
    section.finish();
    add_limits(&mut found.places, &id, set, &rates, &budget);
    let tenant_rates = TenantRates { id: id.clone(), total, endpoints: rates, shadow };
    let budget = TenantBudget { id: id.clone(), label, budget };
    (TenantSettings { id, state, keys, endpoints }, tenant_rates, budget)
}

/// Keeps where the file sets which limit.
fn add_limits(
    places: &mut Places,
    id: &Arc<str>,
    [disabled, total, minutes, rate, quota, caps]: [Option<Place>; 6],
    rates: &HashMap<Box<str>, Rate>,
    budget: &Budget,
) {
    let mut add = |place: &Option<Place>, limit| {
        if let Some(place) = place {
            places.add_limit(id, limit, place);
        }
    };
    add(&disabled, Limit::Access);
    add(&total, Limit::Total);
    add(&minutes, Limit::Minutes);
    rates.keys().for_each(|path| add(&rate, Limit::Rate(path.clone())));
    budget.monthly.keys().for_each(|path| add(&quota, Limit::Calls(path.clone())));
    budget.caps.keys().for_each(|kind| add(&caps, Limit::Objects(kind.clone())));
}

/// Reads a tenant's id: any short text that can stand in a log line.
fn id(section: &mut Section<'_>, ids: &mut HashMap<Arc<str>, Place>) -> Arc<str> {
    let report = section.report;
    let key = section.key("id");
    let Some(field) = section.needed("id", "a tenant needs an id") else { return Arc::default() };
    let place = field.place().clone();
    let Some(id) = field.parsed(name) else { return Arc::default() };
    if let Some(first) = ids.get(&id) {
        report.problem(&place, format!("{key}: {} is already at {first}", shown(&id)));
    } else {
        ids.insert(id.clone(), place);
    }
    id
}

fn name(text: &str) -> Result<Arc<str>, String> {
    let trimmed = text.trim() == text && !text.contains(char::is_control);
    if text.is_empty() || text.len() > LONGEST_ID || !trimmed {
        let shape = "without control characters or spaces around it";
        return Err(format!("must be a text of 1 to {LONGEST_ID} bytes {shape}"));
    }
    Ok(text.into())
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
            check(&path, Named::Endpoint, surroundings.names, &place, &key, report);
            paths.push(path.into());
        }
    }
    Some(paths)
}
