//! Where do spans go, and which?

use http::header::{HeaderName, HeaderValue};
use http::uri::Uri;

use super::tracer::Ratio;

/// How spans are exported.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// The base address of a receiver of OTLP over HTTP; `/v1/traces` comes behind it.
    pub endpoint: Uri,
    /// What is sent with every export; sensitive, for it may be a key.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `service.name`.
    pub service: String,
    /// The part of requests without a `traceparent` that is recorded.
    pub ratio: Ratio,
}
