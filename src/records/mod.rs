//! What is kept for good, and how is nothing of it lost or counted twice?
//!
//! The journal tells what happened, line by line; balances, reservations, objects, keys and changed
//! limits follow from it and can be recounted at any time ([`verify`]). What may be written is decided by the
//! [`ledger`], on top of a small trait, [`Store`], with two engines: a SQLite file and [`Memory`].
//! Rooms and workers hold [`Records`], a cheap handle to the thread that writes and the one that reads.
//!
//! ```
//! use heify_gateway::records::{AudioMillis, Memory, Meter, Moment, Payer, Store, ledger, verify};
//!
//! let mut store = Memory::default();
//! let (acme, now) = (Payer::Tenant("acme".into()), Moment(0));
//! ledger::grant(&mut store, &acme, AudioMillis::from_minutes(30), &"welcome".into(), now).unwrap();
//! let granted = store.balance(&acme, &Meter::Granted, Moment(0)).unwrap();
//! assert_eq!(granted.granted, 1_800_000);
//! let (recount, differences) = verify(&mut store).unwrap();
//! assert_eq!((recount.lines, differences.len()), (1, 0));
//! ```

mod alert;
mod calendar;
mod chain;
mod change;
mod entry;
mod follow;
mod handle;
mod health;
pub mod ledger;
mod memory;
mod reader;
mod recount;
#[cfg(test)]
mod samples;
#[cfg(feature = "sqlite")]
mod sqlite;
mod state;
mod store;
#[cfg(test)]
mod suite;
mod upload;
mod words;
mod writer;

pub use alert::{Alert, AlertOf, AlertState};
pub use calendar::Calendar;
pub use change::{Audited, Limit, LimitValue, Override, UnknownLimit};
pub use entry::{Entry, Fact, Holder, IssuedKey, Opening, Sharing, Why};
pub use handle::{LONGEST_WAIT, QUEUE, Records, Unavailable};
pub use health::Fares;
pub use memory::Memory;
pub use recount::{Recount, recount, verify};
#[cfg(feature = "sqlite")]
pub use sqlite::{Lock, Missing, Sqlite};
pub use state::{Object, Owner, Reservation, State, is_minutes};
pub use store::{Audit, Line, Store, StoreError, Stored, Total, Unclosed};
pub use upload::{Upload, UploadState};
pub use words::{AudioMillis, Balance, Meter, Moment, Payer, Period, Posting, UnderReservation};
