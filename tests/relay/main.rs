//! Do uploads pass through the gateway as they would past it, and does nothing else?

// The relaxation for tests does not reach the functions that tests share.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod documented;
mod faulty;
mod refused;
mod storage;
mod tokens;
mod world;
