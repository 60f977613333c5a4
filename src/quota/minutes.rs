//! How many minutes has a payer used, and how long will the rest last?

use serde_json::{Value, json};

use super::settings::{Budget, MinutesBudget};
use crate::records::{AudioMillis, Meter, Moment, Payer, Store, Stored, ledger};

/// Over how long the pace is measured that tells when minutes run out.
const PACE_DAYS: i64 = 7;
const DAY: i64 = 86_400_000;

/// The minutes of one payer in its present month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinutesUsage {
    /// The month's allowance; `None`: minutes are only recorded.
    pub monthly: Option<AudioMillis>,
    /// Granted on top, without an end.
    pub granted: AudioMillis,
    /// Booked: this month's, and all that was paid from grants.
    pub used: AudioMillis,
    /// The part of it that grants have paid.
    pub used_of_grant: AudioMillis,
    /// Held by jobs that are not settled.
    pub reserved: AudioMillis,
    /// What may still be used; `None`: there is no limit.
    pub left: Option<AudioMillis>,
    /// What was used above the limit.
    pub overdrawn: Option<AudioMillis>,
    /// When the allowance begins anew.
    pub resets: Option<Moment>,
    /// Charged for calls of the last seven days.
    pub used_in_last_7_days: AudioMillis,
    /// When nothing is left at that pace; `None`: not before it resets.
    pub runs_out: Option<Moment>,
}

impl MinutesUsage {
    /// Adds up a payer's minutes; `None` where none are recorded.
    ///
    /// # Errors
    /// [`StoreError`](crate::records::StoreError) of the store.
    pub fn read(
        store: &mut dyn Store,
        payer: &Payer,
        budget: &Budget,
        now: Moment,
    ) -> Stored<Option<Self>> {
        let monthly = match budget.minutes {
            MinutesBudget::Off => return Ok(None),
            MinutesBudget::Recorded => None,
            MinutesBudget::Monthly(allowance) => Some(allowance),
        };
        let month = ledger::period(store, payer, &budget.calendar, now)?;
        let in_month = store.balance(payer, &Meter::Minutes, month.start)?;
        let granted = store.posted(payer, &Meter::Granted, Moment(0))?;
        let is_limited = monthly.is_some() || granted.is_some();
        let granted = granted.unwrap_or_default();
        let allowance = monthly.map_or(0, |allowance| allowance.0 - in_month.taken());
        let rest = allowance + granted.granted - granted.taken();
        let spent = spent(store, payer, Moment(now.0 - PACE_DAYS * DAY), now)?;
        let resets = monthly.map(|_| month.end);
        Ok(Some(Self {
            monthly,
            granted: AudioMillis(granted.granted),
            used: AudioMillis(in_month.used + granted.used),
            used_of_grant: AudioMillis(granted.used),
            reserved: AudioMillis(in_month.held + granted.held),
            left: is_limited.then_some(AudioMillis(rest.max(0))),
            overdrawn: is_limited.then_some(AudioMillis((-rest).max(0))),
            resets,
            used_in_last_7_days: spent,
            runs_out: is_limited.then(|| runs_out(rest, spent, now, resets)).flatten(),
        }))
    }

    /// All of it as milliseconds of audio: no rounding hides what is charged.
    pub fn json(&self) -> Value {
        let moment = |moment: Option<Moment>| moment.map(|moment| moment.to_string());
        json!({
            "unit": "milliseconds of audio",
            "monthly": self.monthly,
            "granted": self.granted,
            "used": self.used,
            "used_of_grant": self.used_of_grant,
            "reserved": self.reserved,
            "left": self.left,
            "overdrawn": self.overdrawn,
            "resets": moment(self.resets),
            "used_in_last_7_days": self.used_in_last_7_days,
            "runs_out": moment(self.runs_out),
        })
    }
}

/// What was charged to a payer; all that tenants were charged is the account's.
fn spent(store: &mut dyn Store, payer: &Payer, from: Moment, to: Moment) -> Stored<AudioMillis> {
    match payer {
        Payer::Tenant(tenant) => store.spent(tenant, from, to),
        Payer::Account => {
            // Added up where they are: of all tenants there may be very many.
            let totals = store.totals(from, to)?;
            Ok(AudioMillis(totals.iter().map(|total| total.billed.0).sum()))
        }
    }
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
