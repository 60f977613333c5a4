//! What stands in the sources, and where?
//!
//! The file and the environment become one small tree in which every value knows its place. It is
//! read by [`super::reader`], which can so report all mistakes at once; a derived deserializer
//! stops at its first one.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    /// The text of a variable: TOML where that fits what is wanted, else a string.
    Variable(String),
    /// `None`: an integer beyond 64 bits.
    Integer(Option<i64>),
    Float,
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Table),
}

/// The entries of a table.
pub(crate) type Table = Vec<Entry>;

/// A named value; the place is the name's.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

/// Parses a file; what cannot be parsed is left out of the table and reported.
pub(crate) fn parse_file(name: &Arc<str>, text: &str) -> (Table, Vec<Problem>) {
    let lines = Lines::new(name, text);
    let place = |span: Range<usize>| lines.spot(span.start);
    let (table, errors) = DeTable::parse_recoverable(text);
    let problems = errors
        .iter()
        .map(|error| Problem {
            place: error.span().map_or_else(|| Place::File(name.clone()), place),
            // The parser's message only: its `Display` would quote the line, with its secrets.
            message: format!("invalid TOML: {}", error.message().replace('\n', ", ")),
        })
        .collect();
    (convert_table(table.get_ref(), &place), problems)
}

/// Parses the text of a variable as a TOML value.
pub(crate) fn parse_variable(place: &Place, text: &str) -> Option<Value> {
    let value = DeValue::parse(text).ok()?;
    Some(convert(&value, &|_| place.clone()).value)
}

/// Turns offsets into lines and columns.
pub(crate) struct Lines<'t> {
    file: &'t Arc<str>,
    text: &'t str,
    /// Where each line starts: a file with thousands of tenants has many values to find.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(file: &'t Arc<str>, text: &'t str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Self { file, text, starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    pub(crate) fn spot(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        Place::Spot { file: self.file.clone(), line, column: before.chars().count() + 1 }
    }
}

fn convert(value: &Spanned<DeValue<'_>>, place: &dyn Fn(Range<usize>) -> Place) -> Node {
    let converted = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => {
            Value::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok())
        }
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| convert(item, place)).collect())
        }
        DeValue::Table(table) => Value::Table(convert_table(table, place)),
    };
    Node { place: place(value.span()), value: converted }
}

fn convert_table(table: &DeTable<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Table {
    table
        .iter()
        .map(|(name, value)| Entry {
            name: name.get_ref().to_string(),
            place: place(name.span()),
            node: convert(value, place),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_line_and_column() {
        let (table, problems) =
            parse_file(&"g.toml".into(), "[a]\n  'größe' = 0x10\r\n  b = 'x'\n");
        assert!(problems.is_empty());
        let Value::Table(section) = &table[0].node.value else { panic!("no table") };
        let place = |name: &str| {
            let entry = section.iter().find(|entry| entry.name == name).unwrap();
            (entry.place.to_string(), entry.node.place.to_string())
        };
        assert_eq!(place("größe"), ("g.toml:2:3".to_owned(), "g.toml:2:13".to_owned()));
        assert_eq!(place("b"), ("g.toml:3:3".to_owned(), "g.toml:3:7".to_owned()));
    }

    #[test]
    fn all_syntax_errors_are_reported_with_their_places() {
        let (_, problems) = parse_file(&"g.toml".into(), "a = \nb = 1\nc = 1 2\n");
        let places: Vec<_> = problems.iter().map(|problem| problem.place.to_string()).collect();
        assert_eq!(places, ["g.toml:1:5", "g.toml:3:5"]);
    }
}
