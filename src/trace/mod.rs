//! Which trace does a request belong to?
//!
//! `traceparent` as W3C Trace Context has it: taken over when there is exactly one and it is valid,
//! dropped together with `tracestate` when not. Where spans are exported, a [`Tracer`] decides which
//! requests have some, and leaves them for the exporter; leaving never waits.
//!
//! ```
//! use heify_gateway::trace::TraceParent;
//!
//! let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
//! let parent = TraceParent::parse(given.as_bytes()).unwrap();
//! assert!(parent.is_sampled());
//! assert_eq!(parent.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
//! ```

mod counts;
mod export;
mod finished;
mod parent;
mod queue;
mod tracer;

pub use counts::Counts;
pub use export::Export;
pub use finished::Finished;
pub use parent::{SpanId, TRACEPARENT, TRACESTATE, TraceId, TraceParent};
pub use queue::Left;
pub use tracer::{Ratio, Spans, Trace, Tracer};
