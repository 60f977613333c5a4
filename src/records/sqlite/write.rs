//! How does an entry get into the tables?

use rusqlite::{Connection, Error, OptionalExtension, Result, params};
use uuid::Uuid;

use super::super::chain;
use super::super::change::{Audited, Limit, Override};
use super::super::entry::{Entry, IssuedKey};
use super::super::follow::{Tables, follow};
use super::super::state::{Object, Reservation};
use super::super::store::{Line, StoreError, Stored};
use super::super::words::{Moment, Payer, Period, Posting};
use super::trouble::trouble;
use super::{Access, Sqlite, changes, identity, read};

/// What is known while a transaction is open.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// The number and hash of the journal's last line.
    last: Option<(u64, String)>,
    changed: bool,
    /// The journal's last line at the mark.
    marked: Option<Option<(u64, String)>>,
    /// What was written since the mark is not whole.
    is_broken: bool,
}

impl Sqlite {
    /// Begins to write at once, so that waiting for other processes happens here and nowhere else; a
    /// reader begins to read.
    pub(super) fn begin_transaction(&mut self) -> Stored<()> {
        self.forget_transaction();
        // Into a file without a name one can write for long, and all of it is lost.
        if identity(&self.database)? != self.identity {
            let database = self.database.display();
            return Err(StoreError(format!(
                "another file was put in the place of the records in {database}: restart the gateway"
            )));
        }
        let begin = if self.access == Access::Read { "BEGIN" } else { "BEGIN IMMEDIATE" };
        let begun = self.ask(|connection| {
            connection.prepare_cached(begin)?.execute([])?;
            // Other processes may have written since the last time.
            let sql = "SELECT number, hash FROM journal ORDER BY number DESC LIMIT 1";
            let row = |row: &rusqlite::Row<'_>| Ok((read::to_number(row, 0)?, row.get(1)?));
            connection.prepare_cached(sql)?.query_row([], row).optional()
        });
        match begun {
            Ok(last) => {
                self.transaction = Some(Transaction { last, ..Transaction::default() });
                Ok(())
            }
            Err(error) => {
                self.forget_transaction();
                Err(error)
            }
        }
    }

    pub(super) fn commit_transaction(&mut self) -> Stored<()> {
        let transaction = self.transaction.take().ok_or_else(none_open)?;
        if transaction.is_broken {
            self.forget_transaction();
            return Err(none_open());
        }
        let tell = transaction.changed && self.access == Access::Beside;
        let committed = self.ask(|connection| {
            if tell {
                let sql = "UPDATE foreign_changes SET changes = changes + 1";
                connection.prepare_cached(sql)?.execute([])?;
            }
            connection.prepare_cached("COMMIT")?.execute([])
        });
        if committed.is_err() {
            self.forget_transaction();
        }
        committed.map(|_| ())
    }

    pub(super) fn mark_transaction(&mut self) -> Stored<()> {
        let transaction = self.transaction.as_ref().ok_or_else(none_open)?;
        let (last, marked) = (transaction.last.clone(), transaction.marked.is_some());
        self.ask(|connection| {
            // Marks would pile up inside each other.
            if marked {
                connection.prepare_cached("RELEASE job")?.execute([])?;
            }
            connection.prepare_cached("SAVEPOINT job")?.execute([])
        })?;
        if let Some(transaction) = &mut self.transaction {
            transaction.marked = Some(last);
        }
        Ok(())
    }

    pub(super) fn return_to_mark(&mut self) -> Stored<()> {
        let transaction = self.transaction.as_mut().ok_or_else(none_open)?;
        let Some(last) = transaction.marked.clone() else { return Err(none_open()) };
        (transaction.last, transaction.is_broken) = (last, false);
        let returned = self.ask(|connection| {
            // SQLite has taken all of it back by itself, such as when the disk is full.
            connection.prepare_cached("ROLLBACK TO job")?.execute([])
        });
        if returned.is_err() {
            self.forget_transaction();
        }
        returned.map(|_| ())
    }

    /// Leaves no transaction open. SQLite takes some back by itself, such as when the disk is full.
    pub(super) fn forget_transaction(&mut self) {
        self.transaction = None;
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(error) = self.connection.execute_batch("ROLLBACK") {
            // The next one to begin tries again.
            tracing::error!(%error, "a transaction of the records cannot be taken back");
        }
    }

    /// Writes one line, and what follows from it.
    pub(super) fn append(&mut self, at: Moment, entry: &Entry) -> Stored<()> {
        let transaction = self.transaction.as_ref().ok_or_else(none_open)?;
        let last = transaction.last.as_ref();
        let number = last.map_or(0, |(number, _)| *number).saturating_add(1);
        let line = chain::next(last.map(|(_, hash)| hash.as_str()), number, at, entry)?;
        self.change(|connection| {
            insert(connection, &line)?;
            follow(&mut Writer(connection), at, entry)
        })?;
        if let Some(transaction) = &mut self.transaction {
            transaction.last = Some((line.number, line.hash.to_string()));
        }
        Ok(())
    }

    /// Writes; what fails in the middle takes with it all since the mark, or the whole transaction
    /// where there is none, so that half of a change is never committed.
    pub(super) fn change(&mut self, change: impl FnOnce(&Connection) -> Result<()>) -> Stored<()> {
        let whole = self.transaction.as_mut().filter(|transaction| !transaction.is_broken);
        let transaction = whole.ok_or_else(none_open)?;
        transaction.changed = true;
        let Err(error) = change(&self.connection) else { return Ok(()) };
        transaction.is_broken = true;
        if transaction.marked.is_none() {
            self.forget_transaction();
        }
        Err(trouble(&self.database, &error))
    }
}

fn none_open() -> StoreError {
    StoreError("nothing is kept: no transaction of the records is open".to_owned())
}

fn insert(connection: &Connection, line: &Line) -> Result<()> {
    let sql = "INSERT INTO journal (number, at, entry, hash) VALUES (?1, ?2, ?3, ?4)";
    let number =
        i64::try_from(line.number).map_err(|_| Error::IntegralValueOutOfRange(0, i64::MAX))?;
    connection.prepare_cached(sql)?.execute(params![
        number,
        line.at.0,
        &*line.entry,
        &*line.hash
    ])?;
    Ok(())
}

/// Sets or forgets when a reservation is asked about.
pub(super) fn schedule(
    connection: &Connection,
    reservation: &Uuid,
    plan: Option<(Moment, u32)>,
) -> Result<()> {
    let id = reservation.to_string();
    match plan {
        Some((at, asked)) => connection
            .prepare_cached("INSERT OR REPLACE INTO agenda VALUES (?1, ?2, ?3)")?
            .execute(params![id, at.0, asked])?,
        None => {
            connection.prepare_cached("DELETE FROM agenda WHERE reservation = ?1")?.execute([id])?
        }
    };
    Ok(())
}

/// The tables, for the rule of what follows from an entry.
struct Writer<'a>(&'a Connection);

impl Tables for Writer<'_> {
    type Error = Error;

    fn post(&mut self, posting: &Posting) -> Result<()> {
        // A sum beyond 64 bits is no integer any more, and a strict table refuses it.
        let sql = "INSERT INTO balance VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET \
                   granted = granted + excluded.granted, used = used + excluded.used, \
                   held = held + excluded.held";
        self.0.prepare_cached(sql)?.execute(params![
            posting.payer.as_str(),
            posting.meter.to_string(),
            posting.period.0,
            posting.granted,
            posting.used,
            posting.held,
        ])?;
        Ok(())
    }

    fn add_period(&mut self, payer: &Payer, period: Period) -> Result<()> {
        let sql = "INSERT INTO period (payer, start, \"end\") VALUES (?1, ?2, ?3)";
        let values = params![payer.as_str(), period.start.0, period.end.0];
        self.0.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn find_reservation(&mut self, id: &Uuid) -> Result<Option<Reservation>> {
        read::reservation(self.0, id)
    }

    fn put_reservation(&mut self, reservation: &Reservation) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO reservation VALUES \
                   (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
        let opening = &reservation.opening;
        self.0.prepare_cached(sql)?.execute(params![
            opening.reservation.to_string(),
            reservation.opened.0,
            reservation.state.as_str(),
            &*opening.tenant,
            opening.label.as_deref(),
            &*opening.key,
            &*opening.endpoint,
            &*opening.request,
            opening.creates.as_deref(),
            opening.minutes.map(|minutes| minutes.0),
            opening.upload,
            reservation.object.map(|object| object.to_string()),
            json(&reservation.holds)?,
            reservation.length.map(|length| length.0),
            reservation.billed.map(|billed| billed.0),
            reservation.closed.map(|closed| closed.0),
            reservation.why.map(|why| why.as_str()),
        ])?;
        Ok(())
    }

    fn put_object(&mut self, id: &Uuid, object: &Object) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO object (id, kind, holder, reservation) \
                   VALUES (?1, ?2, ?3, ?4)";
        self.0.prepare_cached(sql)?.execute(params![
            id.to_string(),
            &*object.kind,
            json(&object.holder)?,
            object.reservation.map(|reservation| reservation.to_string()),
        ])?;
        Ok(())
    }

    fn remove_object(&mut self, id: &Uuid) -> Result<()> {
        self.0.prepare_cached("DELETE FROM object WHERE id = ?1")?.execute([id.to_string()])?;
        Ok(())
    }

    fn find_key(&mut self, id: &str) -> Result<Option<IssuedKey>> {
        read::key(self.0, id)
    }

    fn put_key(&mut self, key: &IssuedKey) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO issued_key VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.0.prepare_cached(sql)?.execute(params![
            &*key.key,
            &*key.tenant,
            &*key.sha256,
            &*key.note,
            key.created.0,
            key.expires.map(|expires| expires.0),
            key.revoked.map(|revoked| revoked.0),
            key.successor.as_deref(),
        ])?;
        Ok(())
    }

    fn put_override(&mut self, change: &Override) -> Result<()> {
        changes::put_override(self.0, change)
    }

    fn remove_override(&mut self, tenant: &str, limit: &Limit) -> Result<()> {
        changes::remove_override(self.0, tenant, limit)
    }

    fn add_audited(&mut self, at: Moment, audited: &Audited) -> Result<()> {
        changes::add_audited(self.0, at, audited)
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}
