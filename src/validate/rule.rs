//! Which bodies are forwarded?

use serde_json::Value;

use super::json;
use crate::contract::{BodySchema, Violation};
use crate::refusal::Refusal;

/// Judges the body of a request: JSON that every reader reads alike, and of the shape that the
/// contract asks for. The value is what was read; the bytes themselves are what is forwarded.
///
/// Without a schema any JSON passes. An empty body is null where the contract does not ask for one.
///
/// # Errors
/// The refusal for the client: of JSON first, then of the contract.
pub fn judge(bytes: &[u8], schema: Option<&BodySchema>) -> Result<Value, Refusal> {
    if !schema.is_some_and(BodySchema::is_required) && json::is_blank(bytes) {
        return Ok(Value::Null);
    }
    let value = json::read(bytes)?;
    if let Some(schema) = schema {
        schema.check(&value).map_err(refuse)?;
    }
    Ok(value)
}

fn refuse(violation: Violation) -> Refusal {
    match violation {
        Violation::Missing { field } => Refusal::MissingField { field },
        Violation::Invalid { message } => Refusal::InvalidField { message },
    }
}
