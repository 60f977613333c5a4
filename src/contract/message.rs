//! With which sentence is a broken rule of the contract answered?
//!
//! The sentences are ours: those of the JSON Schema library change between versions and repeat the
//! values of the request.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::field_path::FieldPath;
use super::format::FORMATS;

/// For a fault that cannot be named.
pub(super) const UNKNOWN: &str = "The request body breaks a rule of the API.";

/// The place of a rule among several broken ones of one field: the plainest first. Nobody wants to
/// hear about the length of what should not be a text at all.
pub(super) fn plainness(kind: &Kind) -> usize {
    match kind {
        Kind::Type { .. } => 0,
        Kind::Enum { .. } | Kind::Constant { .. } => 1,
        Kind::MinItems { .. } | Kind::MaxItems { .. } | Kind::MaxProperties { .. } => 2,
        Kind::MinLength { .. } | Kind::MaxLength { .. } => 2,
        Kind::Custom { .. } => 4,
        _ => 3,
    }
}

/// Writes the sentence for a fault at `path`, where the request has `value`.
pub(super) fn sentence(
    error: &ValidationError<'_>,
    path: &FieldPath,
    value: Option<&Value>,
) -> String {
    let subject = if path.is_root() { "The request body" } else { path.as_str() };
    match error.kind() {
        // A rule writes its own sentence, and may name a field below the value that it judges.
        Kind::Custom { message, .. } => format!("{subject}{message}"),
        Kind::Format { format } => format!("{subject}{}", format_rest(format)),
        Kind::PropertyNames { error } => {
            let name = error.instance().as_ref();
            let owner = if path.is_root() { "the request body" } else { path.as_str() };
            format!("a key of {owner} {}.", demand(error.kind(), Some(name)))
        }
        Kind::Type { .. } if path.is_root() => {
            let demand = demand(error.kind(), value);
            format!("{subject} {}.", demand.replace("an object", "a JSON object"))
        }
        kind => format!("{subject} {}.", demand(kind, value)),
    }
}

fn format_rest(format: &str) -> String {
    match FORMATS.iter().find(|known| known.name == format) {
        Some(known) => known.message.to_owned(),
        None => format!(" must be a valid {format}."),
    }
}

/// What a rule asks for, without its subject and its full stop.
fn demand(kind: &Kind, value: Option<&Value>) -> String {
    let count = count(value);
    match kind {
        Kind::Type { kind } => format!("must be {}", types(kind)),
        Kind::Enum { options } => format!("must be one of {}", choices(options)),
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::MaxLength { limit } => {
            format!("must be at most {limit} characters long (it has {count})")
        }
        Kind::MinLength { limit: 1 } => "must not be empty".into(),
        Kind::MinLength { limit } => {
            format!("must be at least {limit} characters long (it has {count})")
        }
        Kind::MaxItems { limit } => format!("must have at most {limit} items (it has {count})"),
        Kind::MinItems { limit: 1 } => "must have at least 1 item".into(),
        Kind::MinItems { limit } => format!("must have at least {limit} items (it has {count})"),
        Kind::MaxProperties { limit } => {
            format!("must have at most {limit} keys (it has {count})")
        }
        Kind::MinProperties { limit } => {
            format!("must have at least {limit} keys (it has {count})")
        }
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be greater than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::Pattern { .. } => "does not have the required form".into(),
        Kind::UniqueItems => "must not have the same item twice".into(),
        Kind::FalseSchema => "is not allowed".into(),
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "has a field that is not known".into()
        }
        Kind::AnyOf { context } => alternatives(context),
        _ => "breaks a rule of the API".into(),
    }
}

/// Where every alternative asks for a field only, the fields are named.
fn alternatives(context: &[Vec<ValidationError<'static>>]) -> String {
    let fields: Option<Vec<_>> = context
        .iter()
        .map(|branch| match branch.as_slice() {
            [only] => match only.kind() {
                Kind::Required { property } => property.as_str(),
                _ => None,
            },
            _ => None,
        })
        .collect();
    match fields {
        Some(fields) => format!("must have at least one of {}", fields.join(", ")),
        None => "has none of the allowed forms".into(),
    }
}

/// The size in the unit that the rules count in: characters, items, or keys.
fn count(value: Option<&Value>) -> usize {
    match value {
        Some(Value::String(text)) => text.chars().count(),
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(members)) => members.len(),
        _ => 0,
    }
}

fn types(kind: &TypeKind) -> String {
    let mut types: Vec<_> = match kind {
        TypeKind::Single(single) => vec![*single],
        TypeKind::Multiple(set) => set.iter().collect(),
    };
    types.sort_by_key(|kind| *kind == JsonType::Null);
    let names: Vec<_> = types
        .into_iter()
        .map(|kind| match kind {
            JsonType::Null => "null",
            JsonType::Boolean => "true or false",
            JsonType::Integer => "a whole number",
            JsonType::Number => "a number",
            JsonType::String => "a string",
            JsonType::Array => "an array",
            JsonType::Object => "an object",
        })
        .collect();
    names.join(" or ")
}

/// The allowed values as in the document; null is left out, it is never the advice.
fn choices(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<_> = options
        .iter()
        .filter_map(|option| match option {
            Value::Null => None,
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            other => Some(other.to_string()),
        })
        .collect();
    shown.join(", ")
}
