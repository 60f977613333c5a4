//! How does a checked call get to the upstream, and its answer back?
//!
//! The request to the upstream is built anew: fixed host and path, an allow-list of header fields,
//! exactly one `x-api-key` (the central one), the checked bytes as `application/json`. The answer
//! streams back without its hop-by-hop fields and without the central key. Every failure of the
//! upstream becomes a refusal in Heify's envelope: see [`judge`] for an answered error, and
//! [`Refusal::OutcomeUnknown`](crate::refusal::Refusal::OutcomeUnknown) where the call may have been
//! done. Only a read whose connection broke before the answer is sent a second time.
//!
//! ```
//! use heify_gateway::forward::{Verdict, judge};
//! use heify_gateway::refusal::Refusal;
//! use http::{HeaderMap, StatusCode};
//!
//! let verdict = judge(StatusCode::FORBIDDEN, &HeaderMap::new());
//! assert_eq!(verdict, Verdict::Refuse(Refusal::UpstreamKeyRejected));
//! ```

mod answer;
mod exchange;
mod fields;
mod layer;
mod relayed;

pub use answer::{Verdict, judge, judge_error};
pub use fields::{strip_hop_by_hop, upstream_fields};
pub use layer::{Forward, ForwardFuture};
pub use relayed::Relayed;
