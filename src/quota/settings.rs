//! What may tenants and the account use, as the configuration says it?

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::audio::LONGEST;
use crate::rate::Enforcement;
use crate::records::{AudioMillis, Calendar, Limit};

/// All budgets.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// One entry per tenant, in the order of their dense index.
    pub tenants: Vec<TenantBudget>,
    /// What all tenants together may use.
    pub account: Budget,
    /// How minutes are reserved and charged.
    pub minutes: Minutes,
    /// The longest `Retry-After` of a used-up month; `None`: until the month ends.
    pub longest_retry_after: Option<Duration>,
    /// What becomes of calls that count against a month and nothing else while the records fail.
    pub when_records_fail: WhenRecordsFail,
}

/// What becomes of calls while they cannot be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenRecordsFail {
    /// They are refused. A quota is a promise; whoever wants calls to pass has to say so.
    #[default]
    Closed,
    /// They pass, and count for nobody.
    Open,
}

/// One tenant's budget.
#[derive(Debug, Clone, Default)]
pub struct TenantBudget {
    /// The tenant's name.
    pub id: Arc<str>,
    /// What it is called in charge-back, besides its name.
    pub label: Option<Arc<str>>,
    /// What it may use.
    pub budget: Budget,
}

/// What one payer may use.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    /// When its months begin.
    pub calendar: Calendar,
    /// Calls per month by path; an endpoint that is absent has the contract's own number.
    pub monthly: HashMap<Box<str>, u32>,
    /// Objects at once by kind; a kind that is absent has the contract's own number.
    pub caps: HashMap<Box<str>, u32>,
    /// Minutes of audio.
    pub minutes: MinutesBudget,
    /// The limits of these that are counted and shown, and not enforced; of a tenant the tenant's, of
    /// the account the account's.
    pub shadow: BTreeSet<Limit>,
}

impl Budget {
    /// Whether one of its limits is enforced.
    pub fn enforcement(&self, limit: &Limit) -> Enforcement {
        if self.shadow.contains(limit) { Enforcement::Shadow } else { Enforcement::Enforced }
    }
}

/// How many minutes a payer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MinutesBudget {
    /// Not recorded at all.
    Off,
    /// Recorded, and limited only once minutes were granted.
    #[default]
    Recorded,
    /// So much a month, and what was granted on top.
    Monthly(AudioMillis),
}

/// How minutes are reserved and charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minutes {
    /// Reserved for a job whose length is not known. 10 min; in strict mode what the upstream takes
    /// at most, so that nothing is ever overdrawn.
    pub estimate: AudioMillis,
    /// To what a length is rounded up before it is charged.
    pub rounding: Rounding,
}

/// The longest audio that Heify takes, as records count it.
pub const LONGEST_AUDIO: AudioMillis = AudioMillis(LONGEST.as_millis() as i64);

/// What is reserved at least: no job is for nothing before it is settled.
const SHORTEST_AUDIO: AudioMillis = AudioMillis(1_000);

impl Minutes {
    /// What is reserved for a job: the length of its audio as it will be billed, where its file tells,
    /// else the estimate. In strict mode always the longest audio there is: a file may tell the gateway
    /// one length and the upstream another, and nothing may ever be overdrawn.
    pub fn reservation(&self, length: Option<Duration>) -> AudioMillis {
        let Some(length) = length.filter(|_| self.estimate < LONGEST_AUDIO) else {
            return self.estimate;
        };
        let millis = length.as_nanos().div_ceil(1_000_000);
        let length = AudioMillis(i64::try_from(millis).unwrap_or(i64::MAX));
        self.rounding.bill(length.clamp(SHORTEST_AUDIO, LONGEST_AUDIO))
    }
}

impl Default for Minutes {
    fn default() -> Self {
        Self { estimate: AudioMillis(600_000), rounding: Rounding::None }
    }
}

/// To what a length is rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rounding {
    /// Charged to the millisecond.
    #[default]
    None,
    /// Up to whole seconds.
    Second,
    /// Up to whole minutes.
    Minute,
}

impl Rounding {
    /// What is charged for a length.
    pub fn bill(self, length: AudioMillis) -> AudioMillis {
        let unit = match self {
            Self::None => return length,
            Self::Second => 1_000,
            Self::Minute => 60_000,
        };
        // Saturates far beyond any audio.
        AudioMillis(length.0.saturating_add(unit - 1) / unit * unit)
    }
}

/// How the true lengths of jobs are found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// How often the upstream is asked, per minute. 60.
    pub per_minute: NonZeroU32,
    /// How long a reservation may stay unresolved before it is closed by policy. 168 h.
    pub deadline: Duration,
    /// What becomes of it then. `Charge`.
    pub policy: Policy,
}

impl Default for Settle {
    fn default() -> Self {
        Self {
            per_minute: const { NonZeroU32::new(60).unwrap() },
            deadline: Duration::from_secs(168 * 3600),
            policy: Policy::Charge,
        }
    }
}

/// What becomes of a reservation whose outcome nobody could find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It is charged as it was reserved: the upstream may have done the job.
    Charge,
    /// It is given back.
    Release,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_rounded_up_and_never_down() {
        let bill = |rounding: Rounding, millis| rounding.bill(AudioMillis(millis)).0;
        assert_eq!(bill(Rounding::None, 84_501), 84_501);
        assert_eq!(bill(Rounding::Second, 84_501), 85_000);
        assert_eq!(bill(Rounding::Second, 85_000), 85_000);
        assert_eq!(bill(Rounding::Minute, 1), 60_000);
        assert_eq!(bill(Rounding::Minute, 0), 0);
        assert_eq!(bill(Rounding::Minute, 120_001), 180_000);
    }
}
