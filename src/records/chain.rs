//! Is the journal what was written, line by line?
//!
//! Each line carries the SHA-256 of the line before it and of itself: a line that was changed, left
//! out or put in breaks every hash after it. A tail that is missing as a whole breaks none: only a
//! hash that was kept elsewhere tells that.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::entry::Entry;
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

/// Reads the whole journal, checks the chain, and takes each entry in its order. Gives the number of
/// lines and the hash of the last one, empty when there is none.
///
/// # Errors
/// [`StoreError`] that names the first line that does not fit, or when the store cannot be read.
pub(super) fn each(
    store: &mut dyn Store,
    mut take: impl FnMut(&mut dyn Store, Moment, &Entry) -> Stored<()>,
) -> Stored<(u64, String)> {
    let (mut lines, mut head) = (0, String::new());
    loop {
        let piece = store.journal(lines, PIECE)?;
        if piece.is_empty() {
            return Ok((lines, head));
        }
        for line in piece {
            let (entry, hash) = check(lines + 1, &head, &line)?;
            take(store, line.at, &entry)?;
            (lines, head) = (line.number, hash);
        }
    }
}

fn check(expected: u64, head: &str, line: &Line) -> Stored<(Entry, String)> {
    if line.number != expected {
        return Err(StoreError(format!("journal line {expected} is missing")));
    }
    let hash = hash((!head.is_empty()).then_some(head), line.number, line.at, &line.entry);
    let entry = serde_json::from_str::<Entry>(&line.entry).ok();
    match entry {
        Some(entry) if hash == *line.hash => Ok((entry, hash)),
        _ => Err(StoreError(format!("journal line {expected} is not what was written"))),
    }
}
