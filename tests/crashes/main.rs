//! Do the durable records lose nothing and count nothing twice, whenever the real binary ends?
//!
//! `HEIFY_CRASH_ROUNDS=5000 cargo test --test crashes kill` kills it 5000 times instead of 200;
//! `HEIFY_CRASH_SEED=...` repeats the choices of a run that failed, as far as the machine lets it.

#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
#[path = "../support/tools.rs"]
mod tools;

mod book;
mod client;
mod clients;
mod faulty;
mod held;
mod points;
#[cfg(target_os = "linux")]
mod power;
mod process;
mod rounds;
mod settlement;
mod trouble;
mod upstream;
mod worker;
mod world;
