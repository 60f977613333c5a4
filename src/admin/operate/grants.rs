//! Who gets how many minutes more?

use std::num::NonZeroI32;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Act, Declined, tenant};
use crate::config::Settings;
use crate::quota::{Budget, MinutesBudget, MinutesUsage};
use crate::records::{AudioMillis, Payer, Store, ledger};

/// What became of a grant.
#[derive(Debug, Clone)]
pub struct Granted {
    /// How much.
    pub amount: AudioMillis,
    /// What is left now; `None` only when the records say so.
    pub left: Option<AudioMillis>,
    /// Whether there was a limit before: the first grant makes one.
    pub was_limited: bool,
}

impl Granted {
    /// As it is told to programs.
    pub fn json(&self) -> Value {
        json!({
            "granted_ms": self.amount,
            "left_ms": self.left,
            "was_limited": self.was_limited,
        })
    }
}

/// Who is meant, and its budget; without a tenant: the account.
///
/// # Errors
/// [`Declined::Unknown`].
pub fn purse<'s>(
    settings: &'s Settings,
    of: Option<&str>,
) -> Result<(Payer, &'s Budget), Declined> {
    let Some(of) = of else { return Ok((Payer::Account, &settings.quota.account)) };
    let own = &settings.quota.tenants[tenant(settings, of)?];
    Ok((Payer::Tenant(own.id.clone()), &own.budget))
}

/// Adds minutes, or takes some away.
///
/// # Errors
/// [`Declined`].
pub fn grant(
    store: &mut dyn Store,
    settings: &Settings,
    to: Option<&str>,
    minutes: NonZeroI32,
    note: &Arc<str>,
    act: &Act,
) -> Result<Granted, Declined> {
    let (payer, budget) = purse(settings, to)?;
    if budget.minutes == MinutesBudget::Off {
        let name = match &payer {
            Payer::Account => "the account".to_owned(),
            Payer::Tenant(id) => format!("tenant {id}"),
        };
        let text = format!("minutes of {name} are \"off\": nothing would count what is granted");
        return Err(Declined::Conflict(text));
    }
    let amount = AudioMillis(i64::from(minutes.get()) * 60_000);
    let before = MinutesUsage::read(store, &payer, budget, act.now)?;
    ledger::grant(store, &payer, amount, note, act.now)?;
    let after = MinutesUsage::read(store, &payer, budget, act.now)?;
    let left = |usage: &Option<MinutesUsage>| usage.as_ref().and_then(|usage| usage.left);
    let granted = |usage: &Option<MinutesUsage>| usage.as_ref().map(|usage| usage.granted);
    let (tenant, subject) = match &payer {
        Payer::Account => (None, "account"),
        Payer::Tenant(id) => (Some(id), &**id),
    };
    let what = [
        json!({ "granted_ms": granted(&before), "left_ms": left(&before) }),
        json!({ "granted_ms": granted(&after), "left_ms": left(&after), "note": &**note }),
    ];
    act.audit(store, "minutes.grant", tenant, subject, what)?;
    Ok(Granted { amount, left: left(&after), was_limited: left(&before).is_some() })
}
