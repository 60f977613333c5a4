//! How are the fields of a request body read?
//!
//! `null` counts as absent. What Heify does with a wrong type is not published: here it is a 400.

use serde_json::{Map, Number, Value};

use super::answer::Rejection;

/// The members of one JSON object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    members: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(members: &'a Map<String, Value>) -> Self {
        Self { members }
    }

    /// Whether the field was sent at all, `null` included.
    pub(crate) fn sent(self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    pub(crate) fn value(self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A text of at most so many characters.
    pub(crate) fn text(
        self,
        name: &'static str,
        longest: usize,
    ) -> Result<Option<&'a str>, Rejection> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match value.as_str() {
            Some(text) if text.chars().count() <= longest => Ok(Some(text)),
            _ => Err(invalid(name)),
        }
    }

    pub(crate) fn required_text(
        self,
        name: &'static str,
        longest: usize,
    ) -> Result<&'a str, Rejection> {
        self.text(name, longest)?.ok_or(Rejection::MissingField(name.into()))
    }

    /// An id of any shape: one that is no id at all is simply not found.
    pub(crate) fn id(self, name: &'static str) -> Result<&'a str, Rejection> {
        self.required_text(name, usize::MAX)
    }

    pub(crate) fn boolean(self, name: &'static str) -> Result<Option<bool>, Rejection> {
        let value = self.value(name);
        value.map(|value| value.as_bool().ok_or_else(|| invalid(name))).transpose()
    }

    pub(crate) fn number(self, name: &'static str) -> Result<Option<&'a Number>, Rejection> {
        let value = self.value(name);
        value.map(|value| value.as_number().ok_or_else(|| invalid(name))).transpose()
    }

    pub(crate) fn texts(self, name: &'static str) -> Result<Option<Vec<String>>, Rejection> {
        let Some(list) = self.list(name)? else { return Ok(None) };
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| invalid(name));
        list.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn object(
        self,
        name: &'static str,
    ) -> Result<Option<&'a Map<String, Value>>, Rejection> {
        let value = self.value(name);
        value.map(|value| value.as_object().ok_or_else(|| invalid(name))).transpose()
    }

    /// A list of objects.
    pub(crate) fn objects(self, name: &'static str) -> Result<Option<Vec<Fields<'a>>>, Rejection> {
        let Some(list) = self.list(name)? else { return Ok(None) };
        let fields =
            |value: &'a Value| value.as_object().map(Fields::of).ok_or_else(|| invalid(name));
        list.iter().map(fields).collect::<Result<_, _>>().map(Some)
    }

    fn list(self, name: &'static str) -> Result<Option<&'a Vec<Value>>, Rejection> {
        let value = self.value(name);
        value.map(|value| value.as_array().ok_or_else(|| invalid(name))).transpose()
    }
}

/// A field whose value breaks its rule.
pub(crate) fn invalid(name: &'static str) -> Rejection {
    Rejection::InvalidField(name.into())
}

/// Whether a text is an absolute URL with one of these schemes and a host.
pub(crate) fn is_url(text: &str, schemes: &[&str]) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        let scheme = uri.scheme_str().unwrap_or_default();
        schemes.contains(&scheme) && uri.host().is_some_and(|host| !host.is_empty())
    })
}
