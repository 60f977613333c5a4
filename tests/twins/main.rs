//! Do two tenants of one account see what they would see if each had an account of its own?
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it does not expect")]

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod attacks;
mod compare;
mod differential;
mod limits;
mod operations;
mod program;
mod together;
mod traces;
mod world;
