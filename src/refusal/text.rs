//! What does a refusal say to its reader?
//!
//! Messages are one sentence that says what was wrong and with which field or limit; Heify's
//! published texts are used to the letter. No text of a dependency and no value of a request
//! ever gets in here.

use std::borrow::Cow;

use super::Refusal;

impl Refusal {
    /// The sentence in `error.message`. Heify's published texts are used to the letter.
    pub fn message(&self) -> Cow<'static, str> {
        let text = match self {
            Self::MalformedHttp => "The request is not well-formed HTTP.",
            Self::HeadTooLarge => "The request line and headers are too large.",
            Self::HeadTooSlow => "The request line and headers did not arrive in time.",
            Self::BadHost => "The request must carry exactly one valid Host header.",
            Self::UnknownEndpoint { .. } => "The requested endpoint does not exist.",
            Self::WrongMethod { expected } => {
                return format!("This endpoint must be called with the method {expected}.").into();
            }
            Self::MissingKey => "The x-api-key header is missing.",
            Self::WrongKeyHeader { found } => {
                return format!(
                    "The API key must be sent in the x-api-key header, not in {found}."
                )
                .into();
            }
            Self::RepeatedKey => "The x-api-key header must be sent exactly once.",
            Self::UnknownKey => "The API key in x-api-key is not valid.",
            Self::MistypedKey => {
                "The API key in x-api-key is not valid: its checksum does not match."
            }
            Self::ExpiredKey => "The API key in x-api-key has expired.",
            Self::DisabledKey => "The API key in x-api-key is deactivated.",
            Self::DisabledTenant => "The tenant of this API key is deactivated.",
            Self::EndpointNotAllowed => "This API key may not call this endpoint.",
            Self::TooManyFailedKeys { .. } => {
                "Too many requests with an invalid API key or upload address came from this address."
            }
            Self::RateLimited { scope, per_minute, burst, .. } => {
                return format!(
                    "Rate limit exceeded for {scope}: {per_minute} requests per minute, \
                     at most {burst} at once."
                )
                .into();
            }
            Self::BodyTooLarge { limit } => {
                return format!("The request body is larger than {limit} bytes.").into();
            }
            Self::BodyTooSlow => "The request body did not arrive in time.",
            Self::BodyUnreadable => "The request body could not be read to its end.",
            Self::EncodedBody => {
                "The request body must be sent without a Content-Encoding (uncompressed)."
            }
            Self::EmptyBody | Self::InvalidJson { .. } => "Invalid JSON format",
            Self::NotUtf8 => "The request body must be UTF-8.",
            Self::DuplicateField { field } => {
                return format!("The field {field} appears more than once.").into();
            }
            Self::TooDeep { limit } => {
                return format!("The request body is nested more than {limit} levels deep.").into();
            }
            Self::MissingField { field } => {
                return format!("Missing required field: {field}").into();
            }
            Self::InvalidField { message } => return message.to_string().into(),
            Self::UnsupportedAudio { .. } => "Unsupported audio format",
            Self::MissingLength => "An upload must announce its size in Content-Length.",
            Self::UnknownUpload => "No upload is expected at this address.",
            Self::ExpiredUpload => "This upload address has expired.",
            Self::UsedUpload => "This upload address has been used.",
            Self::UploadInProgress => "A file is being uploaded to this address right now.",
            Self::StorageRefused { status } => {
                return format!("Heify's storage did not take the file ({status}).").into();
            }
            Self::StorageFailed => "Heify's storage did not answer.",
            Self::UnknownId { field } => {
                return format!("No object was found for the id in {field}.").into();
            }
            Self::SharedObject { field } => {
                return format!(
                    "The object named by {field} is shared: it can be used and read only."
                )
                .into();
            }
            Self::RecordsUnavailable => {
                "The gateway's records do not answer, so it did not forward the call."
            }
            Self::UnreadableList => {
                "The list cannot be shown: the gateway does not recognize its shape."
            }
            Self::TenantBytesExhausted => {
                "Too many large requests of this API key's tenant are in progress at once."
            }
            Self::Overloaded => "The gateway is overloaded and did not serve the request.",
            Self::DeadlineExceeded => "The request was not finished in time.",
            Self::UpstreamUnreachable => "The Heify API could not be reached.",
            Self::UpstreamConnectTimeout => "The Heify API did not accept a connection in time.",
            Self::UpstreamTimeout => "The Heify API did not answer in time.",
            Self::UpstreamBroken => "The Heify API's answer could not be read.",
            Self::UpstreamError { status } => {
                return format!("The Heify API answered with an unexpected error ({status}).")
                    .into();
            }
            Self::OutcomeUnknown => {
                "The Heify API's answer was lost: the call may or may not have been done."
            }
            Self::UpstreamPaused { .. } => {
                "The Heify API is failing; the gateway pauses before it tries again."
            }
            Self::UpstreamKeyRejected => {
                "The Heify API rejected the gateway's own key; your API key is not at fault."
            }
            Self::AccountMinutesExhausted => {
                "The shared Heify account has run out of transcription minutes."
            }
            Self::AccountRateLimited { .. } => {
                "The shared Heify account has reached a rate limit or a monthly quota."
            }
            Self::QuotaExhausted { path, limit, .. } => {
                return format!("Monthly quota exceeded for {path}: {limit} requests per month.")
                    .into();
            }
            Self::AccountQuotaExhausted { .. } => {
                "The shared Heify account has used up its monthly quota for this endpoint."
            }
            Self::MinutesExhausted => "No transcription minutes are left for this request.",
            Self::CapReached { message } => return message.to_string().into(),
            Self::AccountCapReached => {
                "The shared Heify account holds as many objects of this kind as it may."
            }
            Self::Panicked => "An unexpected error occurred in the gateway.",
            Self::Misassembled => "The gateway is not assembled correctly.",
        };
        Cow::Borrowed(text)
    }

    /// What to do about it, where a hint helps. Always a valid header value.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            Self::UnknownEndpoint { meant: Some(meant) } => {
                return Some(format!("did you mean {meant}?").into());
            }
            Self::WrongMethod { expected } => return Some(format!("use {expected}").into()),
            Self::UnknownEndpoint { meant: None } => "check the path against the API reference",
            Self::BadHost => "send one Host header with the gateway's name",
            Self::MissingKey => "send your key in the x-api-key header of every request",
            Self::WrongKeyHeader { found } => {
                return Some(format!("use x-api-key, not {found}").into());
            }
            Self::RepeatedKey => "send x-api-key once",
            Self::UnknownKey => "check the key's value; ask the gateway's operators for a new one",
            Self::MistypedKey => "the key looks truncated or mistyped; copy it again",
            Self::ExpiredKey | Self::DisabledKey => "ask the gateway's operators for a new key",
            Self::EndpointNotAllowed => "ask the gateway's operators to allow the endpoint",
            Self::TooManyFailedKeys { .. } => "fix the key before you send the request again",
            Self::RateLimited { .. } | Self::AccountRateLimited { .. } => {
                "wait for Retry-After, then retry with exponential backoff"
            }
            Self::UnsupportedAudio { fault } => return Some(fault.hint()),
            Self::MissingLength => "send the file whole, not in chunks",
            Self::UnknownUpload | Self::ExpiredUpload | Self::UsedUpload => {
                "request a new upload URL"
            }
            Self::StorageRefused { status: 401 | 403 } => {
                "send Content-Type and the x-amz-meta fields exactly as they were signed"
            }
            Self::UploadInProgress => "wait until it has ended",
            Self::UnknownId { .. } => "check the id; lists show those that this key may use",
            Self::SharedObject { .. } => "only the gateway's operators can change shared objects",
            Self::UnreadableList => {
                "the gateway's operators can mend this in the contract document"
            }
            Self::TenantBytesExhausted => "send fewer or smaller requests at once",
            Self::EncodedBody => "send the JSON as it is, without gzip or deflate",
            Self::EmptyBody => "send a JSON object, {} where no field is needed",
            Self::InvalidJson { line, column } => {
                return Some(format!("the first error is at line {line}, column {column}").into());
            }
            Self::UpstreamKeyRejected
            | Self::AccountMinutesExhausted
            | Self::AccountQuotaExhausted { .. }
            | Self::AccountCapReached
            | Self::DisabledTenant => "only the gateway's operators can mend this",
            Self::QuotaExhausted { .. } => {
                "GET /_gateway/usage shows what is left and when the month begins anew"
            }
            Self::MinutesExhausted => "GET /_gateway/usage shows what is left and reserved",
            Self::CapReached { .. } => "delete what is not used any more",
            Self::OutcomeUnknown => "look whether the call took effect before you send it again",
            Self::RecordsUnavailable
            | Self::Overloaded
            | Self::DeadlineExceeded
            | Self::UpstreamUnreachable
            | Self::UpstreamConnectTimeout
            | Self::UpstreamTimeout
            | Self::UpstreamBroken
            | Self::UpstreamPaused { .. }
            | Self::StorageFailed => "nothing is wrong with the request; retry it later",
            Self::BodyTooSlow | Self::BodyUnreadable | Self::HeadTooSlow => {
                "check the connection and send the request again"
            }
            Self::MalformedHttp
            | Self::HeadTooLarge
            | Self::BodyTooLarge { .. }
            | Self::NotUtf8
            | Self::DuplicateField { .. }
            | Self::TooDeep { .. }
            | Self::MissingField { .. }
            | Self::InvalidField { .. }
            | Self::UpstreamError { .. }
            | Self::StorageRefused { .. }
            | Self::Panicked
            | Self::Misassembled => return None,
        };
        Some(Cow::Borrowed(text))
    }
}
