//! heify-gateway: a reverse-proxy gateway in front of the Heify speech-to-text API.

#![warn(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

pub mod authenticate;
pub mod body;
pub mod catch_panic;
#[cfg(feature = "config")]
pub mod config;
pub mod contract;
pub mod deadline;
pub mod early;
pub mod envelope;
pub mod forward;
pub mod key;
pub mod observation;
pub mod observe;
pub mod overload;
pub mod peer;
pub mod rate;
pub mod rate_limit;
pub mod refusal;
pub mod route;
pub mod secret;
pub mod server;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod stack;
pub mod tenant;
pub mod upstream;
pub mod validate;
