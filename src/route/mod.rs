//! Which endpoint of the contract is meant?
//!
//! One look-up of path and method, exact to the byte: normalizing paths is how checks are bypassed.
//! The room gives inner layers the fact `Arc<Endpoint>` as a request extension. It refuses with 404
//! (`unknown_endpoint`, `wrong_method`) and with 400 `bad_host` an HTTP/1.1 request without exactly
//! one `Host` (RFC 9112, section 3.2), which hyper lets through.
//!
//! ```
//! use std::sync::Arc;
//! use heify_gateway::contract::Contract;
//! use heify_gateway::route::RouteLayer;
//!
//! let contract = Contract::built_in().unwrap();
//! let layer = RouteLayer::new(Arc::new(contract), [].into());
//! # let _ = layer;
//! ```

mod layer;
mod rule;

pub use layer::{Route, RouteLayer};
pub use rule::route;
