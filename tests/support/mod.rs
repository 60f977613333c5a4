//! What do the tests on real sockets share?

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod gateway;
pub mod upstream;

/// A submit body that the contract accepts.
pub const SUBMIT: &str = r#"{"configuration_id":"3f0c1a52-7b1e-4d6a-9c55-0a1b2c3d4e5f","url":"https://media.example.org/a.mp3"}"#;
/// A body that reads one configuration.
pub const READ: &str = r#"{"configuration_id":"3f0c1a52-7b1e-4d6a-9c55-0a1b2c3d4e5f"}"#;
/// The tenant's key.
pub const KEY: &str = "a-key-that-team-a-has";
/// The central key, which no tenant may ever see.
pub const CENTRAL: &str = "central-key-0123456789";
