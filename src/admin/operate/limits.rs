//! How is a tenant's limit changed for a while, and what holds now?
//!
//! A change with an end lies over what the file says: a tenant is relieved at night without touching
//! the file, and the file holds again by itself. A change without an end is declined where the file
//! sets the limit.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Act, Declined, tenant, unknown};
use crate::authenticate::Switch;
use crate::config::Settings;
use crate::contract::Contract;
use crate::quota::MinutesBudget;
use crate::rate::Rate;
use crate::records::{AudioMillis, Limit, LimitValue, Moment, Override, Store, ledger};

/// The longest change with an end: who wants it for longer, writes it into the file.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A change as an operator asks for it.
#[derive(Debug, Clone)]
pub struct NewLimit {
    /// Whose.
    pub tenant: Arc<str>,
    /// Which.
    pub limit: Limit,
    /// To what.
    pub value: LimitValue,
    /// Until when; `None`: until it is lifted.
    pub until: Option<Moment>,
    /// The operator's words.
    pub note: Arc<str>,
}

/// Changes a limit. Returns the change that held before, if any.
///
/// # Errors
/// [`Declined`].
pub fn change(
    store: &mut dyn Store,
    settings: &Settings,
    contract: &Contract,
    new: &NewLimit,
    act: &Act,
) -> Result<Override, Declined> {
    let index = tenant(settings, &new.tenant)?;
    check(settings, contract, index, new, act.now)?;
    let to = Override {
        tenant: Arc::clone(&settings.authenticate.tenants[index].id),
        limit: new.limit.clone(),
        value: new.value,
        until: new.until,
        note: Arc::clone(&new.note),
        made: act.now,
    };
    let before = ledger::change_limit(store, &to)?;
    let before = before.map_or(Value::Null, |before| shown(&before));
    act.audit(
        store,
        "limit.change",
        Some(&to.tenant),
        &to.limit.to_string(),
        [before, shown(&to)],
    )?;
    Ok(to)
}

/// Lets a limit be again what the configuration says. Returns the change that held before.
///
/// # Errors
/// [`Declined`]; `Unknown` where it was not changed.
pub fn lift(
    store: &mut dyn Store,
    settings: &Settings,
    of: &str,
    limit: &Limit,
    act: &Act,
) -> Result<Override, Declined> {
    // A tenant that is gone from the file may still have changed limits.
    let Some(before) = ledger::lift_limit(store, of, limit, act.now)? else {
        tenant(settings, of)?;
        let changed = store.overrides()?;
        let changed: Vec<String> = changed
            .iter()
            .filter(|one| &*one.tenant == of)
            .map(|one| one.limit.to_string())
            .collect();
        let known = changed.iter().map(String::as_str);
        return Err(unknown("changed limit", &limit.to_string(), known));
    };
    let what = [shown(&before), Value::Null];
    act.audit(store, "limit.lift", Some(&before.tenant), &limit.to_string(), what)?;
    Ok(before)
}

fn check(
    settings: &Settings,
    contract: &Contract,
    index: usize,
    new: &NewLimit,
    now: Moment,
) -> Result<(), Declined> {
    let endpoints = || contract.endpoints().iter();
    match (&new.limit, new.value) {
        (Limit::Rate(path), LimitValue::Rate { .. })
        | (Limit::Calls(path), LimitValue::Most(_)) => {
            let known = || endpoints().map(|endpoint| &*endpoint.path);
            if !known().any(|known| known == &**path) {
                return Err(unknown("endpoint", path, known()));
            }
        }
        (Limit::Objects(kind), LimitValue::Most(_)) => {
            let known = || endpoints().filter_map(|endpoint| endpoint.creates());
            if !known().any(|known| known == &**kind) {
                return Err(unknown("kind of object", kind, known()));
            }
        }
        (Limit::Minutes, LimitValue::Most(_)) => {
            if settings.quota.tenants[index].budget.minutes == MinutesBudget::Off {
                let text = "minutes of this tenant are \"off\": nothing would count them";
                return Err(Declined::Conflict(text.to_owned()));
            }
        }
        (Limit::Total, LimitValue::Rate { .. }) | (Limit::Access, LimitValue::Disabled) => {}
        (limit, _) => {
            let value = match limit {
                Limit::Rate(_) | Limit::Total => "a rate",
                Limit::Access => "\"disabled\"",
                Limit::Calls(_) | Limit::Objects(_) | Limit::Minutes => "a number",
            };
            return Err(Declined::Invalid(format!("the value of {limit} must be {value}")));
        }
    }
    match new.until {
        Some(until) if until <= now => Err(Declined::Invalid(format!("{until} is in the past"))),
        Some(until) if until > now.later(LONGEST) => {
            let text = "a change may last for 366 days at most: write it into the file instead";
            Err(Declined::Invalid(text.to_owned()))
        }
        Some(_) => Ok(()),
        None => match settings.places.limit(&new.tenant, &new.limit) {
            Some(place) => {
                let what = format!("{} of tenant {}", new.limit, new.tenant);
                Err(Declined::SetInFile { what, place: place.to_string() })
            }
            None => Ok(()),
        },
    }
}

/// A change, as it is shown.
pub fn shown(change: &Override) -> Value {
    json!({
        "limit": change.limit,
        "value": change.value,
        "until": change.until.map(|until| until.to_string()),
        "note": &*change.note,
        "made": change.made.to_string(),
    })
}

/// Lays changed limits over the configuration: those that hold now.
pub fn overlay(settings: &mut Settings, changes: &[Override], now: Moment) {
    for change in changes.iter().filter(|change| change.holds(now)) {
        let tenants = &settings.authenticate.tenants;
        let Some(index) = tenants.iter().position(|tenant| tenant.id == change.tenant) else {
            continue;
        };
        let budget = &mut settings.quota.tenants[index].budget;
        let rates = &mut settings.rate_limit.tenants[index];
        match (&change.limit, change.value) {
            (Limit::Rate(path), LimitValue::Rate { per_minute, burst }) => {
                rates.endpoints.insert(path.clone(), Rate { per_minute, burst });
            }
            (Limit::Total, LimitValue::Rate { per_minute, burst }) => {
                rates.total = Some(Rate { per_minute, burst });
            }
            (Limit::Calls(path), LimitValue::Most(most)) => {
                budget.monthly.insert(path.clone(), most);
            }
            (Limit::Objects(kind), LimitValue::Most(most)) => {
                budget.caps.insert(kind.clone(), most);
            }
            (Limit::Minutes, LimitValue::Most(most)) => {
                budget.minutes = MinutesBudget::Monthly(AudioMillis::from_minutes(most));
            }
            (Limit::Access, LimitValue::Disabled) => {
                settings.authenticate.tenants[index].state = Switch::Disabled;
            }
            // Nothing else was ever written.
            _ => tracing::error!(limit = %change.limit, "a changed limit makes no sense"),
        }
    }
}

/// When the next change ends.
pub fn next_end(changes: &[Override], now: Moment) -> Option<Moment> {
    changes.iter().filter(|change| change.holds(now)).filter_map(|change| change.until).min()
}

/// All limits of one tenant: what holds now, and who says so. The settings are those of the file.
pub fn limits(
    settings: &Settings,
    contract: &Contract,
    index: usize,
    changes: &[Override],
    now: Moment,
) -> Value {
    let tenant = &settings.authenticate.tenants[index];
    let budget = &settings.quota.tenants[index].budget;
    let rates = &settings.rate_limit.tenants[index];
    let mut lines = Vec::new();
    let mut line = |limit: Limit, value: Value| {
        let held =
            |one: &&Override| one.tenant == tenant.id && one.limit == limit && one.holds(now);
        let change = changes.iter().find(held);
        let place = settings.places.limit(&tenant.id, &limit);
        let enforced = !budget.shadow.contains(&limit) && !rates.shadow.contains(&limit);
        lines.push(json!({
            "limit": limit,
            "value": change.map_or_else(|| value.clone(), |change| value_of(change.value)),
            "configured": value,
            "enforced": enforced,
            "set_at": place.map(ToString::to_string),
            "changed": change.map(shown),
        }));
    };
    line(
        Limit::Access,
        json!(if tenant.state == Switch::Enabled { "enabled" } else { "disabled" }),
    );
    line(Limit::Total, rates.total.map_or(Value::Null, rate));
    let minutes = match budget.minutes {
        MinutesBudget::Off => json!("off"),
        MinutesBudget::Recorded => Value::Null,
        MinutesBudget::Monthly(amount) => json!(amount.0 / 60_000),
    };
    line(Limit::Minutes, minutes);
    let mut kinds = std::collections::BTreeMap::new();
    for endpoint in contract.endpoints() {
        if let Some(kind) = endpoint.creates() {
            let most = budget.objects(kind, endpoint.cap.as_ref());
            kinds.insert(kind, most);
        }
        if let Some(calls) = budget.calls(endpoint) {
            line(Limit::Calls((*endpoint.path).into()), json!(calls));
        }
    }
    for (kind, most) in kinds {
        line(Limit::Objects(kind.into()), json!(most));
    }
    for endpoint in contract.endpoints() {
        let own = rates.endpoints.get(&*endpoint.path).copied().or(endpoint.rate);
        line(Limit::Rate((*endpoint.path).into()), own.map_or(Value::Null, rate));
    }
    Value::Array(lines)
}

fn rate(rate: Rate) -> Value {
    json!({ "per_minute": rate.per_minute, "burst": rate.burst })
}

fn value_of(value: LimitValue) -> Value {
    match value {
        LimitValue::Rate { per_minute, burst } => rate(Rate { per_minute, burst }),
        LimitValue::Most(most) => json!(most),
        LimitValue::Disabled => json!("disabled"),
    }
}
