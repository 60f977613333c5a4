//! May this tenant, and the account, still afford the call?
//!
//! A call that creates something, spends minutes or has a monthly quota is charged in the durable
//! records before it is forwarded: against the tenant and the account, all or nothing. It then runs
//! as a task of its own, which closes the reservation whatever becomes of the client: paid when it
//! was done, free again when it was refused or never sent, held when nobody knows. All other calls
//! pass without a look at the records.
//!
//! The room refuses with 429 `quota_exhausted`, 402 `minutes_exhausted`, 400 `cap_reached`, and with
//! `account_quota_exhausted`, `account_minutes_exhausted` or `account_cap_reached` where the account
//! is used up and the tenant is not. Records that do not answer are 500 `records_unavailable`:
//! nothing is forwarded then that would have to be counted.
//!
//! `GET /_gateway/usage`, with a tenant's key, tells what it has used and what is left.
//!
//! ```
//! use heify_gateway::quota::Rounding;
//! use heify_gateway::records::AudioMillis;
//!
//! assert_eq!(Rounding::Second.bill(AudioMillis(84_501)), AudioMillis(85_000));
//! ```

mod foresee;
mod layer;
mod minutes;
mod outcome;
mod oversubscription;
mod plan;
mod refuse;
mod room;
mod settings;
mod standing;
mod threshold;
mod told;
mod upload;
mod usage;

pub use foresee::Foresight;
pub use layer::{Look, Quota, QuotaFuture, QuotaLayer, look};
pub use minutes::MinutesUsage;
pub use outcome::{Verdict, judge};
pub use oversubscription::{Oversubscription, Promised, oversubscriptions};
pub use plan::Plan;
pub use room::Quotas;
pub use settings::{
    Budget, LONGEST_AUDIO, Minutes, MinutesBudget, Policy, Rounding, Settings, Settle,
    TenantBudget, WhenRecordsFail,
};
pub use standing::{Standing, standing};
pub use threshold::{About, Level, Webhook, crossed, levels};
pub use told::{USAGE, Usage, usage_endpoint};
pub use usage::usage;
