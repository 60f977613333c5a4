//! What has a tenant used, what is left, and when does it begin anew?

use serde_json::{Value, json};

use super::minutes::MinutesUsage;
use super::plan::Plan;
use super::settings::{Budget, TenantBudget};
use crate::contract::Contract;
use crate::records::{Balance, Limit, Meter, Moment, Payer, Store, Stored, ledger};

/// Writes what a tenant may know of its own budget; nothing of the account or of other tenants.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn usage(
    store: &mut dyn Store,
    tenant: &TenantBudget,
    contract: &Contract,
    now: Moment,
) -> Stored<Value> {
    let payer = Payer::Tenant(tenant.id.clone());
    let calendar = &tenant.budget.calendar;
    let month = ledger::period(store, &payer, calendar, now)?;
    let mut calls = Vec::new();
    let mut objects = Vec::new();
    for endpoint in contract.endpoints() {
        if let Some(limit) = tenant.budget.calls(endpoint) {
            let meter = Meter::Calls(endpoint.path.clone());
            let balance = store.balance(&payer, &meter, month.start)?;
            let mut line = counted(Some(limit), balance);
            enforced(&mut line, &tenant.budget, Limit::Calls((*endpoint.path).into()));
            line["endpoint"] = json!(&*endpoint.path);
            line["resets"] = json!(month.end.to_string());
            calls.push(line);
        }
        if let Some(kind) = endpoint.creates() {
            let limit = tenant.budget.objects(kind, endpoint.cap.as_ref());
            let balance = store.balance(&payer, &Meter::Objects(kind.into()), Moment(0))?;
            let mut line = counted(limit, balance);
            enforced(&mut line, &tenant.budget, Limit::Objects(kind.into()));
            line["kind"] = json!(kind);
            if !objects.contains(&line) {
                objects.push(line);
            }
        }
    }
    let minutes = MinutesUsage::read(store, &payer, &tenant.budget, now)?;
    let minutes = minutes.map(|minutes| {
        let mut line = minutes.json();
        enforced(&mut line, &tenant.budget, Limit::Minutes);
        line
    });
    Ok(json!({
        "tenant": &*tenant.id,
        "as_of": now.to_string(),
        "month": {
            "zone": calendar.zone_name(),
            "start": month.start.to_string(),
            "end": month.end.to_string(),
        },
        "calls": calls,
        "objects": objects,
        "minutes": minutes,
    }))
}

/// What the tenants of a plan may know when nothing is recorded.
pub(super) fn unrecorded(tenant: &str, now: Moment) -> Value {
    json!({ "tenant": tenant, "as_of": now.to_string(), "recorded": false })
}

/// Says of a limit that it is only counted, where that is so.
fn enforced(line: &mut Value, budget: &Budget, limit: Limit) {
    line["enforced"] = json!(budget.enforcement(&limit).is_enforced());
}

fn counted(limit: Option<u32>, balance: Balance) -> Value {
    let left = limit.map(|limit| (i64::from(limit) - balance.taken()).max(0));
    json!({ "limit": limit, "used": balance.used, "reserved": balance.held, "left": left })
}

impl Plan {
    /// What the tenant at a dense index may know of its budget; `None`: there is no such tenant.
    ///
    /// # Errors
    /// [`StoreError`](crate::records::StoreError) of the store.
    pub fn usage(
        &self,
        store: &mut dyn Store,
        index: usize,
        contract: &Contract,
        now: Moment,
    ) -> Stored<Option<Value>> {
        self.tenant(index).map(|tenant| usage(store, tenant, contract, now)).transpose()
    }
}
