//! Do listeners keep their promises on real sockets, byte for byte?

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bodies;
mod deadlines;
mod drain;
mod http2;
mod malformed;
mod service;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod unix;
mod workers;
