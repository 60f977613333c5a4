//! What does every answer carry?
//!
//! The room writes the tightest limit of a call as header fields, on allowed and refused answers
//! alike (`RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers-11, and the
//! older `X-RateLimit-Limit`, `-Remaining`, `-Reset`), and tells whom to contact on the gateway's own
//! 402 and 500. It is the only place that writes them.
//!
//! ```
//! use heify_gateway::envelope::EnvelopeLayer;
//!
//! let layer = EnvelopeLayer::new(Some("platform-team@example.org"));
//! # let _ = layer;
//! ```

mod fields;
mod layer;

pub use fields::{add_contact, add_limit};
pub use layer::{Envelope, EnvelopeFuture, EnvelopeLayer};
