//! How long may a request take in all, until the head of its answer?
//!
//! Every wait inside has a deadline of its own (the body's, the connection's, the upstream's); this
//! one stands above them all, so that a defect in any of them costs one request and not a leak. It
//! refuses with 500 `deadline_exceeded`, or with `outcome_unknown` when a call that must not be
//! repeated is already on its way.

mod layer;

pub use layer::{Deadline, DeadlineFuture, DeadlineLayer};
