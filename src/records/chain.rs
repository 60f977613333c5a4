//! Is the journal what was written, line by line?
//!
//! Each line carries the SHA-256 of the line before it and of itself: a line that was changed, left
//! out or put in breaks every hash after it. A tail that is missing as a whole breaks none: only a
//! hash that was kept elsewhere tells that.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::entry::Entry;
use super::memory::Memory;
use super::store::{Line, Store, StoreError, Stored};
use super::words::Moment;

/// How many lines are read at once.
const PIECE: usize = 1000;

/// Makes the next line.
pub(super) fn next(previous: Option<&str>, number: u64, at: Moment, entry: &Entry) -> Stored<Line> {
    let text = serde_json::to_string(entry).map_err(|error| StoreError(error.to_string()))?;
    let hash = hash(previous, number, at, &text);
    Ok(Line { number, at, entry: text.into(), hash: hash.into() })
}

fn hash(previous: Option<&str>, number: u64, at: Moment, entry: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(previous.unwrap_or_default());
    digest.update(number.to_be_bytes());
    digest.update(at.0.to_be_bytes());
    digest.update(entry);
    digest.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a whole journal says.
#[derive(Debug)]
pub struct Recount {
    /// Lines.
    pub lines: u64,
    /// The hash of the last line; empty when there is none.
    pub head: String,
    /// All that follows from it.
    pub contents: Memory,
}

/// Reads the whole journal, checks the chain and recounts.
///
/// # Errors
/// [`StoreError`] that names the first line that does not fit, or when the store cannot be read.
pub fn recount(store: &mut dyn Store) -> Stored<Recount> {
    let mut recount = Recount { lines: 0, head: String::new(), contents: Memory::default() };
    loop {
        let piece = store.journal(recount.lines, PIECE)?;
        if piece.is_empty() {
            return Ok(recount);
        }
        for line in piece {
            recount.take(&line)?;
        }
    }
}

impl Recount {
    fn take(&mut self, line: &Line) -> Stored<()> {
        let expected = self.lines + 1;
        if line.number != expected {
            return Err(StoreError(format!("journal line {expected} is missing")));
        }
        let previous = (!self.head.is_empty()).then_some(self.head.as_str());
        let hash = hash(previous, line.number, line.at, &line.entry);
        let entry = serde_json::from_str::<Entry>(&line.entry).ok();
        let (Some(entry), true) = (entry, hash == *line.hash) else {
            return Err(StoreError(format!("journal line {expected} is not what was written")));
        };
        self.contents.apply(line.at, &entry);
        (self.lines, self.head) = (expected, hash);
        Ok(())
    }
}

/// Checks the chain, recounts, and compares with the store's tables, all in one transaction of its
/// own: what others write meanwhile is no difference.
///
/// # Errors
/// [`StoreError`] for the first thing that is wrong with the journal, or when it cannot be read;
/// differences of the tables are in the second part of the result.
pub fn verify(store: &mut dyn Store) -> Stored<(Recount, Vec<String>)> {
    store.begin()?;
    let verified = verify_within(store);
    store.rollback();
    verified
}

/// Does the same in a transaction that the caller has begun.
pub(super) fn verify_within(store: &mut dyn Store) -> Stored<(Recount, Vec<String>)> {
    let recount = recount(store)?;
    let differences = recount.contents.differences(&store.contents()?);
    Ok((recount, differences))
}
