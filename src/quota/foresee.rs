//! What would a call reserve now, and who could not pay for it?

use serde_json::{Value, json};

use super::minutes::MinutesUsage;
use super::refuse;
use super::room::Quotas;
use super::settings::TenantBudget;
use crate::contract::Endpoint;
use crate::records::ledger::{self, Charge, Denied, Foreseen, MinutesLimit, Reserve};
use crate::records::{Balance, Limit, Meter, Moment, Payer, Posting, Store, Stored};
use crate::refusal::Refusal;
use crate::tenant::Tenant;

/// What would happen if a call came now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Foresight {
    /// One object per limit that binds the call. Of the account it says no number: those are the use
    /// of other tenants.
    pub limits: Vec<Value>,
    /// What would be reserved of the tenant's own.
    pub reserves: Vec<Value>,
    /// Who would refuse, the first one first, and when it would not any more; `None`: time alone does
    /// not mend it.
    pub refused: Vec<(Refusal, Option<Moment>)>,
    /// Who would, if its limit were enforced.
    pub shadow: Vec<Refusal>,
}

impl Quotas {
    /// Looks at what a call would cost, and charges nothing.
    ///
    /// # Errors
    /// [`Refusal::RecordsUnavailable`], [`Refusal::Misassembled`].
    pub async fn foresee(
        &self,
        tenant: &Tenant,
        endpoint: &Endpoint,
    ) -> Result<Foresight, Refusal> {
        let Some(reserve) = self.reserve(tenant, endpoint, None, None)? else {
            return Ok(Foresight::default());
        };
        let budget = self.plan.tenant(tenant.index).ok_or(Refusal::Misassembled)?.clone();
        let asked = reserve.clone();
        let read = move |store: &mut dyn Store| {
            let foreseen = ledger::foresee(store, &reserve)?;
            let lines = foreseen.iter().map(|one| line(store, &budget, one, reserve.at));
            let lines = lines.collect::<Stored<Vec<_>>>()?;
            Ok((foreseen, lines))
        };
        let read = self.records.read(read).await.map_err(|_| Refusal::RecordsUnavailable)?;
        let (foreseen, limits) = read;
        let mut refused = Vec::new();
        if self.is_paused(endpoint) {
            refused.push((Refusal::AccountMinutesExhausted, None));
        }
        let longest = self.longest_retry_after;
        for one in &foreseen {
            if let Err(denied) = &one.held {
                let (refusal, _) = refuse::refusal(denied, endpoint, asked.at, longest);
                refused.push((refusal, ends(one, &asked)));
            }
        }
        let shadow = foreseen.iter().filter_map(|one| one.shadow.as_ref());
        let shadow = shadow.map(|denied| refuse::refusal(denied, endpoint, asked.at, longest).0);
        let shadow = shadow.collect();
        Ok(Foresight { limits, reserves: reserves(&foreseen), refused, shadow })
    }
}

/// When a month that begins anew lets the call pass.
fn ends(one: &Foreseen, reserve: &Reserve) -> Option<Moment> {
    let begins_anew = match (&one.held, &one.charge) {
        (Err(Denied::Calls { limit, .. }), _) => *limit > 0,
        (Err(Denied::Minutes { payer }), Charge::Minutes { amount, tenant, account }) => {
            let limit = if *payer == Payer::Account { account } else { tenant };
            matches!(limit, MinutesLimit::Monthly(allowance) if allowance >= amount)
        }
        _ => false,
    };
    (begins_anew && reserve.at < one.period.end).then_some(one.period.end)
}

fn reserves(foreseen: &[Foreseen]) -> Vec<Value> {
    let own = foreseen.iter().filter(|one| one.payer != Payer::Account);
    let held = own.filter_map(|one| one.held.as_ref().ok()).flatten();
    let shown = |posting: &Posting| {
        let unit = match posting.meter {
            Meter::Calls(_) => "calls",
            Meter::Objects(_) => "objects",
            Meter::Minutes | Meter::Granted => "milliseconds of audio",
        };
        json!({ "of": posting.meter.to_string(), "amount": posting.held, "unit": unit })
    };
    held.map(shown).collect()
}

fn line(
    store: &mut dyn Store,
    tenant: &TenantBudget,
    one: &Foreseen,
    now: Moment,
) -> Stored<Value> {
    let limit = match &one.charge {
        Charge::Call { path, .. } => Limit::Calls((**path).into()),
        Charge::Object { kind, .. } => Limit::Objects((**kind).into()),
        Charge::Minutes { .. } | Charge::Watched { .. } => Limit::Minutes,
    };
    let fits = one.held.is_ok() && one.shadow.is_none();
    let enforced = one.enforcement.is_enforced();
    let mut line = json!({ "limit": limit, "enforced": enforced, "would_pass": fits });
    if one.payer == Payer::Account {
        line["of"] = json!("account");
        return Ok(line);
    }
    line["of"] = json!("tenant");
    match &one.charge {
        Charge::Call { path, tenant, .. } => {
            let meter = Meter::Calls(path.clone());
            let balance = store.balance(&one.payer, &meter, one.period.start)?;
            line["resets"] = json!(one.period.end.to_string());
            counted(&mut line, *tenant, balance);
        }
        Charge::Object { kind, tenant, .. } => {
            let meter = Meter::Objects(kind.clone());
            counted(&mut line, *tenant, store.balance(&one.payer, &meter, Moment(0))?);
        }
        Charge::Minutes { .. } | Charge::Watched { .. } => {
            let minutes = MinutesUsage::read(store, &one.payer, &tenant.budget, now)?;
            line["minutes"] = json!(minutes.map(|minutes| minutes.json()));
        }
    }
    Ok(line)
}

fn counted(line: &mut Value, limit: Option<u32>, balance: Balance) {
    let left = limit.map(|limit| (i64::from(limit) - balance.taken()).max(0));
    line["most"] = json!(limit);
    line["used"] = json!(balance.used);
    line["reserved"] = json!(balance.held);
    line["left"] = json!(left);
}
