//! How fast may a tenant call?
//!
//! Every tenant has a token bucket per endpoint (the contract's published rate, unless the settings
//! say otherwise) and, where set, one for all its calls together. A call is charged against both or
//! against neither, before its body is read. The room refuses with 429 `rate_limited` and adds the
//! state of the tighter limit to every answer as the extension [`LimitState`].
//!
//! ```
//! use std::sync::Arc;
//! use heify_gateway::rate::{LimitPolicy, Rate};
//! use heify_gateway::rate_limit::Limiter;
//!
//! let rate = Rate::new(10, 2).unwrap();
//! let limiter = Limiter::new(Arc::new(LimitPolicy::new("example", rate)), Default::default());
//! let _: &Limiter = &limiter;
//! assert!(limiter.charge().is_ok() && limiter.charge().is_ok());
//! assert!(limiter.charge().is_err());
//! ```

mod layer;
mod limiter;
mod table;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub use layer::{RateLimit, RateLimitFuture, RateLimitLayer, refusal};
pub use limiter::{Exceeded, Limiter, charge_both};
pub use table::Table;

use crate::rate::{LimitState, Rate};
use crate::records::Limit;

/// The rates of all tenants, in the order of their dense index.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// One entry per tenant.
    pub tenants: Vec<TenantRates>,
}

/// One tenant's own rates.
#[derive(Debug, Clone, Default)]
pub struct TenantRates {
    /// The tenant's name: limiters are carried over a reload by it.
    pub id: Arc<str>,
    /// For all endpoints together; `None`: no such limit.
    pub total: Option<Rate>,
    /// By path; an endpoint that is absent has the contract's own rate.
    pub endpoints: HashMap<Box<str>, Rate>,
    /// The limits ([`Limit::Rate`], [`Limit::Total`]) that are counted and shown, and not enforced.
    pub shadow: BTreeSet<Limit>,
}

/// A call that passes.
#[derive(Debug, Default)]
pub struct Charged {
    /// The tightest limit that is enforced; `None`: no such limit binds the call.
    pub state: Option<LimitState>,
    /// The limits that are not enforced, and would have refused it.
    pub shadow: Vec<Exceeded>,
}
