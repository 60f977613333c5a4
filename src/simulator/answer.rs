//! What does Heify answer: which status, and which text?

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

/// A success: the status and what stands under `data`.
#[derive(Debug)]
pub(crate) struct Success {
    pub(crate) status: StatusCode,
    pub(crate) data: Value,
}

/// What an operation ends with.
pub(crate) type Outcome = Result<Success, Rejection>;

/// An error answer. The texts that Heify publishes are used to the letter; the others are the
/// simulator's own and prove nothing about Heify's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rejection {
    MissingField(Cow<'static, str>),
    InvalidField(Cow<'static, str>),
    InvalidJson,
    BodyTooLarge,
    /// A rule that a whole object breaks.
    Invalid(&'static str),
    ConfigurationsFull,
    EvaluatorsFull,
    ParticipantsFull,
    UnsupportedAudio,
    InvalidGroup,
    NoMinutes,
    MissingKey,
    UnknownKey,
    DeactivatedKey,
    UnknownPath,
    /// The object's kind, in words.
    NotFound(&'static str),
    RateExceeded,
    QuotaExceeded,
}

impl Success {
    pub(crate) fn ok(data: Value) -> Self {
        Self { status: StatusCode::OK, data }
    }

    pub(crate) fn created(data: Value) -> Self {
        Self { status: StatusCode::CREATED, data }
    }

    pub(crate) fn body(self) -> Value {
        json!({ "data": self.data })
    }
}

impl Rejection {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::MissingField(_)
            | Self::InvalidField(_)
            | Self::InvalidJson
            | Self::BodyTooLarge
            | Self::Invalid(_)
            | Self::ConfigurationsFull
            | Self::EvaluatorsFull
            | Self::ParticipantsFull
            | Self::UnsupportedAudio
            | Self::InvalidGroup => StatusCode::BAD_REQUEST,
            Self::NoMinutes => StatusCode::PAYMENT_REQUIRED,
            Self::MissingKey | Self::UnknownKey | Self::DeactivatedKey => StatusCode::FORBIDDEN,
            Self::UnknownPath | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::RateExceeded | Self::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    pub(crate) fn text(&self) -> Cow<'static, str> {
        let text = match self {
            Self::MissingField(name) => return format!("Missing required field: {name}").into(),
            Self::InvalidField(name) => return format!("Invalid value for field: {name}").into(),
            Self::NotFound(kind) => return format!("{kind} not found").into(),
            Self::InvalidJson => "Invalid JSON format",
            Self::BodyTooLarge => "Request body too large",
            Self::Invalid(text) => text,
            Self::ConfigurationsFull => "Maximum of 20 configurations per client exceeded",
            Self::EvaluatorsFull => "Maximum of 20 evaluators per client exceeded",
            Self::ParticipantsFull => "Maximum of 200 participants per client exceeded",
            Self::UnsupportedAudio => "Unsupported audio format",
            Self::InvalidGroup => "Invalid group value",
            Self::NoMinutes => "Insufficient transcription minutes",
            Self::MissingKey => "Missing API key",
            Self::UnknownKey => "Invalid API key",
            Self::DeactivatedKey => "API key is not active",
            Self::UnknownPath => "Endpoint not found",
            Self::RateExceeded => "Rate limit exceeded",
            Self::QuotaExceeded => "Monthly quota exceeded",
        };
        text.into()
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "error": { "message": self.text(), "code": self.status().as_u16() } })
    }
}
