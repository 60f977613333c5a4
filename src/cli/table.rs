//! How is a table written: for people, for a spreadsheet, for a program?

use std::io::{self, Write};

use clap::ValueEnum;
use heify_gateway::records::{AudioMillis, Moment};
use serde_json::{Map, Value};

/// The forms of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Aligned columns
    Table,
    /// One JSON array with an object per row
    Json,
    /// Comma-separated values, as in RFC 4180
    Csv,
}

/// Rows under named columns. In a name that ends with `_ms` stands the unit of programs; people read
/// minutes there.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) columns: &'static [&'static str],
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Nothing,
    Text(String),
    Number(i64),
    /// Milliseconds for programs, minutes for people.
    Audio(AudioMillis),
}

impl Cell {
    pub(crate) fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    pub(crate) fn maybe(text: Option<impl ToString>) -> Self {
        text.map_or(Self::Nothing, Self::text)
    }

    pub(crate) fn moment(moment: Option<Moment>) -> Self {
        Self::maybe(moment)
    }

    pub(crate) fn audio(amount: Option<AudioMillis>) -> Self {
        amount.map_or(Self::Nothing, Self::Audio)
    }

    pub(crate) fn millis(amount: Option<AudioMillis>) -> Self {
        amount.map_or(Self::Nothing, |amount| Self::Number(amount.0))
    }

    fn json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) | Self::Audio(AudioMillis(number)) => (*number).into(),
        }
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
    pub(crate) fn new(columns: &'static [&'static str], rows: Vec<Vec<Cell>>) -> Self {
        Self { columns, rows }
    }

    pub(crate) fn write(&self, output: Output, out: &mut dyn Write) -> io::Result<()> {
        match output {
            Output::Table => self.write_aligned(out),
            Output::Json => writeln!(out, "{:#}", self.json()),
            Output::Csv => self.write_csv(out),
        }
    }

    /// An array with an object per row.
    pub(crate) fn json(&self) -> Value {
        let object = |row: &Vec<Cell>| -> Map<String, Value> {
            let members = self.columns.iter().zip(row);
            members.map(|(name, cell)| ((*name).to_owned(), cell.json())).collect()
        };
        self.rows.iter().map(object).collect()
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}\r\n", self.columns.join(","))?;
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(Cell::csv).collect();
            write!(out, "{}\r\n", cells.join(","))?;
        }
        Ok(())
    }

    fn write_aligned(&self, out: &mut dyn Write) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(output: Output, rows: Vec<Vec<Cell>>) -> String {
        let mut out = Vec::new();
        Table::new(&["name", "used_ms"], rows).write(output, &mut out).unwrap();
        String::from_utf8(out).unwrap()
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
        assert_eq!(written(Output::Table, rows), expected);
    }

    #[test]
    fn a_program_reads_milliseconds_and_null() {
        let rows = vec![vec![Cell::Nothing, Cell::Audio(AudioMillis(1))]];
        let json: Value = serde_json::from_str(&written(Output::Json, rows)).unwrap();
        assert_eq!(json, serde_json::json!([{ "name": null, "used_ms": 1 }]));
    }

    #[test]
    fn a_spreadsheet_reads_texts_and_never_a_formula() {
        let csv = |text: &str| {
            let rows = vec![vec![Cell::text(text), Cell::Number(-7)]];
            let text = written(Output::Csv, rows);
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
