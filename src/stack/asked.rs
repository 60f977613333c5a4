//! Which request is to be explained?

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// The members that are known.
const KNOWN: [&str; 4] = ["path", "method", "body", "body_text"];

/// A request that somebody thinks of sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The path, without a query.
    pub(super) path: Box<str>,
    /// The query, which is forwarded, too.
    pub(super) query: Option<Box<str>>,
    /// `None`: the one that the contract has for the path.
    pub(super) method: Option<Method>,
    /// The body's bytes; none: no body.
    pub(super) body: Bytes,
}

impl Asked {
    /// Reads `{"path": ..., "method": ..., "body": ...}`. In place of `body`, which is JSON,
    /// `body_text` is a text that need not be: so that mistakes of syntax are explained, too.
    pub(super) fn read(value: &Value) -> Result<Self, Refusal> {
        let object = match value {
            Value::Null => return Err(Refusal::EmptyBody),
            Value::Object(object) => object,
            _ => return Err(invalid("The request body must be a JSON object.".to_owned())),
        };
        // A misspelled member would be explained as if it were not there.
        if let Some(unknown) = object.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            let shown: String = unknown.chars().take(64).collect();
            return Err(invalid(format!(
                "{shown:?} is not known here: path, method, body and body_text are."
            )));
        }
        let path = text(object, "path")?.ok_or(Refusal::MissingField { field: "path".into() })?;
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query.into())),
            None => (path, None),
        };
        let method = match text(object, "method")? {
            None => None,
            Some(method) => Some(
                Method::try_from(method)
                    .map_err(|_| invalid("method must be a method of HTTP.".to_owned()))?,
            ),
        };
        Ok(Self { path: path.into(), query, method, body: body(object)? })
    }
}

fn body(object: &Map<String, Value>) -> Result<Bytes, Refusal> {
    match (object.get("body"), text(object, "body_text")?) {
        (Some(_), Some(_)) => Err(invalid("Give either body or body_text.".to_owned())),
        (Some(body), None) => Ok(body.to_string().into()),
        (None, Some(text)) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        (None, None) => Ok(Bytes::new()),
    }
}

fn text<'o>(object: &'o Map<String, Value>, name: &str) -> Result<Option<&'o str>, Refusal> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(format!("{name} must be a string."))),
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::InvalidField { message: message.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_json_or_a_text_that_need_not_be() {
        let body = |value: Value| Asked::read(&value).map(|asked| asked.body);
        assert_eq!(body(json!({"path": "/x", "body": {"a": 1}})).unwrap(), r#"{"a":1}"#);
        assert_eq!(body(json!({"path": "/x", "body": "a"})).unwrap(), "\"a\"");
        assert_eq!(body(json!({"path": "/x", "body_text": "{"})).unwrap(), "{");
        assert_eq!(body(json!({"path": "/x"})).unwrap(), "");
        assert!(body(json!({"path": "/x", "body": 1, "body_text": "1"})).is_err());
    }

    #[test]
    fn what_cannot_be_explained_is_refused_with_a_reason() {
        for (value, message) in [
            (json!([]), "must be a JSON object"),
            (json!({}), "Missing required field: path"),
            (json!({"path": 1}), "path must be a string."),
            (json!({"path": "/x", "bodi": 1}), "\"bodi\" is not known here"),
            (json!({"path": "/x", "method": "a b"}), "method must be"),
            (json!({"path": "/x", "body_text": {}}), "body_text must be a string."),
        ] {
            let refusal = Asked::read(&value).unwrap_err();
            assert!(refusal.message().contains(message), "{value}: {refusal:?}");
        }
        let asked = Asked::read(&json!({"path": "/x?y=1", "method": "GET"})).unwrap();
        assert_eq!((&*asked.path, asked.query.as_deref()), ("/x", Some("y=1")));
        assert_eq!(asked.method, Some(Method::GET));
    }
}
