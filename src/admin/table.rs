//! How is a table written: for people, for a spreadsheet, for a program?

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::records::{AudioMillis, Moment};

/// Rows under named columns. In a name that ends with `_ms` stands the unit of programs; people read
/// minutes there.
#[derive(Debug, Clone)]
pub struct Table {
    /// The columns' names.
    pub columns: &'static [&'static str],
    /// The rows, with a cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// There is none.
    Nothing,
    /// Any text, of clients and operators too.
    Text(String),
    /// A number.
    Number(i64),
    /// Milliseconds for programs, minutes for people.
    Audio(AudioMillis),
}

impl Cell {
    /// A text.
    pub fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    /// A text, or nothing.
    pub fn maybe(text: Option<impl ToString>) -> Self {
        text.map_or(Self::Nothing, Self::text)
    }

    /// A moment, or nothing.
    pub fn moment(moment: Option<Moment>) -> Self {
        Self::maybe(moment)
    }

    /// Audio, or nothing.
    pub fn audio(amount: Option<AudioMillis>) -> Self {
        amount.map_or(Self::Nothing, Self::Audio)
    }

    /// Milliseconds for everybody, or nothing.
    pub fn millis(amount: Option<AudioMillis>) -> Self {
        amount.map_or(Self::Nothing, |amount| Self::Number(amount.0))
    }

    fn shown(&self) -> String {
        match self {
            Self::Nothing => "-".to_owned(),
            // What a client or an operator wrote must not move the cursor of whoever reads it.
            Self::Text(text) => text.replace(char::is_control, "?"),
            Self::Number(number) => number.to_string(),
            Self::Audio(amount) => amount.to_string(),
        }
    }

    fn csv(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => quoted(&harmless(text)),
            Self::Number(number) | Self::Audio(AudioMillis(number)) => number.to_string(),
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Audio(_))
    }
}

/// A spreadsheet would take such a text for a formula and run it.
fn harmless(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

impl Table {
    /// Rows under columns.
    pub fn new(columns: &'static [&'static str], rows: Vec<Vec<Cell>>) -> Self {
        Self { columns, rows }
    }

    /// An array with an object per row.
    pub fn json(&self) -> Value {
        // Its names are texts, and its numbers whole: nothing of it can fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Comma-separated values, as in RFC 4180; no text in them is a formula.
    ///
    /// # Errors
    /// Of the writer.
    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}\r\n", self.columns.join(","))?;
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(Cell::csv).collect();
            write!(out, "{}\r\n", cells.join(","))?;
        }
        Ok(())
    }

    /// Aligned columns, for people.
    ///
    /// # Errors
    /// Of the writer.
    pub fn write_aligned(&self, out: &mut dyn Write) -> io::Result<()> {
        let head = self.columns.iter().enumerate().map(|(at, name)| {
            let mut column = self.rows.iter().filter_map(|row| row.get(at));
            let is_audio = column.any(|cell| matches!(cell, Cell::Audio(_)));
            let name = if is_audio { name.trim_end_matches("_ms") } else { name };
            name.replace('_', " ").to_uppercase()
        });
        let head: Vec<_> = head.map(|name| (name, false)).collect();
        let row = |row: &Vec<Cell>| -> Vec<_> {
            row.iter().map(|cell| (cell.shown(), cell.is_number())).collect()
        };
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        let width = |at: usize| {
            let cells = rows.iter().chain([&head]).filter_map(|row| row.get(at));
            cells.map(|(text, _)| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.columns.len()).map(width).collect();
        for row in [&head].into_iter().chain(&rows) {
            let mut line = String::new();
            for ((text, is_number), width) in row.iter().zip(&widths) {
                let space = " ".repeat(width - text.chars().count());
                let (before, after) = if *is_number { (&*space, "") } else { ("", &*space) };
                line.extend([before, text, after, "  "]);
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// As in [`Table::json`], but without a copy of each name and text: a list may have 25,000 rows.
impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|row| Object { columns: self.columns, row }))
    }
}

struct Object<'t> {
    columns: &'t [&'t str],
    row: &'t [Cell],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().zip(self.row))
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) | Self::Audio(AudioMillis(number)) => {
                serializer.serialize_i64(*number)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: Vec<Vec<Cell>>) -> Table {
        Table::new(&["name", "used_ms"], rows)
    }

    #[test]
    fn people_read_aligned_columns_and_minutes() {
        let audio = |millis| Cell::Audio(AudioMillis(millis));
        let rows = vec![
            vec![Cell::text("zoë"), audio(90_000)],
            vec![Cell::text("a\u{1b}[2J"), audio(6_000_000)],
            vec![Cell::text("nobody"), Cell::Nothing],
        ];
        let expected = "NAME    USED\nzoë     1.5 min\na?[2J   100 min\nnobody  -\n";
        let mut out = Vec::new();
        table(rows).write_aligned(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_program_reads_milliseconds_and_null() {
        let rows = vec![vec![Cell::Nothing, Cell::Audio(AudioMillis(1))]];
        assert_eq!(table(rows).json(), serde_json::json!([{ "name": null, "used_ms": 1 }]));
    }

    #[test]
    fn a_spreadsheet_reads_texts_and_never_a_formula() {
        let csv = |text: &str| {
            let rows = vec![vec![Cell::text(text), Cell::Number(-7)]];
            let mut out = Vec::new();
            table(rows).write_csv(&mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            let row = text.strip_prefix("name,used_ms\r\n").unwrap();
            row.strip_suffix(",-7\r\n").unwrap().to_owned()
        };
        for (text, cell) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("a \"b\"\nc", "\"a \"\"b\"\"\nc\""),
            ("=1+1", "'=1+1"),
            ("@x", "'@x"),
            ("+x", "'+x"),
            ("-x,y", "\"'-x,y\""),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
        ] {
            assert_eq!(csv(text), cell, "{text:?}");
        }
    }
}
