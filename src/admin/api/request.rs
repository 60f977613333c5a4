//! What was asked for?
//!
//! Queries and bodies, read strictly: a misspelled member that is ignored would be a change that
//! nobody meant.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path as AxumPath, Query as AxumQuery, Request};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::Number;

use super::problem::Problem;
use crate::config::parse_duration;
use crate::records::Moment;

/// In bytes; no change needs more.
const LONGEST_BODY: usize = 64 << 10;
/// In characters, as the description counts.
const LONGEST_NOTE: usize = 1000;
const LONGEST_ID: usize = 128;
/// As long as a client may take to send one.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The part of the path that is an id.
pub(super) struct Path(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // axum would say so in plain text, and the description promises a problem.
        let read = AxumPath::<String>::from_request_parts(parts, state).await;
        let AxumPath(id) =
            read.map_err(|error| Problem::invalid(format!("the path: {}", error.body_text())))?;
        Ok(Self(id))
    }
}

/// The query, as a `T` that refuses unknown names.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = AxumQuery::<T>::from_request_parts(parts, state).await;
        let AxumQuery(query) =
            read.map_err(|error| Problem::invalid(format!("the query: {}", error.body_text())))?;
        Ok(Self(query))
    }
}

/// The body, as a `T` that refuses unknown members.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        // No form of another site can send this type without asking first.
        let content_type =
            request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case("application/json")
        });
        if !is_json {
            let text = "the body must be JSON, with content-type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let body = Limited::new(request.into_body(), LONGEST_BODY).collect();
        let read = tokio::time::timeout(BODY_TIME, body).await;
        let read = read.map_err(|_| Problem::invalid("the body did not arrive in time"))?;
        let bytes = read.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let text = format!("the body is larger than {LONGEST_BODY} bytes");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text)
            } else {
                Problem::invalid("the body could not be read to its end")
            }
        })?;
        let read = serde_json::from_slice(&bytes.to_bytes());
        read.map(Self).map_err(|error| Problem::invalid(format!("the body: {error}")))
    }
}

/// An instant, or a time from now: `2030-01-31T00:00:00Z`, `12h`, `90d`.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    After(Duration),
    At(Moment),
}

impl When {
    pub(super) fn from(self, now: Moment) -> Moment {
        match self {
            Self::After(wait) => now.later(wait),
            Self::At(moment) => moment,
        }
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some(wait) = wait(&text) {
            return Ok(Self::After(wait));
        }
        let instant = text.parse::<jiff::Timestamp>();
        instant.map(|instant| Self::At(Moment(instant.as_millisecond()))).map_err(|_| {
            serde::de::Error::custom(
                "expected a time from now such as \"12h\" or \"90d\", or a date and time as in \
                 RFC 3339 such as \"2030-01-31T00:00:00Z\"",
            )
        })
    }
}

/// A duration such as `24h` or `7d`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait(pub(super) Duration);

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "expected a duration such as \"24h\" or \"7d\"";
        wait(&text).map(Self).ok_or_else(|| serde::de::Error::custom(expected))
    }
}

fn wait(text: &str) -> Option<Duration> {
    let days = text.strip_suffix('d').filter(|days| days.bytes().all(|byte| byte.is_ascii_digit()));
    match days {
        Some(days) => days.parse::<u64>().ok()?.checked_mul(86_400).map(Duration::from_secs),
        None => parse_duration(text).ok(),
    }
}

/// A whole number; also `5.0`, which JSON Schema takes for an integer, as programs without integers
/// write it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<N>(pub(super) N);

impl<'de, N: Deserialize<'de>> Deserialize<'de> for Whole<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(deserializer)?;
        let Some(whole) = whole(&number) else {
            return Err(serde::de::Error::custom(format!("expected a whole number, not {number}")));
        };
        N::deserialize(whole.into_deserializer()).map(Self)
    }
}

/// The number, where it is whole and a double has it exactly.
pub(super) fn whole(number: &Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    number.as_i64().or_else(|| {
        let double = number.as_f64()?;
        (double.fract() == 0.0 && double.abs() <= EXACT).then_some(double as i64)
    })
}

/// An operator's words: short, on one line.
#[derive(Debug, Clone, Default)]
pub(super) struct Note(pub(super) Arc<str>);

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.chars().count() > LONGEST_NOTE || text.contains(char::is_control) {
            let expected =
                format!("expected a text of at most {LONGEST_NOTE} characters on one line");
            return Err(serde::de::Error::custom(expected));
        }
        Ok(Self(text.into()))
    }
}

/// An id for something new: short, on one line, without spaces around it.
#[derive(Debug, Clone)]
pub(super) struct NewId(pub(super) Arc<str>);

impl<'de> Deserialize<'de> for NewId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_plain = text.trim() == text && !text.contains(char::is_control);
        if text.is_empty() || text.chars().count() > LONGEST_ID || !is_plain {
            let expected = format!("expected a text of 1 to {LONGEST_ID} characters on one line");
            return Err(serde::de::Error::custom(expected));
        }
        Ok(Self(text.into()))
    }
}
