//! What has the account, and what was promised of it?

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Declined;
use crate::config::Settings;
use crate::contract::Contract;
use crate::quota::{MinutesUsage, Promised, oversubscriptions};
use crate::records::{Limit, Meter, Moment, Payer, Store, ledger};

/// The account's own limits, what all tenants together have used of them, and where more was
/// promised to them than there is. The settings are those in use.
///
/// # Errors
/// [`Declined::Store`].
pub fn account(
    store: &mut dyn Store,
    settings: &Settings,
    contract: &Contract,
    now: Moment,
) -> Result<Value, Declined> {
    let budget = &settings.quota.account;
    let month = ledger::period(store, &Payer::Account, &budget.calendar, now)?;
    let mut calls = Vec::new();
    let mut objects = BTreeMap::new();
    let line = |limit: Option<u32>, balance: crate::records::Balance| {
        let left = limit.map(|limit| (i64::from(limit) - balance.taken()).max(0));
        json!({ "limit": limit, "used": balance.used, "reserved": balance.held, "left": left })
    };
    let enforced = |limit| json!(budget.enforcement(&limit).is_enforced());
    for endpoint in contract.endpoints() {
        if let Some(limit) = budget.calls(endpoint) {
            let meter = Meter::Calls(endpoint.path.clone());
            let balance = store.balance(&Payer::Account, &meter, month.start)?;
            let mut line = line(Some(limit), balance);
            line["endpoint"] = json!(&*endpoint.path);
            line["enforced"] = enforced(Limit::Calls((*endpoint.path).into()));
            calls.push(line);
        }
        if let Some(kind) = endpoint.creates() {
            let limit = budget.objects(kind, endpoint.cap.as_ref());
            let meter = Meter::Objects(kind.into());
            let mut line = line(limit, store.balance(&Payer::Account, &meter, Moment(0))?);
            line["kind"] = json!(kind);
            line["enforced"] = enforced(Limit::Objects(kind.into()));
            objects.insert(kind, line);
        }
    }
    let minutes = MinutesUsage::read(store, &Payer::Account, budget, now)?;
    let minutes = minutes.map(|minutes| {
        let mut line = minutes.json();
        line["enforced"] = enforced(Limit::Minutes);
        line
    });
    Ok(json!({
        "month": {
            "zone": budget.calendar.zone_name(),
            "start": month.start.to_string(),
            "end": month.end.to_string(),
        },
        "calls": calls,
        "objects": objects.into_values().collect::<Vec<_>>(),
        "minutes": minutes,
        "oversubscribed": promises(settings, contract),
    }))
}

/// Where tenants were promised more than the account has.
pub fn promises(settings: &Settings, contract: &Contract) -> Value {
    let line = |one: crate::quota::Oversubscription| {
        let (limit, unit) = match &one.promised {
            Promised::Objects(kind) => (format!("objects:{kind}"), "objects"),
            Promised::Calls(path) => (format!("calls:{path}"), "calls per month"),
            Promised::Minutes => ("minutes".to_owned(), "milliseconds of audio per month"),
        };
        json!({
            "limit": limit,
            "unit": unit,
            "tenants": one.tenants,
            "unlimited": one.unlimited,
            "together": one.together,
            "account": one.account,
        })
    };
    oversubscriptions(&settings.quota, contract).into_iter().map(line).collect()
}
