//! How are keys, and what became of them, told to programs and people?

use serde_json::{Value, json};

use super::change::{Issued, Rotated};
use super::list::Key;
use crate::records::IssuedKey;

/// A key, as it is listed.
pub fn shown(key: &Key) -> Value {
    json!({
        "id": &*key.id,
        "tenant": &*key.tenant,
        "state": key.state.to_string(),
        "valid": key.state.is_valid(),
        "source": key.source,
        "issued": key.source == "records",
        "expires": key.expires.map(|expires| expires.to_string()),
        "note": key.note.as_deref(),
    })
}

/// What became of a new key; the secret is told where it is new, this once.
pub fn issued(outcome: &Issued, secret: &str) -> Value {
    match outcome {
        Issued::New(key) => with_secret(key, secret),
        Issued::Known(key) => {
            let mut told = made(key);
            told["unchanged"] = json!("it exists already, and a key is shown once only");
            told
        }
    }
}

/// What became of a rotation of a key.
pub fn rotated(outcome: &Rotated, old: &str, secret: &str) -> Value {
    match outcome {
        Rotated::New(key, ends) => {
            let mut told = with_secret(key, secret);
            told["replaces"] = json!({ "id": old, "ends": ends.to_string() });
            told
        }
        Rotated::Already(successor) => {
            let text = "it was rotated already, and a key is shown once only";
            json!({ "id": &**successor, "replaces": { "id": old }, "unchanged": text })
        }
    }
}

/// What became of a key that was switched off.
pub fn revoked(key: &IssuedKey, was_on: bool) -> Value {
    json!({ "id": &*key.key, "tenant": &*key.tenant, "revoked": true, "was_on": was_on })
}

fn with_secret(key: &IssuedKey, secret: &str) -> Value {
    let mut told = made(key);
    told["key"] = json!(secret);
    told
}

fn made(key: &IssuedKey) -> Value {
    json!({
        "id": &*key.key,
        "tenant": &*key.tenant,
        "expires": key.expires.map(|expires| expires.to_string()),
        "note": &*key.note,
    })
}
