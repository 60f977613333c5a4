//! Who is calling?

use std::sync::Arc;

/// The team that a valid key belongs to: the fact that authentication gives to inner layers, as a
/// request extension `Arc<Tenant>`.
#[derive(Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The tenant's place in the tables of this snapshot: dense, from 0.
    pub index: usize,
    /// The name that operators gave it.
    pub id: Arc<str>,
}
