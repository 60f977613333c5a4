//! When may a refused request be sent again?

use std::time::Duration;

use super::Refusal;

impl Refusal {
    /// How long to wait before the same request may pass: on every 429, and on every 500 that is
    /// safe to retry. `None` where a retry does not help, or may do the call twice.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyFailedKeys { retry_after }
            | Self::RateLimited { retry_after, .. }
            | Self::UpstreamPaused { retry_after }
            | Self::AccountRateLimited { retry_after }
            | Self::QuotaExhausted { retry_after, .. }
            | Self::AccountQuotaExhausted { retry_after } => Some(*retry_after),
            Self::TenantBytesExhausted | Self::Overloaded => Some(Duration::from_secs(1)),
            Self::RecordsUnavailable
            | Self::DeadlineExceeded
            | Self::UpstreamUnreachable
            | Self::UpstreamConnectTimeout
            | Self::UpstreamTimeout
            | Self::UpstreamBroken
            | Self::UploadInProgress
            | Self::StorageFailed => Some(Duration::from_secs(5)),
            Self::UpstreamError { status } | Self::StorageRefused { status } => {
                (*status == 429 || *status >= 500).then_some(Duration::from_secs(5))
            }
            Self::MalformedHttp
            | Self::HeadTooLarge
            | Self::HeadTooSlow
            | Self::BadHost
            | Self::UnknownEndpoint { .. }
            | Self::WrongMethod { .. }
            | Self::MissingKey
            | Self::WrongKeyHeader { .. }
            | Self::RepeatedKey
            | Self::UnknownKey
            | Self::MistypedKey
            | Self::ExpiredKey
            | Self::DisabledKey
            | Self::DisabledTenant
            | Self::EndpointNotAllowed
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
            | Self::UnknownUpload
            | Self::ExpiredUpload
            | Self::UsedUpload
            | Self::UnknownId { .. }
            | Self::SharedObject { .. }
            | Self::UnreadableList
            | Self::OutcomeUnknown
            | Self::UpstreamKeyRejected
            | Self::AccountMinutesExhausted
            | Self::MinutesExhausted
            | Self::CapReached { .. }
            | Self::AccountCapReached
            | Self::Panicked
            | Self::Misassembled => None,
        }
    }
}
