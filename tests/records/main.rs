//! What do durable records promise, on real sockets?

#[path = "../support/mod.rs"]
mod support;

mod alerts;
mod explain;
mod months;
mod preflight;
mod quotas;
mod shadow;
mod two_tenants;
mod usage;
mod world;
