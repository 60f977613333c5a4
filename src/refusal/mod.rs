//! Which answers does the gateway make by itself, and how do they read?
//!
//! Every "no" of the gateway is one variant of [`Refusal`]. Status, reason code, message, hint and
//! `Retry-After` are decided here and nowhere else, by total functions: a new variant does not
//! compile until each of them has an answer for it.

mod answer;
mod audio;
mod retry;
mod text;

use std::time::Duration;

use http::StatusCode;

pub use answer::{HINT, REASON, is_envelope};
pub use audio::AudioFault;

/// An answer that the gateway makes in place of the upstream's.
///
/// The status is always one of the six that Heify documents (`400 402 403 404 429 500`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes on the wire are not a well-formed HTTP request (RFC 9112).
    MalformedHttp,
    /// The request head is larger than the gateway reads.
    HeadTooLarge,
    /// The request head did not arrive in time.
    HeadTooSlow,
    /// No, or more than one, `Host` field in an HTTP/1.1 request (RFC 9112, section 3.2).
    BadHost,
    /// No endpoint of the contract has this path.
    UnknownEndpoint {
        /// The path of the contract that was probably meant.
        meant: Option<Box<str>>,
    },
    /// The path exists, but not with this method.
    WrongMethod {
        /// The method that the contract names for the path.
        expected: http::Method,
    },
    /// No key in the request.
    MissingKey,
    /// No `x-api-key`, but a field that looks like a key in the wrong place.
    WrongKeyHeader {
        /// The field that carries it, in lower case.
        found: &'static str,
    },
    /// More than one `x-api-key` field.
    RepeatedKey,
    /// A key that nobody has.
    UnknownKey,
    /// A key in the gateway's own format whose checksum does not fit: a typing error.
    MistypedKey,
    /// A key that was valid until its expiry.
    ExpiredKey,
    /// A key that was switched off.
    DisabledKey,
    /// The tenant of the key was switched off.
    DisabledTenant,
    /// The key is good, but its tenant may not call this endpoint.
    EndpointNotAllowed,
    /// Too many wrong keys came from this address.
    TooManyFailedKeys {
        /// When the next attempt will be looked at.
        retry_after: Duration,
    },
    /// A rate is exceeded.
    RateLimited {
        /// What the rate counts: the endpoint's path, or `all endpoints`.
        scope: Box<str>,
        /// Calls per minute.
        per_minute: u32,
        /// Calls at once.
        burst: u32,
        /// When one call will pass again.
        retry_after: Duration,
    },
    /// The body is larger than the gateway reads.
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body did not arrive in time.
    BodyTooSlow,
    /// The body broke off, or its framing is wrong.
    BodyUnreadable,
    /// The body carries a `Content-Encoding`.
    EncodedBody,
    /// No byte of a body where JSON is required.
    EmptyBody,
    /// The body is not JSON (RFC 8259).
    InvalidJson {
        /// 1-based line of the first error.
        line: usize,
        /// 1-based column of the first error.
        column: usize,
    },
    /// The body is not UTF-8 (RFC 8259, section 8.1).
    NotUtf8,
    /// An object has the same key twice.
    DuplicateField {
        /// The path of the key.
        field: Box<str>,
    },
    /// Arrays and objects are nested too deeply.
    TooDeep {
        /// The deepest level that is read.
        limit: usize,
    },
    /// A required field is missing.
    MissingField {
        /// The path of the field.
        field: Box<str>,
    },
    /// A field breaks a rule of the contract.
    InvalidField {
        /// The sentence that names the field and the rule, or Heify's published text.
        message: Box<str>,
    },
    /// The upstream would not take the audio.
    UnsupportedAudio {
        /// The limit that it breaks.
        fault: AudioFault,
    },
    /// An upload that does not say how large it is.
    MissingLength,
    /// An upload address that was announced to nobody, or whose tenant is gone.
    UnknownUpload,
    /// An upload address whose time is over.
    ExpiredUpload,
    /// An upload address that has been used.
    UsedUpload,
    /// A file is being put to the same address right now.
    UploadInProgress,
    /// Storage did not take the file.
    StorageRefused {
        /// Its own status.
        status: u16,
    },
    /// Storage could not be reached, or broke off, or did not answer in time.
    StorageFailed,
    /// An id that names no object which the tenant may use; it may be another tenant's.
    UnknownId {
        /// The path of the field that carries it.
        field: Box<str>,
    },
    /// A shared object was to be changed, deleted or analyzed.
    SharedObject {
        /// The path of the field that carries its id.
        field: Box<str>,
    },
    /// The records do not answer: whose an object is cannot be told.
    RecordsUnavailable,
    /// A list cannot be filtered, since its shape is not known.
    UnreadableList,
    /// More body bytes of this tenant are in memory than it may hold.
    TenantBytesExhausted,
    /// More work is in the gateway than it may hold.
    Overloaded,
    /// The request was not finished within the gateway's own total deadline.
    DeadlineExceeded,
    /// The upstream could not be reached: nothing was sent.
    UpstreamUnreachable,
    /// The upstream did not accept a connection in time: nothing was sent.
    UpstreamConnectTimeout,
    /// The upstream did not answer a call in time that may be repeated.
    UpstreamTimeout,
    /// The upstream's answer broke off or was not HTTP, on a call that may be repeated.
    UpstreamBroken,
    /// The upstream answered an error outside Heify's envelope.
    UpstreamError {
        /// The upstream's own status.
        status: u16,
    },
    /// The call may or may not have been done; sending it again may do it twice.
    OutcomeUnknown,
    /// The upstream has failed so often that it is given a pause: nothing was sent.
    UpstreamPaused {
        /// When the next call will be tried.
        retry_after: Duration,
    },
    /// The upstream rejects the central key.
    UpstreamKeyRejected,
    /// The account behind the central key has no minutes left.
    AccountMinutesExhausted,
    /// The account behind the central key is over a rate or a monthly quota.
    AccountRateLimited {
        /// The upstream's own `Retry-After`, or an estimate.
        retry_after: Duration,
    },
    /// The tenant has used up its calls of this month.
    QuotaExhausted {
        /// The endpoint's path.
        path: Box<str>,
        /// Calls per month.
        limit: u32,
        /// When the next month begins, or less.
        retry_after: Duration,
    },
    /// The account behind the central key has used up its calls of this month.
    AccountQuotaExhausted {
        /// When the next month begins, or less.
        retry_after: Duration,
    },
    /// The tenant's minutes do not cover the call.
    MinutesExhausted,
    /// The tenant has as many objects as it may have.
    CapReached {
        /// Heify's published text with the tenant's number, or one of ours.
        message: Box<str>,
    },
    /// The account behind the central key has as many objects as it may have; the tenant has not.
    AccountCapReached,
    /// A defect of the gateway: a handler panicked.
    Panicked,
    /// A defect of the assembly: a layer misses a fact that an outer layer gives.
    Misassembled,
}

impl Refusal {
    /// The HTTP status, one of Heify's documented set.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MalformedHttp
            | Self::HeadTooLarge
            | Self::HeadTooSlow
            | Self::BadHost
            | Self::BodyTooLarge { .. }
            | Self::BodyTooSlow
            | Self::BodyUnreadable
            | Self::EncodedBody
            | Self::EmptyBody
            | Self::InvalidJson { .. }
            | Self::NotUtf8
            | Self::DuplicateField { .. }
            | Self::TooDeep { .. }
            | Self::MissingField { .. }
            | Self::InvalidField { .. }
            | Self::UnsupportedAudio { .. }
            | Self::MissingLength
            | Self::CapReached { .. } => StatusCode::BAD_REQUEST,
            Self::AccountMinutesExhausted | Self::MinutesExhausted => StatusCode::PAYMENT_REQUIRED,
            Self::MissingKey
            | Self::WrongKeyHeader { .. }
            | Self::RepeatedKey
            | Self::UnknownKey
            | Self::MistypedKey
            | Self::ExpiredKey
            | Self::DisabledKey
            | Self::DisabledTenant
            | Self::EndpointNotAllowed
            | Self::ExpiredUpload
            | Self::UsedUpload
            | Self::SharedObject { .. } => StatusCode::FORBIDDEN,
            Self::UnknownEndpoint { .. }
            | Self::WrongMethod { .. }
            | Self::UnknownUpload
            | Self::UnknownId { .. } => StatusCode::NOT_FOUND,
            Self::TooManyFailedKeys { .. }
            | Self::RateLimited { .. }
            | Self::TenantBytesExhausted
            | Self::UploadInProgress
            | Self::AccountRateLimited { .. }
            | Self::QuotaExhausted { .. }
            | Self::AccountQuotaExhausted { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::UpstreamError { status } => documented(*status),
            // The address is signed: it is not the central key that is refused here.
            Self::StorageRefused { status: 401 | 403 } => StatusCode::FORBIDDEN,
            Self::StorageRefused { status } => documented(*status),
            Self::RecordsUnavailable
            | Self::UnreadableList
            | Self::Overloaded
            | Self::DeadlineExceeded
            | Self::UpstreamUnreachable
            | Self::UpstreamConnectTimeout
            | Self::UpstreamTimeout
            | Self::UpstreamBroken
            | Self::OutcomeUnknown
            | Self::UpstreamPaused { .. }
            | Self::UpstreamKeyRejected
            | Self::AccountCapReached
            | Self::StorageFailed
            | Self::Panicked
            | Self::Misassembled => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable code for programs, as in `x-gateway-reason`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::MalformedHttp => "malformed_http",
            Self::HeadTooLarge => "head_too_large",
            Self::HeadTooSlow => "head_too_slow",
            Self::BadHost => "bad_host",
            Self::UnknownEndpoint { .. } => "unknown_endpoint",
            Self::WrongMethod { .. } => "wrong_method",
            Self::MissingKey => "missing_key",
            Self::WrongKeyHeader { .. } => "wrong_key_header",
            Self::RepeatedKey => "repeated_key",
            Self::UnknownKey => "unknown_key",
            Self::MistypedKey => "mistyped_key",
            Self::ExpiredKey => "expired_key",
            Self::DisabledKey => "disabled_key",
            Self::DisabledTenant => "disabled_tenant",
            Self::EndpointNotAllowed => "endpoint_not_allowed",
            Self::TooManyFailedKeys { .. } => "too_many_failed_keys",
            Self::RateLimited { .. } => "rate_limited",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTooSlow => "body_too_slow",
            Self::BodyUnreadable => "body_unreadable",
            Self::EncodedBody => "encoded_body",
            Self::EmptyBody => "empty_body",
            Self::InvalidJson { .. } => "invalid_json",
            Self::NotUtf8 => "not_utf8",
            Self::DuplicateField { .. } => "duplicate_field",
            Self::TooDeep { .. } => "too_deep",
            Self::MissingField { .. } => "missing_field",
            Self::InvalidField { .. } => "invalid_field",
            Self::UnsupportedAudio { .. } => "unsupported_audio",
            Self::MissingLength => "missing_length",
            Self::UnknownUpload => "unknown_upload",
            Self::ExpiredUpload => "expired_upload",
            Self::UsedUpload => "used_upload",
            Self::UploadInProgress => "upload_in_progress",
            Self::StorageRefused { .. } => "storage_refused",
            Self::StorageFailed => "storage_failed",
            Self::UnknownId { .. } => "unknown_id",
            Self::SharedObject { .. } => "shared_object",
            Self::RecordsUnavailable => "records_unavailable",
            Self::UnreadableList => "unreadable_list",
            Self::TenantBytesExhausted => "tenant_bytes_exhausted",
            Self::Overloaded => "overloaded",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamConnectTimeout => "upstream_connect_timeout",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamBroken => "upstream_broken",
            Self::UpstreamError { .. } => "upstream_error",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::UpstreamPaused { .. } => "upstream_paused",
            Self::UpstreamKeyRejected => "upstream_key_rejected",
            Self::AccountMinutesExhausted => "account_minutes_exhausted",
            Self::AccountRateLimited { .. } => "account_rate_limited",
            Self::QuotaExhausted { .. } => "quota_exhausted",
            Self::AccountQuotaExhausted { .. } => "account_quota_exhausted",
            Self::MinutesExhausted => "minutes_exhausted",
            Self::CapReached { .. } => "cap_reached",
            Self::AccountCapReached => "account_cap_reached",
            Self::Panicked => "panicked",
            Self::Misassembled => "misassembled",
        }
    }
}

/// Maps an upstream status outside Heify's documented set onto it.
fn documented(status: u16) -> StatusCode {
    match status {
        402 => StatusCode::PAYMENT_REQUIRED,
        404 | 405 | 410 => StatusCode::NOT_FOUND,
        429 => StatusCode::TOO_MANY_REQUESTS,
        400..=499 => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
