//! When does a job's reservation become what the job really cost?
//!
//! A worker beside the requests asks the upstream about jobs that are not settled, with the central
//! key and at a small rate of its own: first when a job may be done, then less and less often, and
//! soon after a tenant has read its job. What it is told goes into the records; what nobody ever
//! tells is closed by policy after a deadline, and shown until then.

mod schedule;
mod worker;

pub use schedule::{Outcome, next_asked, outcome};
pub use worker::{Settler, Setup};
