//! What must an engine of records be able to do?
//!
//! An engine keeps facts and finds them again; what may be written is decided by the
//! [ledger](super::ledger) alone, on top of these few methods. There are two: a SQLite file, and the
//! memory of the process, which serves trials and is what a file's journal is recounted into.

use std::sync::Arc;

use uuid::Uuid;

use super::alert::{Alert, AlertOf};
use super::change::{Audited, Override};
use super::entry::{Entry, IssuedKey};
use super::memory::Memory;
use super::state::{Object, Owner, Reservation, State};
use super::upload::{Upload, UploadState};
use super::words::{AudioMillis, Balance, Meter, Moment, Payer, Period};
use crate::key::KeyDigest;

/// The engine cannot do it now; nothing of the open transaction is kept.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// A result of an engine.
pub type Stored<T> = Result<T, StoreError>;

/// A place for durable records. Calls block.
pub trait Store: Send {
    /// Begins a transaction in which nobody else writes.
    ///
    /// # Errors
    /// [`StoreError`], like those of all methods: disk full, file locked, damaged or gone.
    fn begin(&mut self) -> Stored<()>;
    /// Makes all since [`begin`](Self::begin) durable.
    fn commit(&mut self) -> Stored<()>;
    /// Forgets all since [`begin`](Self::begin).
    fn rollback(&mut self);
    /// Notes how far the transaction is, in place of an earlier mark.
    fn mark(&mut self) -> Stored<()>;
    /// Forgets all since [`mark`](Self::mark); the transaction goes on. It fails where the engine has
    /// given up the whole transaction.
    fn back_to_mark(&mut self) -> Stored<()>;

    /// Appends to the journal, and changes what follows from it.
    fn write(&mut self, at: Moment, entry: &Entry) -> Stored<()>;
    /// Sets when the upstream is asked about a bound reservation, and how often it was before;
    /// `None`: not again. A plan and no fact: it is not in the journal.
    fn schedule(&mut self, reservation: &Uuid, plan: Option<(Moment, u32)>) -> Stored<()>;

    /// Keeps an alert, or what became of it. A plan and no fact: it is not in the journal.
    fn put_alert(&mut self, alert: &Alert) -> Stored<()>;
    /// All alerts, the latest first, so many at most.
    fn alerts(&mut self, most: usize) -> Stored<Vec<Alert>>;
    /// The alerts that a webhook is still to be sent, the oldest first, so many at most.
    fn pending_alerts(&mut self, webhook: &str, most: usize) -> Stored<Vec<Alert>>;
    /// The thresholds that are kept of the same webhook, limit and month.
    fn known_thresholds(&mut self, of: &AlertOf) -> Stored<Vec<u32>>;

    /// Keeps an upload, or how far it is.
    fn put_upload(&mut self, upload: &Upload) -> Stored<()>;
    /// The upload of a token.
    fn upload(&mut self, token: &KeyDigest) -> Stored<Option<Upload>>;
    /// The uploads that expire before a moment, the first one first, so many at most: only those in
    /// a state, where one is given.
    fn expiring(
        &mut self,
        before: Moment,
        state: Option<UploadState>,
        most: usize,
    ) -> Stored<Vec<Upload>>;
    /// Forgets an upload.
    fn remove_upload(&mut self, token: &KeyDigest) -> Stored<()>;

    /// The months of a payer so far.
    fn periods(&mut self, payer: &Payer) -> Stored<Vec<Period>>;
    /// One balance; `None` where nothing was ever posted, which is not the same as nothing left.
    fn posted(&mut self, payer: &Payer, meter: &Meter, period: Moment) -> Stored<Option<Balance>>;
    /// One balance; empty where there is none.
    fn balance(&mut self, payer: &Payer, meter: &Meter, period: Moment) -> Stored<Balance> {
        Ok(self.posted(payer, meter, period)?.unwrap_or_default())
    }
    /// One reservation.
    fn reservation(&mut self, id: &Uuid) -> Stored<Option<Reservation>>;
    /// One object.
    fn object(&mut self, id: &Uuid) -> Stored<Option<Object>>;
    /// One issued key, by its id.
    fn key(&mut self, id: &str) -> Stored<Option<IssuedKey>>;

    /// The object with what its reservation says.
    fn owner(&mut self, id: &Uuid) -> Stored<Option<Owner>> {
        let Some(object) = self.object(id)? else { return Ok(None) };
        let reservation = match &object.reservation {
            Some(reservation) => self.reservation(reservation)?,
            None => None,
        };
        let job_open = reservation.is_some_and(|reservation| reservation.awaits_outcome());
        Ok(Some(Owner { kind: object.kind, holder: object.holder, job_open }))
    }
    /// All balances of a payer.
    fn balances(&mut self, payer: &Payer) -> Stored<Vec<(Meter, Moment, Balance)>>;
    /// Those of one period, and of what has none.
    fn balances_in(&mut self, payer: &Payer, period: Moment) -> Stored<Vec<(Meter, Balance)>> {
        let all = self.balances(payer)?.into_iter();
        let wanted = all.filter(|(_, of, _)| *of == period || *of == Moment(0));
        Ok(wanted.map(|(meter, _, balance)| (meter, balance)).collect())
    }
    /// How many reservations are not closed, by their state, and how many of them are older than a
    /// moment.
    fn unclosed(&mut self, deadline: Moment) -> Stored<Vec<Unclosed>> {
        let mut found = Vec::new();
        for state in [State::Open, State::Lost, State::Bound] {
            let all = self.in_state(state, usize::MAX)?;
            if let Some(first) = all.first() {
                let overdue = all.iter().filter(|one| one.opened < deadline).count() as u64;
                let (count, oldest) = (all.len() as u64, first.opened);
                found.push(Unclosed { state, count, oldest, overdue });
            }
        }
        Ok(found)
    }
    /// All reservations in a state, the oldest first, so many at most.
    fn in_state(&mut self, state: State, most: usize) -> Stored<Vec<Reservation>>;
    /// All reservations opened from one moment to before another, the oldest first.
    fn opened(&mut self, from: Moment, to: Moment) -> Stored<Vec<Reservation>>;
    /// Those of them that a tenant opened.
    fn opened_by(&mut self, tenant: &str, from: Moment, to: Moment) -> Stored<Vec<Reservation>> {
        let mut opened = self.opened(from, to)?;
        opened.retain(|one| &*one.opening.tenant == tenant);
        Ok(opened)
    }
    /// What was charged to a tenant for calls opened from one moment to before another.
    fn spent(&mut self, tenant: &str, from: Moment, to: Moment) -> Stored<AudioMillis> {
        let own = self.opened_by(tenant, from, to)?;
        Ok(AudioMillis(own.iter().filter_map(|one| one.billed).map(|billed| billed.0).sum()))
    }
    /// What all tenants' jobs cost that were opened from one moment to before another, by tenant.
    fn totals(&mut self, from: Moment, to: Moment) -> Stored<Vec<Total>> {
        let mut totals = std::collections::BTreeMap::<Arc<str>, Total>::new();
        let opened = self.opened(from, to)?.into_iter();
        for job in opened.filter(|one| one.opening.minutes.is_some()) {
            let tenant = &job.opening.tenant;
            let total = totals.entry(Arc::clone(tenant)).or_insert_with(|| Total::of(tenant));
            total.jobs += 1;
            total.open += u64::from(!job.state.is_closed());
            total.length.0 += job.length.unwrap_or_default().0;
            total.billed.0 += job.billed.unwrap_or_default().0;
        }
        Ok(totals.into_values().collect())
    }
    /// What is to be asked by now, the first due first, with the times that it was asked before.
    fn due(&mut self, now: Moment, most: usize) -> Stored<Vec<(Reservation, u32)>>;
    /// All issued keys, the oldest first.
    fn keys(&mut self) -> Stored<Vec<IssuedKey>>;
    /// All changed limits, by tenant and limit; also those whose time is over.
    fn overrides(&mut self) -> Stored<Vec<Override>>;
    /// Who did what, the latest first, before a number where one is given, so many at most.
    fn audit(&mut self, before: Option<u64>, most: usize) -> Stored<Vec<Audit>>;
    /// The reservations that were made for a request, the latest first, so many at most.
    fn requested(&mut self, request: &str, most: usize) -> Stored<Vec<Reservation>>;
    /// All objects of a kind.
    fn objects(&mut self, kind: &str) -> Stored<Vec<(Uuid, Object)>>;
    /// Entries after a number, in their order, so many at most.
    fn journal(&mut self, after: u64, most: usize) -> Stored<Vec<Line>>;
    /// A number that changes when another process has written.
    fn foreign_changes(&mut self) -> Stored<u64>;
    /// All that follows from the journal, as it is kept.
    fn contents(&mut self) -> Stored<Memory>;
    /// The same without reservations and objects, of which there may be millions.
    fn books(&mut self) -> Stored<Memory>;
    /// How many reservations and how many objects there are.
    fn counts(&mut self) -> Stored<(u64, u64)>;
}

/// What a tenant's jobs of some time cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The tenant's id.
    pub tenant: Arc<str>,
    /// How many jobs.
    pub jobs: u64,
    /// How many of them are not settled: what they cost may change.
    pub open: u64,
    /// The length of the audio, as far as it is known.
    pub length: AudioMillis,
    /// What was charged.
    pub billed: AudioMillis,
}

impl Total {
    fn of(tenant: &Arc<str>) -> Self {
        let (length, billed) = (AudioMillis::default(), AudioMillis::default());
        Self { tenant: Arc::clone(tenant), jobs: 0, open: 0, length, billed }
    }
}

/// The reservations in one state that is not the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclosed {
    /// The state.
    pub state: State,
    /// How many, at least one.
    pub count: u64,
    /// When the first of them was opened.
    pub oldest: Moment,
    /// How many of them were opened before the deadline that was asked for.
    pub overdue: u64,
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Its number, from 1 without gaps.
    pub number: u64,
    /// When it was done.
    pub at: Moment,
    /// Who did what.
    pub audited: Audited,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1 without gaps.
    pub number: u64,
    /// When it was written.
    pub at: Moment,
    /// The entry, as JSON.
    pub entry: Arc<str>,
    /// The SHA-256 of the line before it and of this one, in hexadecimal.
    pub hash: Arc<str>,
}
