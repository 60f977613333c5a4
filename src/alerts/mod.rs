//! Who is told, outside of the gateway, that a limit is nearly used up?
//!
//! Beside the requests, a worker looks how much of each month, of the minutes and of what was granted is
//! used, by tenant and by the account. Where a threshold of a webhook is crossed, that is kept in the
//! records and then sent: once per month and threshold, also across a restart. Each webhook has a task
//! of its own, which tries again until the receiver answers with a success, for a day at most. A call
//! never waits for any of it: the worker reads the records when something was written there.
//!
//! A message is signed, so that its receiver can tell it from another's:
//!
//! ```
//! use heify_gateway::alerts::signature;
//! use heify_gateway::secret::Secret;
//!
//! let secret = Secret::new("a-secret-of-both");
//! let signed = signature(&secret, 1_790_000_000, b"{}");
//! assert_eq!(signed.len(), "sha256=".len() + 64);
//! assert_ne!(signed, signature(&secret, 1_790_000_001, b"{}"));
//! ```

mod counts;
mod message;
mod send;
mod watch;
mod worker;

pub use counts::{Count, Counts};
pub use message::{ALERT_ID, SIGNATURE, TIMESTAMP, signature};
pub use worker::{Alerter, Setup};
