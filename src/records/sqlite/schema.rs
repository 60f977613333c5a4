//! Which tables are there, and are these they?

use std::path::Path;

use rusqlite::Connection;

use super::super::store::{StoreError, Stored};
use super::Access;
use super::place::Found;
use super::trouble::{DAMAGED, trouble};

/// What each version of the tables added, with a comment for each table.
const TABLES: [&str; 4] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// `heif`: says to SQLite's tools whose file it is.
pub(super) const APPLICATION: i32 = i32::from_be_bytes(*b"heif");

/// The version of the tables: so many steps.
pub(super) const VERSION: i32 = TABLES.len() as i32;

/// Makes the tables where there are none, and refuses those of others.
pub(super) fn prepare(
    connection: &Connection,
    database: &Path,
    found: Found,
    access: Access,
) -> Stored<()> {
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
    let (file, database) = (database, database.display());
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
    let (1.., Ok(done)) = (version, usize::try_from(version)) else {
        return Err(StoreError(format!(
            "{database} has the schema {version}, which no heify-gateway wrote; it is damaged: \
             {DAMAGED}"
        )));
    };
    if version < VERSION && access != Access::Serve {
        return Err(StoreError(format!(
            "{database} was written by an older heify-gateway (its schema is {version}, this one \
             knows {VERSION}): start this gateway with it once"
        )));
    }
    upgrade(connection, &TABLES[done..]).map_err(|error| trouble(file, &error))
}

/// Adds what later versions have; all of it, or nothing.
fn upgrade(connection: &Connection, steps: &[&str]) -> rusqlite::Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    let added = connection
        .execute_batch(&steps.concat())
        .and_then(|()| connection.pragma_update(None, "user_version", VERSION))
        .and_then(|()| connection.execute_batch("COMMIT"));
    if added.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    added
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
    connection.execute_batch(&TABLES.concat())
}
