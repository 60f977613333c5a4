//! Which tables are there, and are these they?

use rusqlite::Connection;

use super::super::store::{StoreError, Stored};
use super::place::Found;
use super::trouble::{DAMAGED, trouble};
use std::path::Path;

/// The tables, with a comment for each.
const TABLES: &str = include_str!("schema.sql");

/// `heif`: says to SQLite's tools whose file it is.
pub(super) const APPLICATION: i32 = i32::from_be_bytes(*b"heif");

/// The version of the tables, to be raised with each change of theirs.
pub(super) const VERSION: i32 = 1;

/// Makes the tables where there are none, and refuses those of others.
pub(super) fn prepare(connection: &Connection, database: &Path, found: Found) -> Stored<()> {
    let prepared = match found {
        Found::Empty => create(connection),
        Found::Filled => Ok(()),
    };
    prepared.map_err(|error| trouble(database, &error))?;
    let read = |name| {
        let value = connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        value.map_err(|error| trouble(database, &error))
    };
    let (application, version) = (read("application_id")?, read("user_version")?);
    let database = database.display();
    if application != APPLICATION {
        return Err(StoreError(format!(
            "{database} belongs to another application: name another file for the records; if it \
             was theirs, it is damaged: {DAMAGED}"
        )));
    }
    if version > VERSION {
        return Err(StoreError(format!(
            "{database} was written by a newer heify-gateway (its schema is {version}, this one \
             knows {VERSION}): run that version again, or put a backup from before in its place"
        )));
    }
    if version < VERSION {
        return Err(StoreError(format!(
            "{database} has the schema {version}, which no heify-gateway wrote; it is damaged: \
             {DAMAGED}"
        )));
    }
    Ok(())
}

/// Makes all tables at once: before the log is on, so that a crash leaves the file empty.
fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    let created = create_within(connection).and_then(|()| connection.execute_batch("COMMIT"));
    if created.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    created
}

fn create_within(connection: &Connection) -> rusqlite::Result<()> {
    let there: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    // Another process was faster.
    if there > 0 {
        return Ok(());
    }
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch(TABLES)
}
