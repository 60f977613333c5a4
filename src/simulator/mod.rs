//! How does one try the gateway without Heify: without an account, without minutes, offline?
//!
//! The simulator is a Heify of its own: all 24 endpoints, with objects that live in memory, the
//! published texts, caps, rates, quotas and minutes, and transcriptions that take their time. It is
//! written from Heify's public contract and shares neither the gateway's contract document nor its
//! checks, so that a test against it proves something. What Heify does not publish is chosen, and a
//! comment at that place says so.
//!
//! It is Heify's storage, too: the address that an upload is to be put to is presigned and leads to
//! `storage.rs`, which takes files as S3 does and keeps nothing of them.
//!
//! It listens on loopback only. Behind a token it also breaks on purpose: `control.rs` lists the
//! paths, `faults.rs` what can go wrong.
//!
//! ```
//! use heify_gateway::secret::Secret;
//! use heify_gateway::simulator::{Settings, start};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let simulator = start(Settings::with_key(Secret::new("a-key-for-trials"))).await?;
//! assert!(simulator.url().starts_with("http://127.0.0.1:"));
//! simulator.stop().await;
//! # Ok::<(), heify_gateway::simulator::StartError>(())
//! # }).unwrap();
//! ```

mod account;
mod analytics;
mod answer;
mod clock;
mod configurations;
mod control;
mod criteria;
mod details;
mod endpoints;
mod evaluators;
mod faults;
mod fields;
mod journal;
mod limits;
mod paced;
mod participants;
mod presigned;
mod request;
mod scores;
mod server;
mod settings;
mod shelf;
mod storage;
mod transcriptions;
mod wire;
mod world;

pub use server::{Simulator, start};
pub use settings::{AccountSettings, MILLIS_PER_MINUTE, Rates, Settings, StartError};
