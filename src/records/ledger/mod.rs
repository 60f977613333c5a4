//! What may be written into the journal?
//!
//! Each function reads what it needs, decides, and writes one or more entries; the caller wraps it
//! into a transaction. The rules:
//!
//! * At admission, what is used and held stays within the limit, of the tenant and of the account,
//!   or nothing is written at all.
//! * A reservation is closed once. What comes after a close does nothing, except that the true
//!   outcome after a close by policy is one adjustment.
//! * A reservation remembers what it holds, piece by piece; closing returns or books exactly that.

mod amend;
mod charge;
mod close;
mod keys;
mod limits;
mod objects;
mod reserve;
mod start;
#[cfg(test)]
mod tests;
mod uploads;

pub use amend::{Amended, amend};
pub use charge::{Charge, MinutesLimit};
pub use close::{bind, lose, release, settle};
pub use keys::{Issued, Rotated, issue, revoke, rotate};
pub use limits::{audit, change_limit, lift_limit};
pub use objects::{Adopted, adopt, delete};
pub use reserve::{Denied, Foreseen, Reserve, Reserved, foresee, grant, period, reserve};
pub use start::{lose_open, reschedule};
pub use uploads::{Begun, begin_upload, end_upload, expire_uploads};
