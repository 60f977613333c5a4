//! Do the tables say what the journal says, however long it is?
//!
//! What is closed hardly ever changes again, and soon it is nearly all there is. So a recount lets go
//! of it as soon as its row says the same, and keeps in memory what is open, the balances, and
//! whatever a row does not agree with yet. What changes again after that is kept in a second reading.

use std::collections::HashSet;

use uuid::Uuid;

use super::chain;
use super::change::{Audited, Limit, Override};
use super::entry::IssuedKey;
use super::follow::{Tables, follow};
use super::memory::Memory;
use super::state::{Object, Reservation};
use super::store::{Store, StoreError, Stored};
use super::words::{Moment, Payer, Period, Posting};

/// What a whole journal says.
#[derive(Debug)]
pub struct Recount {
    /// Lines.
    pub lines: u64,
    /// The hash of the last line; empty when there is none.
    pub head: String,
    /// What follows from it. After [`verify`] without closed reservations and objects whose rows say
    /// the same.
    pub contents: Memory,
}

/// Reads the whole journal, checks the chain and recounts, all of it in memory.
///
/// # Errors
/// [`StoreError`] that names the first line that does not fit, or when the store cannot be read.
pub fn recount(store: &mut dyn Store) -> Stored<Recount> {
    let mut contents = Memory::default();
    let (lines, head) = chain::each(store, |_, at, entry| {
        contents.apply(at, entry);
        Ok(())
    })?;
    Ok(Recount { lines, head, contents })
}

/// Checks the chain, recounts, and compares with the store's tables, all in one transaction of its
/// own: what others write meanwhile is no difference. Takes memory for what is open, not for all
/// that ever was.
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
    let mut changed = HashSet::new();
    let (recount, let_go) = loop {
        let mut pass = Pass::keeping(changed);
        let (lines, head) = chain::each(store, |store, at, entry| {
            follow(&mut Passing { pass: &mut pass, store }, at, entry)
        })?;
        let Pass { contents, kept, again, let_go } = pass;
        if again.is_empty() {
            break (Recount { lines, head, contents }, let_go);
        }
        changed = kept;
        changed.extend(again);
    };
    let differences = compare(store, &recount.contents, let_go)?;
    Ok((recount, differences))
}

/// How many reservations and objects.
type Counts = (u64, u64);

fn compare(store: &mut dyn Store, contents: &Memory, let_go: Counts) -> Stored<Vec<String>> {
    let mut tables = store.books()?;
    for id in contents.reservations.keys() {
        let row = store.reservation(id)?;
        tables.reservations.extend(row.map(|row| (*id, row)));
    }
    for id in contents.objects.keys() {
        let row = store.object(id)?;
        tables.objects.extend(row.map(|row| (*id, row)));
    }
    let differences = contents.differences(&tables);
    let told =
        (let_go.0 + contents.reservations.len() as u64, let_go.1 + contents.objects.len() as u64);
    if !differences.is_empty() || told == store.counts()? {
        return Ok(differences);
    }
    // There are rows that the journal does not tell of: only all of it says which.
    Ok(recount(store)?.contents.differences(&store.contents()?))
}

/// One reading of the journal.
struct Pass {
    contents: Memory,
    /// What is never let go of, because it changes afterwards.
    kept: HashSet<Uuid>,
    /// What changed, or seemed to, after it was let go of.
    again: HashSet<Uuid>,
    let_go: Counts,
}

impl Pass {
    fn keeping(kept: HashSet<Uuid>) -> Self {
        Self { contents: Memory::default(), kept, again: HashSet::new(), let_go: (0, 0) }
    }
}

struct Passing<'p> {
    pass: &'p mut Pass,
    store: &'p mut dyn Store,
}

impl Passing<'_> {
    /// Something happens to what is not in memory. A row of it says that it may have been before.
    fn missed(&mut self, id: &Uuid, has_row: bool) {
        if has_row && !self.pass.kept.contains(id) {
            self.pass.again.insert(*id);
        }
    }

    /// A memory cannot fail.
    fn memory(&mut self) -> &mut Memory {
        &mut self.pass.contents
    }
}

/// What a memory did; it cannot fail.
fn done<T>(Ok(done): Result<T, std::convert::Infallible>) -> Stored<T> {
    Ok(done)
}

impl Tables for Passing<'_> {
    type Error = StoreError;

    fn find_reservation(&mut self, id: &Uuid) -> Stored<Option<Reservation>> {
        let found = done(self.memory().find_reservation(id))?;
        if found.is_none() {
            let has_row = self.store.reservation(id)?.is_some();
            self.missed(id, has_row);
        }
        Ok(found)
    }

    fn put_reservation(&mut self, reservation: &Reservation) -> Stored<()> {
        let id = &reservation.opening.reservation;
        let may_go = reservation.state.is_closed() && !self.pass.kept.contains(id);
        if may_go && self.store.reservation(id)?.as_ref() == Some(reservation) {
            self.pass.contents.reservations.remove(id);
            self.pass.let_go.0 += 1;
            return Ok(());
        }
        done(self.memory().put_reservation(reservation))
    }

    fn put_object(&mut self, id: &Uuid, object: &Object) -> Stored<()> {
        let may_go = !self.pass.kept.contains(id);
        if may_go && self.store.object(id)?.as_ref() == Some(object) {
            self.pass.contents.objects.remove(id);
            self.pass.let_go.1 += 1;
            return Ok(());
        }
        done(self.memory().put_object(id, object))
    }

    fn remove_object(&mut self, id: &Uuid) -> Stored<()> {
        if self.pass.contents.objects.remove(id).is_none() {
            let has_row = self.store.object(id)?.is_some();
            self.missed(id, has_row);
        }
        Ok(())
    }

    fn post(&mut self, posting: &Posting) -> Stored<()> {
        done(self.memory().post(posting))
    }

    fn add_period(&mut self, payer: &Payer, period: Period) -> Stored<()> {
        done(self.memory().add_period(payer, period))
    }

    fn find_key(&mut self, id: &str) -> Stored<Option<IssuedKey>> {
        done(self.memory().find_key(id))
    }

    fn put_key(&mut self, key: &IssuedKey) -> Stored<()> {
        done(self.memory().put_key(key))
    }

    fn put_override(&mut self, change: &Override) -> Stored<()> {
        done(self.memory().put_override(change))
    }

    fn remove_override(&mut self, tenant: &str, limit: &Limit) -> Stored<()> {
        done(self.memory().remove_override(tenant, limit))
    }

    fn add_audited(&mut self, at: Moment, audited: &Audited) -> Stored<()> {
        done(self.memory().add_audited(at, audited))
    }
}
