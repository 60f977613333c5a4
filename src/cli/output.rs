//! In which form does a command write a table?

use std::io::{self, Write};

use clap::ValueEnum;
use heify_gateway::admin::table::Table;

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

impl Output {
    pub(crate) fn write(self, table: &Table, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Table => table.write_aligned(out),
            Self::Json => writeln!(out, "{:#}", table.json()),
            Self::Csv => table.write_csv(out),
        }
    }
}
