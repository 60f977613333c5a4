//! Who are the tenants, and how much is left for whom?

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Declined, keys, limits};
use crate::authenticate::Switch;
use crate::config::Settings;
use crate::quota::MinutesUsage;
use crate::records::{Moment, Override, Payer, Store};

/// The settings that hold now: the file's, with the changed limits over it.
pub fn in_use(settings: &Settings, changes: &[Override], now: Moment) -> Settings {
    let mut settings = Settings::clone(settings);
    limits::overlay(&mut settings, changes, now);
    settings
}

/// All tenants, with their state, keys and minutes; the settings are the file's.
///
/// # Errors
/// [`Declined::Store`].
pub fn tenants(
    store: &mut dyn Store,
    settings: &Settings,
    changes: &[Override],
    now: Moment,
) -> Result<Vec<Value>, Declined> {
    let settings = in_use(settings, changes, now);
    let keys = keys::keys(&settings, &store.keys()?, now);
    let tenants = settings.authenticate.tenants.iter().zip(&settings.quota.tenants);
    tenants
        .map(|(tenant, budget)| {
            let payer = Payer::Tenant(Arc::clone(&tenant.id));
            let minutes = MinutesUsage::read(store, &payer, &budget.budget, now)?;
            let own = || keys.iter().filter(|key| key.tenant == tenant.id);
            let held = |one: &&Override| one.tenant == tenant.id && one.holds(now);
            Ok(json!({
                "id": &*tenant.id,
                "label": budget.label.as_deref(),
                "state": state(tenant.state),
                "set_at": settings.places.tenant(&tenant.id).map(ToString::to_string),
                "keys": own().count(),
                "valid_keys": own().filter(|key| key.state.is_valid()).count(),
                "changed_limits": changes.iter().filter(held).count(),
                "minutes": minutes.map(|minutes| minutes.json()),
            }))
        })
        .collect()
}

/// How a switch is told.
pub fn state(state: Switch) -> &'static str {
    if state == Switch::Enabled { "enabled" } else { "disabled" }
}
