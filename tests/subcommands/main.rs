//! Does `simulator` keep what it prints, as the real binary?
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod process;
mod simulator;
