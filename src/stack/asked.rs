//! Which request is to be explained?

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;

use crate::document::{Document, Form, ROOT};
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
    pub(super) fn read(document: &Document<'_>) -> Result<Self, Refusal> {
        match document.form(ROOT) {
            Form::Null => return Err(Refusal::EmptyBody),
            Form::Object => {}
            Form::Boolean | Form::Number | Form::Text | Form::List => {
                return Err(invalid("The request body must be a JSON object.".to_owned()));
            }
        }
        // A misspelled member would be explained as if it were not there.
        let keys = document.members(ROOT).map(|(key, _)| document.string(key).unwrap_or_default());
        if let Some(unknown) = keys.filter(|key| !KNOWN.contains(&&**key)).min() {
            let shown: String = unknown.chars().take(64).collect();
            return Err(invalid(format!(
                "{shown:?} is not known here: path, method, body and body_text are."
            )));
        }
        let path = text(document, "path")?.ok_or(Refusal::MissingField { field: "path".into() })?;
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query.into())),
            None => (&*path, None),
        };
        let method = match text(document, "method")? {
            None => None,
            Some(method) => Some(
                Method::try_from(&*method)
                    .map_err(|_| invalid("method must be a method of HTTP.".to_owned()))?,
            ),
        };
        Ok(Self { path: path.into(), query, method, body: body(document)? })
    }
}

/// As it stands there: the order of its members is that of a call.
fn body(document: &Document<'_>) -> Result<Bytes, Refusal> {
    match (document.member(ROOT, "body"), text(document, "body_text")?) {
        (Some(_), Some(_)) => Err(invalid("Give either body or body_text.".to_owned())),
        (Some((_, body)), None) => Ok(Bytes::copy_from_slice(document.raw(body).as_bytes())),
        (None, Some(text)) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        (None, None) => Ok(Bytes::new()),
    }
}

fn text<'d>(document: &Document<'d>, name: &str) -> Result<Option<Cow<'d, str>>, Refusal> {
    let Some((_, place)) = document.member(ROOT, name) else { return Ok(None) };
    match document.string(place) {
        Some(text) => Ok(Some(text)),
        None => Err(invalid(format!("{name} must be a string."))),
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::InvalidField { message: message.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::checked::Checked;

    fn read(value: &Value) -> Result<Asked, Refusal> {
        Asked::read(&Checked::from(value).document())
    }

    #[test]
    fn a_body_is_json_or_a_text_that_need_not_be() {
        let body = |value: Value| read(&value).map(|asked| asked.body);
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
            let refusal = read(&value).unwrap_err();
            assert!(refusal.message().contains(message), "{value}: {refusal:?}");
        }
        let asked = read(&json!({"path": "/x?y=1", "method": "GET"})).unwrap();
        assert_eq!((&*asked.path, asked.query.as_deref()), ("/x", Some("y=1")));
        assert_eq!(asked.method, Some(Method::GET));
    }
}
