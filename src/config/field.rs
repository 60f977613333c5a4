//! How is one value read, and what is said when it is not what it should be?

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::problem::{Place, shown};
use super::reader::{KeyPath, Report, Section};
use super::shape::Shape;
use super::tree::{Node, Value, parse_variable};
use super::units::{parse_duration, parse_size, show_duration, show_size};
use crate::secret::Secret;

/// A value together with its key and its place.
pub(crate) struct Field<'r> {
    pub(crate) report: &'r Report<'r>,
    pub(crate) path: KeyPath,
    pub(crate) node: Node,
}

/// A secret that was read, and where.
pub(crate) struct SecretText {
    pub(crate) secret: Secret,
    pub(crate) place: Place,
    pub(crate) key: String,
}

impl<'r> Field<'r> {
    pub(crate) fn place(&self) -> &Place {
        &self.node.place
    }

    pub(crate) fn key(&self) -> &str {
        &self.path.shown
    }

    pub(crate) fn is_variable(&self) -> bool {
        matches!(self.node.place, Place::Variable(_))
    }

    /// Reports what is wrong with the value.
    pub(crate) fn wrong(&self, message: &str) {
        self.report.problem(self.place(), format!("{}: {message}", self.key()));
    }

    /// Reports what an operator should know about the value.
    pub(crate) fn warn(&self, message: &str) {
        self.report.warning(self.place(), format!("{}: {message}", self.key()));
    }

    /// Reports that this value from the file is not used.
    pub(crate) fn overridden_by(&self, variable: &Field<'_>) {
        self.warn(&format!("not used: {} is set", variable.place()));
    }

    /// A text.
    pub(crate) fn text(self) -> Option<String> {
        self.spotted_text().map(|(text, _)| text)
    }

    /// A text, read into something else; the message tells what was expected.
    pub(crate) fn parsed<T>(self, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.note(Shape::Text);
        self.read_as(parse)
    }

    /// A name of our own things, for lists and logs.
    pub(crate) fn name(self) -> Option<Arc<str>> {
        const LONGEST: usize = 64;
        self.parsed(|text| {
            let is_plain = text.trim() == text && !text.contains(char::is_control);
            if text.is_empty() || text.len() > LONGEST || !is_plain {
                return Err(format!("must be a text of 1 to {LONGEST} bytes on one line"));
            }
            Ok(text.into())
        })
    }

    fn read_as<T>(self, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (text, field) = self.text_value()?;
        parse(&text)
            .map_err(|expected| field.wrong(&format!("{expected}, not {}", shown(&text))))
            .ok()
    }

    /// One of several words.
    pub(crate) fn word<T: Copy>(self, words: &[(&str, T)]) -> Option<T> {
        self.note(Shape::Words(words.iter().map(|(word, _)| (*word).to_owned()).collect()));
        self.read_as(|text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                let known: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
                format!("must be {}", known.join(" or "))
            })
        })
    }

    /// A length of time within bounds.
    pub(crate) fn duration(self, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.note(Shape::Duration(range.clone()));
        self.read_as(|text| {
            let duration = parse_duration(text)?;
            if range.contains(&duration) {
                return Ok(duration);
            }
            let (least, most) = (show_duration(*range.start()), show_duration(*range.end()));
            Err(format!("must be from {least} to {most}"))
        })
    }

    /// A whole number within bounds.
    pub(crate) fn integer(self, range: RangeInclusive<u32>) -> Option<u32> {
        self.note(Shape::Integer(range.clone()));
        let (least, most) = (*range.start(), *range.end());
        match self.settle(|value| matches!(value, Value::Integer(_))) {
            (Value::Integer(integer), field) => {
                let number = integer.and_then(|number| u32::try_from(number).ok());
                let number = number.filter(|number| range.contains(number));
                if number.is_none() {
                    let value = integer.map_or("a larger number".to_owned(), |n| n.to_string());
                    let bound = match integer {
                        Some(integer) if integer < i64::from(least) => format!("at least {least}"),
                        _ => format!("at most {most}"),
                    };
                    field.wrong(&format!("must be {bound}, not {value}"));
                }
                number
            }
            (other, field) => field.wrong_type("a whole number", &other),
        }
    }

    /// A number of bytes within bounds: a whole number, or a text with a unit.
    pub(crate) fn size(self, range: RangeInclusive<u64>) -> Option<usize> {
        self.note(Shape::Size(range.clone()));
        let wanted = |value: &Value| matches!(value, Value::Integer(_) | Value::Text(_));
        let expected = r#"a size such as 65536, "64KiB" or "1MiB""#;
        let (value, field) = self.settle(wanted);
        let (bytes, found) = match &value {
            Value::Integer(number) => {
                let number = number.unwrap_or(i64::MAX);
                (u64::try_from(number).ok(), number.to_string())
            }
            Value::Text(text) | Value::Variable(text) => (parse_size(text), shown(text)),
            other => return field.wrong_type(expected, other),
        };
        let Some(bytes) = bytes else {
            field.wrong(&format!("must be {expected}, not {found}"));
            return None;
        };
        let fitting = usize::try_from(bytes).ok().filter(|_| range.contains(&bytes));
        if fitting.is_none() {
            let (least, most) = (show_size(*range.start()), show_size(*range.end()));
            field.wrong(&format!("must be from {least} to {most}, not {found}"));
        }
        fitting
    }

    /// `true` or `false`.
    pub(crate) fn boolean(self) -> Option<bool> {
        self.note(Shape::Boolean);
        match self.settle(|value| matches!(value, Value::Boolean(_))) {
            (Value::Boolean(boolean), _) => Some(boolean),
            (other, field) => field.wrong_type("true or false", &other),
        }
    }

    /// A text, or a date and time without quotes, which TOML has a type for.
    pub(crate) fn datetime(self) -> Option<(String, Self)> {
        self.note(Shape::Datetime);
        match self.settle(|value| matches!(value, Value::Datetime(_) | Value::Text(_))) {
            (Value::Datetime(text) | Value::Text(text) | Value::Variable(text), field) => {
                Some((text, field))
            }
            (other, field) => field.wrong_type("a date and time", &other),
        }
    }

    /// A table.
    pub(crate) fn section(self) -> Option<Section<'r>> {
        self.note(Shape::Table);
        match self.settle(|value| matches!(value, Value::Table(_))) {
            (Value::Table(entries), field) => {
                Some(Section::new(field.report, field.node.place, field.path, entries))
            }
            (other, field) => field.wrong_type("a table", &other),
        }
    }

    /// The items of an array.
    pub(crate) fn items(self) -> Option<Vec<Self>> {
        self.note(Shape::Array);
        match self.settle(|value| matches!(value, Value::Array(_))) {
            (Value::Array(items), field) => {
                let item = |(index, node)| Field {
                    report: field.report,
                    path: field.path.index(index),
                    node,
                };
                Some(items.into_iter().enumerate().map(item).collect())
            }
            (other, field) => field.wrong_type("an array", &other),
        }
    }

    /// The text, where there is one, without taking it.
    pub(crate) fn peek_text(&self) -> Option<&str> {
        match &self.node.value {
            Value::Text(text) | Value::Variable(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the value is a table.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.node.value, Value::Table(_))
    }

    /// Whether the value is this very word: `"off"` in place of a table.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.note(Shape::Words(vec![word.to_owned()]));
        self.peek_text() == Some(word)
    }

    /// The content of the file that the value names, and its name.
    pub(crate) fn file(self) -> Option<(String, Vec<u8>, Self)> {
        self.note(Shape::File);
        let (path, field) = self.text_value()?;
        match field.report.read(field.place(), &path) {
            Ok(content) => Some((path, content, field)),
            Err(error) => {
                field.wrong(&format!("cannot read {}: {error}", shown(&path)));
                None
            }
        }
    }

    /// The value itself as a secret.
    pub(crate) fn secret_text(self) -> Option<SecretText> {
        let (text, field) = self.spotted_text()?;
        field.secret(&text)
    }

    /// The content of the file that the value names, as a secret. The name is not shown: where a
    /// file's name is expected, people happen to write the secret itself.
    pub(crate) fn secret_file(self) -> Option<SecretText> {
        self.note(Shape::File);
        let (path, field) = self.text_value()?;
        let content = match field.report.read(field.place(), &path) {
            Ok(content) => content,
            Err(error) => {
                field.wrong(&format!("cannot read the file: {}", error.kind()));
                return None;
            }
        };
        match std::str::from_utf8(&content) {
            Ok(text) => field.secret(text),
            Err(_) => {
                field.wrong("the file is not UTF-8 text");
                None
            }
        }
    }

    fn secret(self, text: &str) -> Option<SecretText> {
        let secret = Secret::new(text);
        if secret.expose().is_empty() {
            self.wrong("is empty");
            return None;
        }
        Some(SecretText { secret, place: self.node.place, key: self.path.shown })
    }

    /// A text, and the field for what is to be said about it.
    pub(crate) fn spotted_text(self) -> Option<(String, Self)> {
        self.note(Shape::Text);
        self.text_value()
    }

    fn text_value(self) -> Option<(String, Self)> {
        match self.settle(|value| matches!(value, Value::Text(_))) {
            (Value::Text(text) | Value::Variable(text), field) => Some((text, field)),
            (other, field) => field.wrong_type("a string", &other),
        }
    }

    fn note(&self, shape: Shape) {
        self.report.note(&self.path, shape);
    }

    /// Takes the value out. The text of a variable becomes a TOML value where that is wanted.
    fn settle(mut self, wanted: impl Fn(&Value) -> bool) -> (Value, Self) {
        let value = std::mem::replace(&mut self.node.value, Value::Boolean(false));
        let parsed = match &value {
            Value::Variable(text) => parse_variable(&self.node.place, text).filter(wanted),
            _ => None,
        };
        (parsed.unwrap_or(value), self)
    }

    /// Reports a wrong type. The value is not shown: a secret may stand where none belongs.
    fn wrong_type<T>(&self, expected: &str, found: &Value) -> Option<T> {
        let found = match found {
            Value::Text(_) | Value::Variable(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Datetime(_) => "a date and time",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        };
        self.wrong(&format!("must be {expected}, not {found}"));
        None
    }
}
