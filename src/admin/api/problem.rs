//! How does the admin API say no?
//!
//! In the gateway's envelope, `{"error":{"message","code"}}`, but with the statuses of HTTP: whoever
//! calls it is no client of Heify.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use crate::admin::console::{Failure, Gone};
use crate::admin::operate::Declined;

/// An answer that says no: nothing was changed.
#[derive(Debug)]
pub(in crate::admin) struct Problem {
    status: StatusCode,
    message: String,
    wait: Option<Duration>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), wait: None }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(in crate::admin) fn no_tokens() -> Self {
        let text = "the admin API has no tokens, so it answers nobody: add [[admin.tokens]] to the \
                    configuration, and reload";
        Self::new(StatusCode::FORBIDDEN, text)
    }

    pub(in crate::admin) fn no_token() -> Self {
        let text =
            "send a token of [[admin.tokens]] as \"Authorization: Bearer <token>\", or sign in";
        Self::new(StatusCode::UNAUTHORIZED, text)
    }

    pub(in crate::admin) fn no_bearer() -> Self {
        let text = "the Authorization header must be \"Bearer <token>\"";
        Self::new(StatusCode::UNAUTHORIZED, text)
    }

    pub(in crate::admin) fn no_session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "the session has ended: sign in again")
    }

    pub(in crate::admin) fn wrong_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "this is no token of [[admin.tokens]]")
    }

    pub(in crate::admin) fn throttled(wait: Duration) -> Self {
        let text = "too many wrong tokens came from this address: wait a moment";
        Self { wait: Some(wait), ..Self::new(StatusCode::TOO_MANY_REQUESTS, text) }
    }

    pub(in crate::admin) fn viewer() -> Self {
        let text = "this token may only look: use one with role = \"operator\"";
        Self::new(StatusCode::FORBIDDEN, text)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let status = match &failure {
            Failure::Declined(declined) => match declined {
                Declined::Unknown { .. } => StatusCode::NOT_FOUND,
                Declined::SetInFile { .. } | Declined::Conflict(_) => StatusCode::CONFLICT,
                Declined::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Declined::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            },
            Failure::NoRecords => StatusCode::CONFLICT,
            Failure::Unavailable(_) | Failure::Gone(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, failure.to_string())
    }
}

impl From<Declined> for Problem {
    fn from(declined: Declined) -> Self {
        Failure::Declined(declined).into()
    }
}

impl From<Gone> for Problem {
    fn from(gone: Gone) -> Self {
        Failure::Gone(gone).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = json!({ "message": self.message, "code": self.status.as_u16() });
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.wait {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
