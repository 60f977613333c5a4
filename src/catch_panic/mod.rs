//! What happens when a defect panics?
//!
//! The request is answered with 500 `panicked` (or `outcome_unknown` when a call that must not be
//! repeated is already on its way), the panic is logged, and the connection and everyone else's
//! requests live on. tower-http's layer of the same purpose boxes the body of every answer; this one
//! leaves the types alone.

mod layer;

pub use layer::{CatchPanic, CatchPanicFuture, CatchPanicLayer};
