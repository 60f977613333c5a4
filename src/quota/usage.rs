//! What has a tenant used, what is left, and when does it begin anew?

use serde_json::{Value, json};

use super::plan::Plan;
use super::settings::{MinutesBudget, TenantBudget};
use crate::contract::{Contract, Endpoint, Kind};
use crate::records::{AudioMillis, Balance, Meter, Moment, Payer, Period, Store, Stored, ledger};

/// Over how long the pace is measured that tells when minutes run out.
const PACE_DAYS: i64 = 7;
const DAY: i64 = 86_400_000;

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
            line["endpoint"] = json!(&*endpoint.path);
            line["resets"] = json!(month.end.to_string());
            calls.push(line);
        }
        if let Some((kind, limit)) = created(tenant, endpoint) {
            let balance = store.balance(&payer, &Meter::Objects(kind.into()), Moment(0))?;
            let mut line = counted(limit, balance);
            line["kind"] = json!(kind);
            if !objects.contains(&line) {
                objects.push(line);
            }
        }
    }
    let minutes = minutes(store, tenant, &payer, month, now)?;
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

/// The kind that an endpoint creates, with the tenant's cap.
fn created<'e>(tenant: &TenantBudget, endpoint: &'e Endpoint) -> Option<(&'e str, Option<u32>)> {
    let kind = endpoint.effect.object.as_deref()?;
    let limit = tenant.budget.objects(kind, endpoint.cap.as_ref());
    (endpoint.effect.kind == Kind::Creates).then_some((kind, limit))
}

fn counted(limit: Option<u32>, balance: Balance) -> Value {
    let left = limit.map(|limit| (i64::from(limit) - balance.taken()).max(0));
    json!({ "limit": limit, "used": balance.used, "reserved": balance.held, "left": left })
}

/// Minutes as milliseconds of audio: no rounding hides what is charged.
fn minutes(
    store: &mut dyn Store,
    tenant: &TenantBudget,
    payer: &Payer,
    month: Period,
    now: Moment,
) -> Stored<Value> {
    let monthly = match tenant.budget.minutes {
        MinutesBudget::Off => return Ok(Value::Null),
        MinutesBudget::Recorded => None,
        MinutesBudget::Monthly(allowance) => Some(allowance),
    };
    let in_month = store.balance(payer, &Meter::Minutes, month.start)?;
    let granted = store.balance(payer, &Meter::Granted, Moment(0))?;
    let is_limited = monthly.is_some() || granted != Balance::default();
    let allowance = monthly.map_or(0, |allowance| allowance.0 - in_month.taken());
    let rest = allowance + granted.granted - granted.taken();
    let spent = store.spent(&tenant.id, Moment(now.0 - PACE_DAYS * DAY), now)?;
    let resets = monthly.map(|_| month.end);
    let runs_out = is_limited.then(|| runs_out(rest, spent, now, resets)).flatten();
    Ok(json!({
        "unit": "milliseconds of audio",
        "monthly": monthly.map(|AudioMillis(monthly)| monthly),
        "granted": granted.granted,
        "used": in_month.used + granted.used,
        "used_of_grant": granted.used,
        "reserved": in_month.held + granted.held,
        "left": is_limited.then_some(rest.max(0)),
        "overdrawn": is_limited.then_some((-rest).max(0)),
        "resets": resets.map(|resets| resets.to_string()),
        "used_in_last_7_days": spent.0,
        "runs_out": runs_out.map(|moment| moment.to_string()),
    }))
}

/// When the rest is used up at the pace of the last days; `None` when that is after the month's end,
/// or never.
fn runs_out(rest: i64, spent: AudioMillis, now: Moment, resets: Option<Moment>) -> Option<Moment> {
    if rest <= 0 {
        return Some(now);
    }
    if spent.0 <= 0 {
        return None;
    }
    let wait = i128::from(rest) * i128::from(PACE_DAYS * DAY) / i128::from(spent.0);
    let at = Moment(now.0.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)));
    // Dates beyond the calendar are never.
    let soon = at.0 - now.0 < 100 * 366 * DAY;
    (soon && resets.is_none_or(|resets| at < resets)).then_some(at)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_run_out_at_the_pace_of_the_last_week_or_not_at_all() {
        let now = Moment(1_790_000_000_000);
        let at = |rest, spent, resets| runs_out(rest, AudioMillis(spent), now, resets);
        assert_eq!(at(70, 70, None), Some(Moment(now.0 + 7 * DAY)));
        assert_eq!(at(70, 0, None), None);
        assert_eq!(at(0, 70, None), Some(now));
        assert_eq!(at(-5, 0, None), Some(now));
        assert_eq!(at(70, 70, Some(Moment(now.0 + 6 * DAY))), None);
        assert_eq!(at(i64::MAX, 1, None), None);
    }
}
