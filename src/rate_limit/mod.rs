//! How fast may a tenant call?

use std::collections::HashMap;
use std::sync::Arc;

use crate::rate::Rate;

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
}
