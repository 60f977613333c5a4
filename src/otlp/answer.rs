//! What does a receiver say to an export?
//!
//! The messages of `opentelemetry/proto/collector/trace/v1/trace_service.proto`, with their numbers; what
//! is not read is left out, as protobuf allows.

use std::time::Duration;

use http::Response;
use http::header::{HeaderMap, RETRY_AFTER};
use http_body_util::{BodyExt, Limited};
use prost::Message;

use crate::upstream::Answer;

/// The largest answer that is read; it says two things at most.
const LARGEST: usize = 64 << 10;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportTraceServiceResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) partial_success: Option<ExportTracePartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportTracePartialSuccess {
    #[prost(int64, tag = "1")]
    pub(super) rejected_spans: i64,
}

/// How many spans the receiver has not taken of what it took.
pub(super) async fn rejected(answer: Response<Answer>) -> u64 {
    let Ok(body) = Limited::new(answer.into_body(), LARGEST).collect().await else { return 0 };
    // An answer that nobody can read is still a yes.
    let Ok(read) = ExportTraceServiceResponse::decode(body.to_bytes()) else { return 0 };
    let rejected = read.partial_success.map_or(0, |partial| partial.rejected_spans);
    u64::try_from(rejected).unwrap_or(0)
}

/// `Retry-After` in seconds; a date is not worth its clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
