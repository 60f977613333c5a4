//! How are records kept in one SQLite file?
//!
//! One process [serves](Sqlite::serve) and holds the [`Lock`]; commands write [beside](Sqlite::beside)
//! it, or only [read](Sqlite::read_only). A commit is on the disk when it returns, and costs one
//! flush however much is in it. The tables are explained in `docs/records-schema.md`.

mod alerts;
mod changes;
mod check;
#[cfg(target_os = "linux")]
mod filesystem;
mod lock;
mod place;
mod presence;
mod read;
mod schema;
mod trouble;
mod uploads;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use uuid::Uuid;

pub use lock::Lock;
pub use place::Missing;

use super::alert::{Alert, AlertOf};
use super::change::Override;
use super::entry::{Entry, IssuedKey};
use super::memory::Memory;
use super::state::{Object, Reservation, State};
use super::store::{Audit, Line, Store, StoreError, Stored, Total, Unclosed};
use super::upload::{Upload, UploadState};
use super::words::{AudioMillis, Balance, Meter, Moment, Payer, Period};
use crate::key::KeyDigest;
use place::Found;
use presence::Presence;
use trouble::trouble;
use write::Transaction;

/// How long another process may keep the file locked: longer than any commit takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many statements stay prepared: more than there are.
const STATEMENTS: usize = 64;

/// How much of the log stays on the disk once all of it is in the file.
const LOG_BYTES: i64 = 64 << 20;

/// What may be done with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Serve,
    Beside,
    Read,
}

/// Records in one SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    database: PathBuf,
    identity: (u64, u64),
    access: Access,
    transaction: Option<Transaction>,
    /// After the connection: fields are dropped in their order.
    _presence: Presence,
}

impl Sqlite {
    /// Opens the records to serve them, and makes them where there are none. The whole file is
    /// checked, and its journal recounted. The caller holds the [`Lock`].
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened, or is not what was written.
    pub fn serve(database: &Path) -> Stored<Self> {
        let mut store = Self::open(database, Access::Serve, Missing::Create)?;
        store.check()?;
        store.accept()?;
        Ok(store)
    }

    /// Opens the records for a command, while the gateway may serve them; what it writes shows in
    /// [`foreign_changes`](Store::foreign_changes).
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened.
    pub fn beside(database: &Path, missing: Missing) -> Stored<Self> {
        let store = Self::open(database, Access::Beside, missing)?;
        store.accept()?;
        Ok(store)
    }

    /// Opens the records for reading; a transaction of it sees them as they were at its first read.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened.
    pub fn read_only(database: &Path) -> Stored<Self> {
        Self::open(database, Access::Read, Missing::Refuse)
    }

    fn open(database: &Path, access: Access, missing: Missing) -> Stored<Self> {
        let database = place::canonical(database)?;
        place::refuse_network(&database)?;
        let found = place::examine(&database, missing)?;
        if access == Access::Read && found == Found::Empty {
            let database = database.display();
            return Err(StoreError(format!("there are no records in {database} yet")));
        }
        if access != Access::Read {
            place::tighten(&database);
        }
        let presence = place::enter(&database, found)?;
        let connection = connect(&database, access).map_err(|error| trouble(&database, &error))?;
        refuse_read_only(&connection, &database, access)?;
        schema::prepare(&connection, &database, found, access)?;
        log(&connection, &database, access)?;
        if access != Access::Read {
            lock::remember_made(&database)?;
        }
        let identity = identity(&database)?;
        Ok(Self { connection, database, identity, access, transaction: None, _presence: presence })
    }

    /// From now on, closing moves the log into the file.
    fn accept(&self) -> Stored<()> {
        self.ask(|connection| keep_log(connection, false))
    }

    /// Reads, and says in words what went wrong.
    fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Stored<T> {
        ask(&self.connection).map_err(|error| trouble(&self.database, &error))
    }
}

fn connect(database: &Path, access: Access) -> rusqlite::Result<Connection> {
    let rights = match access {
        Access::Serve | Access::Beside => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let flags = rights | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    keep_log(&connection, true)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // What a damaged file says about itself is not believed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.pragma_update(None, "cell_size_check", "ON")?;
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A log that grew while somebody read for long is cut again.
    let limit = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, limit)?;
    Ok(connection)
}

/// SQLite opens for reading what it cannot open for writing, and stays with that for good.
fn refuse_read_only(connection: &Connection, database: &Path, access: Access) -> Stored<()> {
    let readonly = connection.is_readonly("main").map_err(|error| trouble(database, &error))?;
    if access == Access::Read || !readonly {
        return Ok(());
    }
    Err(trouble::read_only(database))
}

/// Whether closing leaves the log where it is: a file that is refused stays as it was found.
fn keep_log(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep).map(|_| ())
}

/// Turns the log on: readers and the writer do not wait for each other.
fn log(connection: &Connection, database: &Path, access: Access) -> Stored<()> {
    let said = trouble;
    let ask = |sql| connection.query_row(sql, [], |row| row.get::<_, String>(0));
    let mode = ask("PRAGMA journal_mode").map_err(|error| said(database, &error))?;
    if mode == "wal" {
        return Ok(());
    }
    let mode = match access {
        Access::Read => mode,
        _ => patiently(|| ask("PRAGMA journal_mode = WAL"))
            .map_err(|error| said(database, &error))?,
    };
    if mode == "wal" {
        // The journal by which SQLite would turn it off again after a power cut is gone for good
        // before there is a log: its delete is not synced by SQLite.
        place::sync_folder(database);
        return Ok(());
    }
    let database = database.display();
    Err(StoreError(format!(
        "the records in {database} keep no log beside them (journal_mode is {mode}): let the \
         gateway's user write the file and its folder, and start the gateway once"
    )))
}

/// SQLite does not wait for others where it turns the log on: two processes that make one file would
/// refuse each other.
fn patiently<T>(mut ask: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < until =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

fn identity(database: &Path) -> Stored<(u64, u64)> {
    let metadata = std::fs::metadata(database).map_err(|error| {
        let database = database.display();
        StoreError(format!(
            "the records in {database} are gone ({error}): put them back, and restart the gateway"
        ))
    })?;
    Ok(place::identity(&metadata))
}

impl Store for Sqlite {
    fn begin(&mut self) -> Stored<()> {
        self.begin_transaction()
    }

    fn commit(&mut self) -> Stored<()> {
        self.commit_transaction()?;
        if self.access == Access::Beside {
            lock::tell(&self.database);
        }
        Ok(())
    }

    fn rollback(&mut self) {
        self.forget_transaction();
    }

    fn mark(&mut self) -> Stored<()> {
        self.mark_transaction()
    }

    fn back_to_mark(&mut self) -> Stored<()> {
        self.return_to_mark()
    }

    fn write(&mut self, at: Moment, entry: &Entry) -> Stored<()> {
        self.append(at, entry)
    }

    fn schedule(&mut self, reservation: &Uuid, plan: Option<(Moment, u32)>) -> Stored<()> {
        self.change(|connection| write::schedule(connection, reservation, plan))
    }

    fn put_alert(&mut self, alert: &Alert) -> Stored<()> {
        self.change(|connection| alerts::put(connection, alert))
    }

    fn alerts(&mut self, most: usize) -> Stored<Vec<Alert>> {
        self.ask(|connection| alerts::latest(connection, most))
    }

    fn pending_alerts(&mut self, webhook: &str, most: usize) -> Stored<Vec<Alert>> {
        self.ask(|connection| alerts::pending(connection, webhook, most))
    }

    fn known_thresholds(&mut self, of: &AlertOf) -> Stored<Vec<u32>> {
        self.ask(|connection| alerts::known(connection, of))
    }

    fn put_upload(&mut self, upload: &Upload) -> Stored<()> {
        self.change(|connection| uploads::put(connection, upload))
    }

    fn upload(&mut self, token: &KeyDigest) -> Stored<Option<Upload>> {
        self.ask(|connection| uploads::find(connection, token))
    }

    fn expiring(
        &mut self,
        before: Moment,
        state: Option<UploadState>,
        most: usize,
    ) -> Stored<Vec<Upload>> {
        self.ask(|connection| uploads::expiring(connection, before, state, most))
    }

    fn remove_upload(&mut self, token: &KeyDigest) -> Stored<()> {
        self.change(|connection| uploads::remove(connection, token))
    }

    fn periods(&mut self, payer: &Payer) -> Stored<Vec<Period>> {
        self.ask(|connection| read::periods(connection, payer))
    }

    fn posted(&mut self, payer: &Payer, meter: &Meter, period: Moment) -> Stored<Option<Balance>> {
        self.ask(|connection| read::posted(connection, payer, meter, period))
    }

    fn reservation(&mut self, id: &Uuid) -> Stored<Option<Reservation>> {
        self.ask(|connection| read::reservation(connection, id))
    }

    fn object(&mut self, id: &Uuid) -> Stored<Option<Object>> {
        self.ask(|connection| read::object(connection, id))
    }

    fn key(&mut self, id: &str) -> Stored<Option<IssuedKey>> {
        self.ask(|connection| read::key(connection, id))
    }

    fn balances(&mut self, payer: &Payer) -> Stored<Vec<(Meter, Moment, Balance)>> {
        self.ask(|connection| read::balances(connection, payer))
    }

    fn balances_in(&mut self, payer: &Payer, period: Moment) -> Stored<Vec<(Meter, Balance)>> {
        self.ask(|connection| read::balances_in(connection, payer, period))
    }

    fn unclosed(&mut self, deadline: Moment) -> Stored<Vec<Unclosed>> {
        self.ask(|connection| read::unclosed(connection, deadline))
    }

    fn in_state(&mut self, state: State, most: usize) -> Stored<Vec<Reservation>> {
        self.ask(|connection| read::in_state(connection, state, most))
    }

    fn opened(&mut self, from: Moment, to: Moment) -> Stored<Vec<Reservation>> {
        self.ask(|connection| read::opened(connection, from, to))
    }

    fn opened_by(&mut self, tenant: &str, from: Moment, to: Moment) -> Stored<Vec<Reservation>> {
        self.ask(|connection| read::opened_by(connection, tenant, from, to))
    }

    fn spent(&mut self, tenant: &str, from: Moment, to: Moment) -> Stored<AudioMillis> {
        self.ask(|connection| read::spent(connection, tenant, from, to))
    }

    fn totals(&mut self, from: Moment, to: Moment) -> Stored<Vec<Total>> {
        self.ask(|connection| read::totals(connection, from, to))
    }

    fn due(&mut self, now: Moment, most: usize) -> Stored<Vec<(Reservation, u32)>> {
        self.ask(|connection| read::due(connection, now, most))
    }

    fn keys(&mut self) -> Stored<Vec<IssuedKey>> {
        self.ask(read::keys)
    }

    fn overrides(&mut self) -> Stored<Vec<Override>> {
        self.ask(changes::overrides)
    }

    fn audit(&mut self, before: Option<u64>, most: usize) -> Stored<Vec<Audit>> {
        self.ask(|connection| changes::audit(connection, before, most))
    }

    fn requested(&mut self, request: &str, most: usize) -> Stored<Vec<Reservation>> {
        self.ask(|connection| read::requested(connection, request, most))
    }

    fn objects(&mut self, kind: &str) -> Stored<Vec<(Uuid, Object)>> {
        self.ask(|connection| read::objects(connection, kind))
    }

    fn journal(&mut self, after: u64, most: usize) -> Stored<Vec<Line>> {
        self.ask(|connection| read::journal(connection, after, most))
    }

    fn foreign_changes(&mut self) -> Stored<u64> {
        self.ask(read::foreign_changes)
    }

    fn contents(&mut self) -> Stored<Memory> {
        self.ask(read::contents)
    }

    fn books(&mut self) -> Stored<Memory> {
        self.ask(read::books)
    }

    fn counts(&mut self) -> Stored<(u64, u64)> {
        self.ask(read::counts)
    }
}
