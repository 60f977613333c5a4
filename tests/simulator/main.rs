//! Does the simulator behave as Heify's public contract says, and does it break as scripted?

// The relaxation for tests does not reach the functions that tests share.
#![allow(clippy::unwrap_used, clippy::panic)]

mod client;
mod examples;
mod faults;
mod life;
mod uploads;
