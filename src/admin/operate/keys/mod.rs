//! Which keys are there, and how do they come and go without a restart?

mod change;
mod list;
mod told;

pub use change::{Issued, NewKey, Rotated, issue, revoke, rotate};
pub use list::{Key, State, keys, of_issued};
pub use told::{issued, revoked, rotated, shown};
