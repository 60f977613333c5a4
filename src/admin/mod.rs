//! What does an operator see, and what can be changed while the gateway runs?
//!
//! [`operate`] has the rules, which the command line shares; [`router`] is the admin API over them
//! under `/admin/v1`, for tokens of the configuration, and the dashboard at `/`, which asks that API.
//! A viewer reads, an operator changes, and each change is a line in the audit log. What the
//! configuration file sets, nothing here changes.
//!
//! ```
//! use heify_gateway::admin::table::{Cell, Table};
//!
//! let table = Table::new(&["label"], vec![vec![Cell::text("=1+1")]]);
//! let mut csv = Vec::new();
//! table.write_csv(&mut csv).unwrap();
//! assert_eq!(csv, b"label\r\n'=1+1\r\n"); // no spreadsheet runs it
//! ```

mod access;
mod api;
mod console;
mod dashboard;
pub mod operate;
pub mod table;

pub use api::router;
pub use console::{Console, Order, Orders, Reloaded, View};
