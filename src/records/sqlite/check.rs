//! Is the file what was written?

use std::thread;

use rusqlite::Connection;

use super::super::recount;
use super::super::state::State;
use super::super::store::{Store, StoreError, Stored};
use super::super::words::Moment;
use super::Sqlite;
use super::trouble::DAMAGED;

/// Pages in memory while every index is held against its table: it jumps about in them.
const CHECK_KIB: i64 = 16 << 10;
/// How much of what is wrong is told.
const TOLD: usize = 5;

impl Sqlite {
    /// Reads every page, checks the journal's chain, and compares what it recounts with the tables.
    pub(super) fn check(&mut self) -> Stored<()> {
        self.begin()?;
        let checked = self.check_within();
        self.rollback();
        checked
    }

    fn check_within(&mut self) -> Stored<()> {
        // Nobody writes meanwhile: the transaction that was begun keeps all others out. The pages are
        // read by a connection of their own, and so by another core while this one recounts.
        let other = Self::read_only(&self.database)?;
        let (pages, verified) = thread::scope(|scope| {
            let pages = scope.spawn(move || other.ask(pages));
            let verified = recount::verify_within(self);
            (pages.join(), verified)
        });
        let pages = pages.map_err(|_| self.damaged(&["their check panicked".to_owned()]))??;
        if pages != ["ok"] {
            return Err(self.damaged(&pages));
        }
        let (_, differences) = verified.map_err(|StoreError(wrong)| self.damaged(&[wrong]))?;
        if !differences.is_empty() {
            return Err(self.damaged(&differences));
        }
        // What the recount does not read: a table that lost a column is found now and not later.
        self.due(Moment(i64::MIN), 0)?;
        self.in_state(State::Open, 0)?;
        self.foreign_changes()?;
        Ok(())
    }

    fn damaged(&self, found: &[String]) -> StoreError {
        let mut told = found.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
        if found.len() > TOLD {
            told.push_str("; and more");
        }
        let database = self.database.display();
        StoreError(format!("the records in {database} are damaged: {told}. To go on: {DAMAGED}"))
    }
}

/// Reads every page, and holds every index against its table.
fn pages(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.pragma_update(None, "cache_size", -CHECK_KIB)?;
    let mut statement = connection.prepare("PRAGMA integrity_check(5)")?;
    statement.query_map([], |row| row.get(0))?.collect()
}
