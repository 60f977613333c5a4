//! How do spans get to a collector?
//!
//! By OTLP over HTTP, as protobuf. A [`Tracer`](crate::trace::Tracer) leaves what is recorded of requests
//! in a bounded queue; [`Exporter`] takes them out in batches and posts them, again and again while the
//! receiver says that it may be tried again, and gives up in the end. Every span is counted as exported,
//! dropped (there was no room) or failed (the receiver has not taken it): none is lost silently.
//!
//! ```
//! use heify_gateway::otlp::Exporter;
//! use heify_gateway::trace::{Export, Ratio, Tracer};
//!
//! let export = Export {
//!     endpoint: "http://127.0.0.1:4318".parse().unwrap(),
//!     headers: Vec::new(),
//!     service: "heify-gateway".into(),
//!     ratio: Ratio::ALL,
//! };
//! let upstream = "https://api.heify.com".parse().unwrap();
//! let (tracer, left) = Tracer::new(export.ratio);
//! let exporter = Exporter::new(&export, &upstream, &tracer, left).unwrap();
//! // `tokio::spawn(exporter.run())`, and give the tracer to `Rooms::traced`.
//! # drop(exporter);
//! ```

mod answer;
mod exporter;
mod form;
mod span;
mod wire;

pub use exporter::Exporter;

#[cfg(test)]
mod tests;
