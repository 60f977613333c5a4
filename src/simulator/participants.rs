//! How does an account keep its participants?

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::account::Account;
use super::answer::{Outcome, Rejection, Success};
use super::clock::{Moment, iso};
use super::fields::{Fields, invalid};
use super::shelf::new_id;

const MOST: usize = 200;
const LONGEST_TAG: usize = 100;
const MOST_KEYS: usize = 10;
const LONGEST_KEY: usize = 50;
const LONGEST_VALUE: usize = 250;
/// Even a fresh object was updated later than it was created.
const WRITTEN_AFTER: Duration = Duration::from_micros(20_000);

/// A person's profile, as answers show it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Participant {
    pub(crate) participant_id: String,
    pub(crate) tag: String,
    metadata: BTreeMap<String, String>,
    created_at: String,
    updated_at: String,
}

pub(crate) fn create(account: &mut Account, fields: Fields<'_>, now: Moment) -> Outcome {
    let tag = tag(fields)?.ok_or(Rejection::MissingField("tag".into()))?;
    let metadata = metadata(fields)?.unwrap_or_default();
    if account.participants.len() >= MOST {
        return Err(Rejection::ParticipantsFull);
    }
    let made = Participant {
        participant_id: new_id(),
        tag,
        metadata,
        created_at: iso(now.wall),
        updated_at: iso(now.later(WRITTEN_AFTER).wall),
    };
    let answer =
        json!({ "message": "Participant created successfully", "participant": made.clone() });
    account.participants.add(&made.participant_id.clone(), made);
    Ok(Success::created(answer))
}

pub(crate) fn list(account: &Account) -> Outcome {
    let items: Vec<_> = account.participants.iter().collect();
    Ok(Success::ok(json!({ "count": items.len(), "items": items })))
}

/// The documented shape was never seen: nested as create and update show it.
pub(crate) fn show(account: &Account, fields: Fields<'_>) -> Outcome {
    let id = fields.id("participant_id")?;
    Ok(Success::ok(json!({ "participant": find(account, id)? })))
}

pub(crate) fn update(account: &mut Account, fields: Fields<'_>, now: Moment) -> Outcome {
    let id = fields.id("participant_id")?;
    let kept = account.participants.find_mut(id).ok_or(NOT_FOUND)?;
    let (tag, metadata) = (tag(fields)?, metadata(fields)?);
    kept.tag = tag.unwrap_or_else(|| kept.tag.clone());
    kept.metadata = metadata.unwrap_or_else(|| kept.metadata.clone());
    // An update that follows at once must still move the time beyond the creation's.
    kept.updated_at = iso(now.later(WRITTEN_AFTER * 2).wall);
    let message = "Participant updated successfully";
    Ok(Success::ok(json!({ "message": message, "participant": kept })))
}

/// Transcriptions keep the id of a participant that is gone.
pub(crate) fn delete(account: &mut Account, fields: Fields<'_>) -> Outcome {
    account.participants.remove(fields.id("participant_id")?).ok_or(NOT_FOUND)?;
    Ok(Success::ok(json!({ "message": "Participant deleted successfully" })))
}

pub(crate) fn find<'a>(account: &'a Account, id: &str) -> Result<&'a Participant, Rejection> {
    account.participants.find(id).ok_or(NOT_FOUND)
}

const NOT_FOUND: Rejection = Rejection::NotFound("Participant");

fn tag(fields: Fields<'_>) -> Result<Option<String>, Rejection> {
    let Some(tag) = fields.text("tag", usize::MAX)? else { return Ok(None) };
    let tag = tag.trim();
    if tag.is_empty() || tag.chars().count() > LONGEST_TAG {
        return Err(invalid("tag"));
    }
    Ok(Some(tag.to_owned()))
}

fn metadata(fields: Fields<'_>) -> Result<Option<BTreeMap<String, String>>, Rejection> {
    fields.object("metadata")?.map(as_texts).transpose()
}

/// Every value becomes a text, as Python writes it. Whether the limit counts before or after that
/// is not published: here it is after.
fn as_texts(metadata: &Map<String, Value>) -> Result<BTreeMap<String, String>, Rejection> {
    if metadata.len() > MOST_KEYS {
        return Err(invalid("metadata"));
    }
    let pair = |(key, value): (&String, &Value)| {
        let text = python_text(value).ok_or_else(|| invalid("metadata"))?;
        let fits = key.chars().count() <= LONGEST_KEY && text.chars().count() <= LONGEST_VALUE;
        if fits { Ok((key.clone(), text)) } else { Err(invalid("metadata")) }
    };
    metadata.iter().map(pair).collect()
}

/// `None` for lists and objects: what Heify makes of them is not published.
fn python_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("None".to_owned()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_python_writes_them() {
        let metadata = json!({ "a": 42, "b": true, "c": 1.5, "d": null, "e": "as is" });
        let texts = as_texts(metadata.as_object().unwrap()).unwrap();
        let texts: Vec<_> = texts.values().map(String::as_str).collect();
        assert_eq!(texts, ["42", "True", "1.5", "None", "as is"]);
    }
}
