//! What is counted of one endpoint, and of one tenant?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::incident::Incidents;
use super::shadow::Shadows;
use crate::histogram::Histogram;

/// The statuses of Heify's page that answers are counted by; the last place is for all others.
const STATUSES: [u16; 8] = [200, 201, 400, 402, 403, 404, 429, 500];

/// The reasons of refusals, in alphabetical order; the last place is for those that are not in it.
pub const REASONS: [&str; 60] = [
    "account_cap_reached",
    "account_minutes_exhausted",
    "account_quota_exhausted",
    "account_rate_limited",
    "bad_host",
    "body_too_large",
    "body_too_slow",
    "body_unreadable",
    "cap_reached",
    "deadline_exceeded",
    "disabled_key",
    "disabled_tenant",
    "duplicate_field",
    "empty_body",
    "encoded_body",
    "endpoint_not_allowed",
    "expired_key",
    "expired_upload",
    "head_too_large",
    "head_too_slow",
    "invalid_field",
    "invalid_json",
    "malformed_http",
    "minutes_exhausted",
    "misassembled",
    "missing_field",
    "missing_key",
    "missing_length",
    "mistyped_key",
    "not_utf8",
    "outcome_unknown",
    "overloaded",
    "panicked",
    "quota_exhausted",
    "rate_limited",
    "records_unavailable",
    "repeated_key",
    "shared_object",
    "storage_failed",
    "storage_refused",
    "tenant_bytes_exhausted",
    "too_deep",
    "too_many_failed_keys",
    "unknown_endpoint",
    "unknown_id",
    "unknown_key",
    "unknown_upload",
    "unreadable_list",
    "unsupported_audio",
    "upload_in_progress",
    "upstream_broken",
    "upstream_connect_timeout",
    "upstream_error",
    "upstream_key_rejected",
    "upstream_paused",
    "upstream_timeout",
    "upstream_unreachable",
    "used_upload",
    "wrong_key_header",
    "wrong_method",
];

/// Who made an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The gateway, with this reason.
    Gateway(&'static str),
    /// The upstream.
    Upstream,
}

/// So many answers of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    /// Who made them.
    pub source: Source,
    /// Their status; 0: one that is on no list.
    pub status: u16,
    /// How many.
    pub count: u64,
}

type Statuses = [AtomicU64; STATUSES.len() + 1];

/// What is counted of one endpoint.
#[derive(Debug)]
pub struct EndpointMeter {
    /// Its path; empty: none was found.
    pub path: Arc<str>,
    passed: Statuses,
    refused: [Statuses; REASONS.len() + 1],
    /// From the request's head to the answer's, without the time of the upstream. It includes waiting
    /// for the client's body and for the account's rate.
    pub own: Histogram,
    /// From sending the call to the head of the upstream's answer.
    pub upstream: Histogram,
    /// From the request's head to the last byte of the answer.
    pub total: Histogram,
}

impl EndpointMeter {
    pub(super) fn new(path: &str) -> Self {
        Self {
            path: path.into(),
            passed: Statuses::default(),
            refused: std::array::from_fn(|_| Statuses::default()),
            own: Histogram::default(),
            upstream: Histogram::default(),
            total: Histogram::default(),
        }
    }

    /// Counts an answer: of the gateway for a reason, else of the upstream.
    pub(super) fn count(&self, status: u16, reason: Option<&str>) {
        let statuses = match reason {
            None => &self.passed,
            Some(reason) => &self.refused[REASONS.binary_search(&reason).unwrap_or(REASONS.len())],
        };
        let place = STATUSES.binary_search(&status).unwrap_or(STATUSES.len());
        statuses[place].fetch_add(1, Relaxed);
    }

    /// All kinds of answers that there were.
    pub fn answers(&self) -> Vec<Answers> {
        let reasons = REASONS.iter().copied().chain(["other"]).map(Source::Gateway);
        let refused = reasons.zip(&self.refused);
        let mut found = Vec::new();
        for (source, statuses) in refused.chain([(Source::Upstream, &self.passed)]) {
            for (status, count) in STATUSES.iter().copied().chain([0]).zip(statuses) {
                let count = count.load(Relaxed);
                if count > 0 {
                    found.push(Answers { source, status, count });
                }
            }
        }
        found
    }
}

/// What is counted of one tenant.
#[derive(Debug)]
pub struct TenantMeter {
    /// Its id.
    pub id: Arc<str>,
    forwarded: AtomicU64,
    refused: AtomicU64,
    /// Its refusals of late.
    pub(super) incidents: Incidents,
    pub(super) shadows: Shadows,
}

impl TenantMeter {
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            forwarded: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            incidents: Incidents::default(),
            shadows: Shadows::default(),
        }
    }

    pub(super) fn count(&self, forwarded: bool, refused: bool) {
        if forwarded {
            self.forwarded.fetch_add(1, Relaxed);
        }
        if refused {
            self.refused.fetch_add(1, Relaxed);
        }
    }

    /// How often a limit was exceeded that is not enforced: the endpoint, the reason of the refusal
    /// that there would have been, and the number.
    pub fn shadowed(&self) -> Vec<(Arc<str>, &'static str, u64)> {
        self.shadows.read()
    }

    /// Calls that were sent to the upstream.
    pub fn forwarded(&self) -> u64 {
        self.forwarded.load(Relaxed)
    }

    /// Answers that the gateway made; those that stand for a failure of the upstream, too.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_a_refusal_has_a_place() {
        let source = include_str!("../refusal/mod.rs");
        let body = source.split("pub fn reason(&self)").nth(1).unwrap();
        let body = body.split("\n    }\n").next().unwrap();
        let mut reasons: Vec<_> = body.split('"').skip(1).step_by(2).collect();
        reasons.sort_unstable();
        assert_eq!(reasons, REASONS);
    }

    #[test]
    fn answers_are_told_apart_by_source_reason_and_status() {
        let meter = EndpointMeter::new("/work");
        for (status, reason) in [
            (200, None),
            (200, None),
            (302, None),
            (429, Some("rate_limited")),
            (404, Some("upstream_error")),
            (500, Some("upstream_error")),
        ] {
            meter.count(status, reason);
        }
        let found: Vec<_> =
            meter.answers().iter().map(|one| (one.source, one.status, one.count)).collect();
        let error = Source::Gateway("upstream_error");
        assert_eq!(
            found,
            [
                (Source::Gateway("rate_limited"), 429, 1),
                (error, 404, 1),
                (error, 500, 1),
                (Source::Upstream, 200, 2),
                (Source::Upstream, 0, 1),
            ]
        );
    }
}
