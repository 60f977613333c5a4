//! What happened to each request?
//!
//! The outermost room: it gives every request an id (`x-request-id`, taken over when it is a short
//! plain token, else a UUIDv7, RFC 9562) and opens its record, which inner layers reach as the
//! extension `Arc<Observation>`. Credentials become sensitive: no `Debug` shows them. A request that
//! belongs to a trace has the extension `Trace`. When the answer's body has ended, or was dropped
//! half way, what happened is counted, written as one line of the access log and left for the
//! exporter of spans, as far as there are those: never a key, a body or a query.
//!
//! ```
//! use http::HeaderMap;
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("x-request-id", "order-17".parse().unwrap());
//! assert_eq!(heify_gateway::observe::request_id(&headers), "order-17");
//! ```

mod head;
mod id;
mod layer;
mod outcome;

pub use id::request_id;
pub use layer::{Observe, ObserveFuture, ObserveLayer};
pub use outcome::ObservedBody;
