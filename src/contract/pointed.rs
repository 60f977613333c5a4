//! What does a successful answer say at the places that the contract names?

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::endpoint::{Answer, Endpoint, Kind};
use crate::document::{Document, ROOT};

/// What an answer says about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// It has a result; with the length of its audio in milliseconds, where that is told.
    Completed(Option<i64>),
    /// It has ended without a result.
    Failed,
    /// It goes on, or says something that the contract does not know.
    Unfinished,
}

impl Answer {
    /// The id of the object that the call created.
    pub fn created(&self, answer: &Value) -> Option<Uuid> {
        Uuid::try_parse(answer.pointer(self.id.as_deref()?)?.as_str()?).ok()
    }

    /// The state of a job.
    pub fn job(&self, answer: &Document<'_>) -> Job {
        let at = |pointer: Option<&str>| answer.pointed(ROOT, pointer?);
        let status = at(self.status.as_deref()).and_then(|place| answer.string(place));
        match status.as_deref() {
            None => Job::Unfinished,
            Some(status) if Some(status) == self.failed.as_deref() => Job::Failed,
            Some(status) if Some(status) == self.completed.as_deref() => {
                let length = at(self.duration.as_deref()).map(|place| answer.value(place));
                Job::Completed(length.as_ref().and_then(millis))
            }
            Some(_) => Job::Unfinished,
        }
    }

    /// Whether the answer tells how long a finished job's audio was.
    pub fn tells_length(&self) -> bool {
        self.status.is_some() && self.duration.is_some()
    }
}

/// How to ask about one job.
#[derive(Debug, Clone)]
pub struct JobReader {
    /// The endpoint to ask.
    pub endpoint: Arc<Endpoint>,
    /// The field of the request that takes the job's id.
    field: Box<str>,
}

impl JobReader {
    /// Whether an endpoint reads jobs of a kind, and how it is asked.
    pub(super) fn new(endpoint: &Arc<Endpoint>, kind: &str) -> Option<Self> {
        let reads = endpoint.effect.kind == Kind::Reads && endpoint.answer.tells_length();
        let field = endpoint.ids.iter().find(|field| &*field.kind == kind)?;
        let name = field.pointer.strip_prefix('/').filter(|name| !name.contains('/'));
        let is_of_kind = endpoint.effect.object.as_deref() == Some(kind);
        (reads && is_of_kind)
            .then_some(Self { endpoint: Arc::clone(endpoint), field: name?.into() })
    }

    /// The body that asks about a job.
    pub fn body(&self, id: &Uuid) -> String {
        json!({ &*self.field: id.to_string() }).to_string()
    }
}

/// A year. What is above is no length of audio, and sums of such lengths would leave 64 bits.
const LONGEST: i64 = 366 * 86_400_000;

/// Seconds with a fraction, as whole milliseconds, rounded up. Digits are shifted instead of
/// multiplied: what is charged for must not depend on how a fraction is represented.
fn millis(seconds: &Value) -> Option<i64> {
    let text = match seconds {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let mut thousandths = 0;
    for place in 0..3 {
        let digit = fraction.as_bytes().get(place).map_or(0, |byte| i64::from(byte - b'0'));
        thousandths = thousandths * 10 + digit;
    }
    let rest = fraction.bytes().skip(3).any(|byte| byte != b'0');
    let millis = whole.checked_mul(1000)?.checked_add(thousandths + i64::from(rest))?;
    (millis <= LONGEST).then_some(millis)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::Table;

    #[test]
    fn seconds_become_whole_milliseconds_rounded_up() {
        let cases = [
            (json!(84.5), Some(84_500)),
            (json!(0.1), Some(100)),
            (json!(7200), Some(7_200_000)),
            (json!(0), Some(0)),
            (json!(12.3456), Some(12_346)),
            (json!(12.345), Some(12_345)),
            (json!("61.001"), Some(61_001)),
            (json!(-1), None),
            (json!("1e3"), None),
            (json!(1e300), None),
            (json!(31_622_400), Some(31_622_400_000)),
            (json!(31_622_401), None),
            (json!(9_000_000_000_000_000_i64), None),
            (json!("12,5"), None),
            (json!(null), None),
        ];
        for (seconds, expected) in cases {
            assert_eq!(millis(&seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn only_the_named_words_end_a_job() {
        let answer = Answer {
            status: Some("/data/status".into()),
            duration: Some("/data/duration".into()),
            completed: Some("COMPLETED".into()),
            failed: Some("FAILED".into()),
            ..Answer::default()
        };
        let said = |text: String| answer.job(&Table::read(&text, 64).unwrap().of(&text));
        let job = |status: &str, duration: Value| {
            said(json!({"data": {"status": status, "duration": duration}}).to_string())
        };
        assert_eq!(job("COMPLETED", json!(1.5)), Job::Completed(Some(1_500)));
        assert_eq!(job("COMPLETED", json!(null)), Job::Completed(None));
        assert_eq!(job("FAILED", json!(null)), Job::Failed);
        assert_eq!(job("IN_PROGRESS", json!(9)), Job::Unfinished);
        assert_eq!(job("completed", json!(9)), Job::Unfinished);
        assert_eq!(said("[]".to_owned()), Job::Unfinished);
    }
}
