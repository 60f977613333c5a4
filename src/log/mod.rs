//! How does a line get into the log without keeping anybody waiting?
//!
//! All that a process logs goes through one [`Lines`]: a bounded buffer in memory, and a thread that
//! writes what is in it, at most ten times a second while little happens. Whoever logs leaves a whole
//! line there and goes on. When nobody takes the lines away (a pipe that is not read, a full disk), the
//! buffer fills; what does not fit is counted, and the log itself says how much it was as soon as it
//! is written again.
//!
//! [`AccessLog`] writes one line per request into it; `docs/log.md` names the fields. There is never a
//! key, a body or a query in a line, and what a client has chosen is escaped or not there at all.
//!
//! ```
//! use std::time::Duration;
//!
//! use heify_gateway::log::{Form, Lines};
//!
//! let (mut reader, writer) = std::io::pipe().unwrap();
//! let lines = Lines::start(writer, Form::Json).unwrap();
//! lines.push(b"{\"message\":\"hello\"}\n");
//! assert!(lines.flush(Duration::from_secs(60)));
//! drop(lines);
//! let mut read = String::new();
//! std::io::Read::read_to_string(&mut reader, &mut read).unwrap();
//! assert_eq!(read, "{\"message\":\"hello\"}\n");
//! ```

mod access;
mod clock;
mod lines;
mod words;
mod writer;

pub use access::{Access, AccessLog, FIELDS};
pub use clock::timestamp;
pub use lines::{Form, Lines};
pub use words::{json_text, plain_text};

#[cfg(test)]
mod tests;
