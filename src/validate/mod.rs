//! Is the body what the contract asks for?
//!
//! The room reads the body whole, within a byte limit, a deadline and a budget of bytes in memory,
//! checks it against the endpoint's schema, and passes on the original bytes, with the places of all
//! values in them as the fact [`Checked`](crate::checked::Checked). What it checked must be what the
//! upstream parses: duplicate keys, bytes that are not UTF-8, depth bombs and compressed bodies are
//! refused, all with 400 and a message that names the field by its path. What the contract does not
//! publish is not checked. The declared `Content-Type` is no reason to refuse.
//!
//! ```
//! use heify_gateway::contract::{Contract, Lookup};
//! use heify_gateway::validate::judge;
//! use http::Method;
//!
//! let document = "
//! openapi: 3.1.1
//! paths:
//!   /loans:
//!     post:
//!       x-gateway-effect: { kind: creates, object: loan }
//!       requestBody:
//!         content:
//!           application/json:
//!             schema: { required: [book], properties: { days: { maximum: 30 } } }
//! ";
//! let contract = Contract::parse(document, "library.yaml").expect("no mistakes");
//! let Lookup::Found(endpoint) = contract.find("/loans", &Method::POST) else { panic!() };
//! let refused = |body: &str| judge(body.as_bytes(), endpoint.body.as_ref()).unwrap_err();
//! assert_eq!(refused(r#"{"days": 31}"#).message(), "Missing required field: book");
//! assert_eq!(refused(r#"{"book": 1, "days": 31}"#).message(), "days must be at most 30.");
//! assert_eq!(refused(r#"{"book": 1,}"#).message(), "Invalid JSON format");
//! ```

mod collect;
mod json;
mod layer;
mod rule;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use crate::budget::Budget;
pub use layer::{Validate, ValidateFuture, ValidateLayer};
pub use rule::{Judgement, judge, judge_all};

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
