//! Where in the document does a value stand?
//!
//! A document is YAML, of which JSON is a part. It is read into a tree of our own in which every
//! value and every key knows its place, so that each mistake can be shown where it was made.

use std::collections::HashSet;

use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar, YamlData};
use serde_json::{Map, Number, Value};

/// Something in a document that the gateway cannot work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}:{column}: {message}")]
pub struct Mistake {
    /// The document's name, as given to [`Contract::parse`](super::Contract::parse).
    pub name: Box<str>,
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

/// A place in a document, 1-based.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A value and where it starts.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) data: Data,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Data {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(Box<str>),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One member of a mapping, in the order of the document.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) key: Box<str>,
    pub(super) value: Node,
}

impl Node {
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| &*entry.key == key)
    }

    pub(super) fn member(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.data, Data::Map(_))
    }

    /// Follows a JSON Pointer (RFC 6901) down from this node.
    pub(super) fn pointed(&self, pointer: &str) -> Option<&Node> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |node, segment| match &node.data {
            Data::List(items) => items.get(segment.parse::<usize>().ok()?),
            _ => node.member(&segment.replace("~1", "/").replace("~0", "~")),
        })
    }

    /// The value without places. A number that JSON cannot hold (`.inf`, `.nan`) becomes null.
    pub(super) fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Boolean(boolean) => Value::Bool(*boolean),
            Data::Integer(integer) => Value::from(*integer),
            Data::Float(float) => Number::from_f64(*float).map_or(Value::Null, Value::Number),
            Data::Text(text) => Value::from(&**text),
            Data::List(items) => items.iter().map(Node::to_json).collect(),
            Data::Map(entries) => {
                let members = entries.iter().map(|e| (String::from(&*e.key), e.value.to_json()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}

/// Reads one document into a tree. YAML that cannot be read is one mistake; all keys that are not
/// text, and all tags, are one each.
pub(super) fn read(text: &str, name: &str) -> Result<Node, Vec<Mistake>> {
    let mut mistakes = Mistakes::new(name);
    let documents = match MarkedYaml::load_from_str(text) {
        Ok(documents) => documents,
        Err(error) => {
            mistakes.add(place(*error.marker()), format!("not readable as YAML: {}", error.info()));
            return Err(mistakes.list);
        }
    };
    let start = Place { line: 1, column: 1 };
    let root = match documents.as_slice() {
        [] => {
            mistakes.add(start, "the document is empty");
            None
        }
        [only] => Some(convert(only, &mut mistakes)),
        [_, second, ..] => {
            mistakes.add(place(second.span.start), "a second document in one file");
            None
        }
    };
    match root {
        Some(root) if mistakes.list.is_empty() => Ok(root),
        _ => Err(mistakes.list),
    }
}

/// All that is wrong with one document, and which of its extensions have been read: an extension
/// that nobody reads would otherwise be a limit or an id that silently does not hold.
#[derive(Debug)]
pub(super) struct Mistakes {
    name: Box<str>,
    pub(super) list: Vec<Mistake>,
    read: HashSet<(usize, usize)>,
}

impl Mistakes {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), list: Vec::new(), read: HashSet::new() }
    }

    pub(super) fn add(&mut self, place: Place, message: impl Into<String>) {
        let Place { line, column } = place;
        let mistake = Mistake { name: self.name.clone(), line, column, message: message.into() };
        // A shared schema is visited once per use: its mistakes are told once.
        if !self.list.contains(&mistake) {
            self.list.push(mistake);
        }
    }

    /// Notes that an extension was understood.
    pub(super) fn mark_read(&mut self, entry: &Entry) {
        self.read.insert((entry.place.line, entry.place.column));
    }

    /// Whether an extension was understood.
    pub(super) fn was_read(&self, entry: &Entry) -> bool {
        self.read.contains(&(entry.place.line, entry.place.column))
    }
}

fn place(marker: Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1 }
}

fn convert(yaml: &MarkedYaml<'_>, mistakes: &mut Mistakes) -> Node {
    let place = place(yaml.span.start);
    let data = match &yaml.data {
        YamlData::Value(Scalar::Null) => Data::Null,
        YamlData::Value(Scalar::Boolean(boolean)) => Data::Boolean(*boolean),
        YamlData::Value(Scalar::Integer(integer)) => Data::Integer(*integer),
        YamlData::Value(Scalar::FloatingPoint(float)) => Data::Float(float.into_inner()),
        YamlData::Value(Scalar::String(text)) => Data::Text(text.as_ref().into()),
        YamlData::Sequence(items) => {
            Data::List(items.iter().map(|item| convert(item, mistakes)).collect())
        }
        YamlData::Mapping(members) => {
            let mut entries = Vec::with_capacity(members.len());
            for (key, value) in members {
                entries.extend(convert_entry(key, value, mistakes));
            }
            Data::Map(entries)
        }
        YamlData::Tagged(..)
        | YamlData::Alias(_)
        | YamlData::Representation(..)
        | YamlData::BadValue => {
            mistakes.add(place, "expected plain YAML, without tags and with values that fit");
            Data::Null
        }
    };
    Node { place, data }
}

fn convert_entry(
    key: &MarkedYaml<'_>,
    value: &MarkedYaml<'_>,
    mistakes: &mut Mistakes,
) -> Option<Entry> {
    let place = place(key.span.start);
    let key = match &key.data {
        YamlData::Value(Scalar::String(text)) => Box::from(text.as_ref()),
        // `200:` under `responses` is a number to YAML.
        YamlData::Value(Scalar::Integer(integer)) => integer.to_string().into_boxed_str(),
        _ => {
            mistakes.add(place, "expected a text as key");
            return None;
        }
    };
    Some(Entry { place, key, value: convert(value, mistakes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let root = read("a: 1\nb:\n  - x\n  - {c: 2}\n", "d.yaml").unwrap();
        assert_eq!(root.pointed("/b/1/c").unwrap().place, Place { line: 4, column: 9 });
        assert_eq!(root.entry("b").unwrap().place, Place { line: 2, column: 1 });
        assert_eq!(root.to_json(), serde_json::json!({"a": 1, "b": ["x", {"c": 2}]}));
    }

    #[test]
    fn json_is_read_like_yaml() {
        let root = read("{\"a\": {\"200\": [true, null, 1.5]}}", "d.json").unwrap();
        assert_eq!(root.to_json(), serde_json::json!({"a": {"200": [true, null, 1.5]}}));
    }

    #[test]
    fn a_document_that_cannot_be_read_is_a_mistake_with_its_place() {
        for (text, line, column) in [
            ("", 1, 1),
            ("a: 1\na: 2\n", 2, 1),
            ("a: 1\n---\nb: 2\n", 3, 1),
            ("a: [1\n", 2, 1),
            ("? [1]\n: 2\n", 1, 3),
        ] {
            let mistakes = read(text, "d").unwrap_err();
            let found: Vec<_> = mistakes.iter().map(|m| (m.line, m.column)).collect();
            assert_eq!(found, [(line, column)], "{text:?}: {mistakes:?}");
        }
    }
}
