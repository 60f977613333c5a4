//! Is the body what the contract asks for?

use std::time::Duration;

/// The bounds of a request body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The largest body, in bytes. 1 MiB.
    pub body_limit: usize,
    /// Until a body has arrived whole. 10 s.
    pub body_timeout: Duration,
    /// Body bytes in memory at once, of all tenants together. 64 MiB.
    pub bytes_in_flight: usize,
    /// Body bytes in memory at once, of one tenant. 16 MiB.
    pub tenant_bytes_in_flight: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_limit: 1 << 20,
            body_timeout: Duration::from_secs(10),
            bytes_in_flight: 64 << 20,
            tenant_bytes_in_flight: 16 << 20,
        }
    }
}
