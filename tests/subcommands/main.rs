//! Do the subcommands keep what they print, as the real binary?
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod adoption;
mod books;
mod demo;
mod keys;
mod live;
mod load;
mod log;
mod operators;
mod preflight;
mod process;
mod serve;
mod simulator;
mod world;
