//! How is the upstream reached, and with which key?
//!
//! One pooled client per data-path thread, HTTP/1.1 or HTTP/2 over TLS, or plain HTTP; one central
//! key that leaves the process only towards the upstream; a short pause for an upstream that cannot
//! be reached at all.

mod answer;
mod breaker;
mod client;
mod connect;
mod connections;
mod pool;
mod redact;
#[cfg(feature = "tls")]
mod roots;

use std::time::Duration;

pub use answer::Answer;
pub use breaker::Breaker;
pub use client::{Failure, Upstream};
pub use connect::{Connection, UpstreamError};
pub use connections::{Connected, Connections};
pub use pool::SendError;
pub use redact::{Redaction, Redactor};
#[cfg(feature = "tls")]
pub(crate) use roots::client_config;

use crate::secret::Secret;

/// Where the upstream is and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `http` or `https`, host, optional port and path prefix; no query.
    pub url: http::Uri,
    /// The central key, sent as `x-api-key`.
    pub api_key: Secret,
    /// PEM certificates that replace the system's and the built-in trust roots.
    pub ca_pem: Option<Vec<u8>>,
    /// Until a connection stands, TLS included. 3 s.
    pub connect_timeout: Duration,
    /// Until the head of an answer, where the contract does not say otherwise. 60 s.
    pub timeout: Duration,
    /// Between two pieces of an answer's body. 30 s.
    pub body_idle_timeout: Duration,
    /// For the whole answer, from the first byte sent to the last one received. 300 s.
    pub total_timeout: Duration,
    /// How long an unused connection is kept: below the upstream's own idle time-out. 20 s.
    pub pool_idle_timeout: Duration,
}

impl Settings {
    /// The defaults around an address and a key.
    pub fn new(url: http::Uri, api_key: Secret) -> Self {
        Self {
            url,
            api_key,
            ca_pem: None,
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(60),
            body_idle_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(300),
            pool_idle_timeout: Duration::from_secs(20),
        }
    }
}
