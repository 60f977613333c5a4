//! Does a gateway change and restart under load without one failed request?
#![cfg(all(feature = "cli", feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod handover;
mod load;
mod mixed;
#[allow(dead_code, reason = "the tests of subcommands use more of it")]
#[path = "../subcommands/process.rs"]
mod process;
mod rehearsal;
mod rotation;
mod supervised;
mod watch;
mod world;
