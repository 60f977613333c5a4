//! How are records kept in the memory of the process?
//!
//! For trials, and for the recount of a file: what its journal says is built up here and compared
//! with what its tables say.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use uuid::Uuid;

use super::alert::{Alert, AlertOf, AlertState};
use super::chain;
use super::change::{Audited, Limit, Override};
use super::entry::{Entry, IssuedKey};
use super::follow::{Tables, follow};
use super::state::{Object, Reservation, State};
use super::store::{Audit, Line, Store, Stored};
use super::upload::{Upload, UploadState};
use super::words::{Balance, Meter, Moment, Payer, Period, Posting};
use crate::key::KeyDigest;

/// Records that end with the process.
#[derive(Debug, Default)]
pub struct Memory {
    pub(super) balances: BTreeMap<(Payer, Meter, Moment), Balance>,
    pub(super) periods: BTreeMap<Payer, Vec<Period>>,
    pub(super) reservations: BTreeMap<Uuid, Reservation>,
    pub(super) objects: BTreeMap<Uuid, Object>,
    pub(super) keys: BTreeMap<Arc<str>, IssuedKey>,
    pub(super) overrides: BTreeMap<(Arc<str>, Limit), Override>,
    pub(super) audit: Vec<Audit>,
    agenda: BTreeMap<Uuid, (Moment, u32)>,
    alerts: BTreeMap<AlertOf, Alert>,
    uploads: BTreeMap<KeyDigest, Upload>,
    journal: Vec<Line>,
}

impl Memory {
    /// Changes what follows from an entry.
    pub fn apply(&mut self, at: Moment, entry: &Entry) {
        let Ok(()) = follow(self, at, entry);
    }

    /// What differs from another one, in words; empty when nothing does. Balances of zero are none.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let touched = |of: &Self| -> BTreeMap<(Payer, Meter, Moment), Balance> {
            let balances = of.balances.iter().filter(|(_, balance)| !balance.is_empty());
            balances.map(|(place, balance)| (place.clone(), *balance)).collect()
        };
        compare("balance", &touched(self), &touched(other), &mut found);
        compare("months of", &self.periods, &other.periods, &mut found);
        compare("reservation", &self.reservations, &other.reservations, &mut found);
        compare("object", &self.objects, &other.objects, &mut found);
        compare("key", &self.keys, &other.keys, &mut found);
        compare("changed limit", &self.overrides, &other.overrides, &mut found);
        let numbered = |of: &Self| -> BTreeMap<u64, Audit> {
            of.audit.iter().map(|line| (line.number, line.clone())).collect()
        };
        compare("audit line", &numbered(self), &numbered(other), &mut found);
        found
    }
}

impl Tables for Memory {
    type Error = Infallible;

    fn post(&mut self, posting: &Posting) -> Result<(), Infallible> {
        let place = (posting.payer.clone(), posting.meter.clone(), posting.period);
        self.balances.entry(place).or_default().post(posting);
        Ok(())
    }

    fn add_period(&mut self, payer: &Payer, period: Period) -> Result<(), Infallible> {
        self.periods.entry(payer.clone()).or_default().push(period);
        Ok(())
    }

    fn find_reservation(&mut self, id: &Uuid) -> Result<Option<Reservation>, Infallible> {
        Ok(self.reservations.get(id).cloned())
    }

    fn put_reservation(&mut self, reservation: &Reservation) -> Result<(), Infallible> {
        self.reservations.insert(reservation.opening.reservation, reservation.clone());
        Ok(())
    }

    fn put_object(&mut self, id: &Uuid, object: &Object) -> Result<(), Infallible> {
        self.objects.insert(*id, object.clone());
        Ok(())
    }

    fn remove_object(&mut self, id: &Uuid) -> Result<(), Infallible> {
        self.objects.remove(id);
        Ok(())
    }

    fn find_key(&mut self, id: &str) -> Result<Option<IssuedKey>, Infallible> {
        Ok(self.keys.get(id).cloned())
    }

    fn put_key(&mut self, key: &IssuedKey) -> Result<(), Infallible> {
        self.keys.insert(key.key.clone(), key.clone());
        Ok(())
    }

    fn put_override(&mut self, change: &Override) -> Result<(), Infallible> {
        let place = (change.tenant.clone(), change.limit.clone());
        self.overrides.insert(place, change.clone());
        Ok(())
    }

    fn remove_override(&mut self, tenant: &str, limit: &Limit) -> Result<(), Infallible> {
        self.overrides.remove(&(tenant.into(), limit.clone()));
        Ok(())
    }

    fn add_audited(&mut self, at: Moment, audited: &Audited) -> Result<(), Infallible> {
        let number = self.audit.len() as u64 + 1;
        self.audit.push(Audit { number, at, audited: audited.clone() });
        Ok(())
    }
}

fn compare<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    one: &BTreeMap<K, V>,
    other: &BTreeMap<K, V>,
    found: &mut Vec<String>,
) {
    let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(key)));
    for key in keys {
        let (one, other) = (one.get(key), other.get(key));
        if one != other {
            found.push(format!("{what} {key:?}: the journal says {one:?}, the table {other:?}"));
        }
    }
}

impl Store for Memory {
    fn begin(&mut self) -> Stored<()> {
        Ok(())
    }

    fn commit(&mut self) -> Stored<()> {
        Ok(())
    }

    // Nothing here can fail, so nothing is ever taken back.
    fn rollback(&mut self) {}

    fn mark(&mut self) -> Stored<()> {
        Ok(())
    }

    fn back_to_mark(&mut self) -> Stored<()> {
        Ok(())
    }

    fn write(&mut self, at: Moment, entry: &Entry) -> Stored<()> {
        let number = self.journal.len() as u64 + 1;
        let line = chain::next(self.journal.last().map(|line| &*line.hash), number, at, entry)?;
        self.apply(at, entry);
        self.journal.push(line);
        Ok(())
    }

    fn schedule(&mut self, reservation: &Uuid, plan: Option<(Moment, u32)>) -> Stored<()> {
        match plan {
            Some(plan) => self.agenda.insert(*reservation, plan),
            None => self.agenda.remove(reservation),
        };
        Ok(())
    }

    fn put_alert(&mut self, alert: &Alert) -> Stored<()> {
        self.alerts.insert(alert.of.clone(), alert.clone());
        Ok(())
    }

    fn alerts(&mut self, most: usize) -> Stored<Vec<Alert>> {
        let mut alerts: Vec<_> = self.alerts.values().rev().cloned().collect();
        alerts.sort_by_key(|alert| std::cmp::Reverse(alert.found));
        alerts.truncate(most);
        Ok(alerts)
    }

    fn pending_alerts(&mut self, webhook: &str, most: usize) -> Stored<Vec<Alert>> {
        let is_pending =
            |one: &&Alert| *one.of.webhook == *webhook && one.state == AlertState::Pending;
        let mut pending: Vec<_> = self.alerts.values().filter(is_pending).cloned().collect();
        pending.sort_by_key(|alert| alert.found);
        pending.truncate(most);
        Ok(pending)
    }

    fn known_thresholds(&mut self, of: &AlertOf) -> Stored<Vec<u32>> {
        let same = |one: &&AlertOf| AlertOf { threshold: of.threshold, ..(*one).clone() } == *of;
        Ok(self.alerts.keys().filter(same).map(|one| one.threshold).collect())
    }

    fn put_upload(&mut self, upload: &Upload) -> Stored<()> {
        self.uploads.insert(upload.token, upload.clone());
        Ok(())
    }

    fn upload(&mut self, token: &KeyDigest) -> Stored<Option<Upload>> {
        Ok(self.uploads.get(token).cloned())
    }

    fn expiring(
        &mut self,
        before: Moment,
        state: Option<UploadState>,
        most: usize,
    ) -> Stored<Vec<Upload>> {
        let meant =
            |one: &&Upload| one.expires < before && state.is_none_or(|state| one.state == state);
        let mut found: Vec<_> = self.uploads.values().filter(meant).cloned().collect();
        found.sort_by_key(|one| one.expires);
        found.truncate(most);
        Ok(found)
    }

    fn remove_upload(&mut self, token: &KeyDigest) -> Stored<()> {
        self.uploads.remove(token);
        Ok(())
    }

    fn periods(&mut self, payer: &Payer) -> Stored<Vec<Period>> {
        Ok(self.periods.get(payer).cloned().unwrap_or_default())
    }

    fn posted(&mut self, payer: &Payer, meter: &Meter, period: Moment) -> Stored<Option<Balance>> {
        let place = (payer.clone(), meter.clone(), period);
        Ok(self.balances.get(&place).copied())
    }

    fn reservation(&mut self, id: &Uuid) -> Stored<Option<Reservation>> {
        Ok(self.reservations.get(id).cloned())
    }

    fn object(&mut self, id: &Uuid) -> Stored<Option<Object>> {
        Ok(self.objects.get(id).cloned())
    }

    fn key(&mut self, id: &str) -> Stored<Option<IssuedKey>> {
        Ok(self.keys.get(id).cloned())
    }

    fn balances(&mut self, payer: &Payer) -> Stored<Vec<(Meter, Moment, Balance)>> {
        let own = self.balances.iter().filter(|((whose, ..), _)| whose == payer);
        Ok(own.map(|((_, meter, period), balance)| (meter.clone(), *period, *balance)).collect())
    }

    fn in_state(&mut self, state: State, most: usize) -> Stored<Vec<Reservation>> {
        let found = self.reservations.values().filter(|one| one.state == state);
        Ok(oldest_first(found.cloned().collect(), most))
    }

    fn opened(&mut self, from: Moment, to: Moment) -> Stored<Vec<Reservation>> {
        let within = |one: &&Reservation| from <= one.opened && one.opened < to;
        let found = self.reservations.values().filter(within);
        Ok(oldest_first(found.cloned().collect(), usize::MAX))
    }

    fn due(&mut self, now: Moment, most: usize) -> Stored<Vec<(Reservation, u32)>> {
        let mut due: Vec<_> = self.agenda.iter().filter(|(_, (at, _))| *at <= now).collect();
        due.sort_by_key(|(_, (at, _))| *at);
        let known = |(id, (_, asked)): (&Uuid, &(Moment, u32))| {
            Some((self.reservations.get(id)?.clone(), *asked))
        };
        Ok(due.into_iter().filter_map(known).take(most).collect())
    }

    fn keys(&mut self) -> Stored<Vec<IssuedKey>> {
        let mut keys: Vec<_> = self.keys.values().cloned().collect();
        keys.sort_by_key(|key| key.created);
        Ok(keys)
    }

    fn overrides(&mut self) -> Stored<Vec<Override>> {
        Ok(self.overrides.values().cloned().collect())
    }

    fn audit(&mut self, before: Option<u64>, most: usize) -> Stored<Vec<Audit>> {
        let earlier = |line: &&Audit| before.is_none_or(|before| line.number < before);
        Ok(self.audit.iter().rev().filter(earlier).take(most).cloned().collect())
    }

    fn requested(&mut self, request: &str, most: usize) -> Stored<Vec<Reservation>> {
        let found = self.reservations.values().filter(|one| &*one.opening.request == request);
        let mut found = oldest_first(found.cloned().collect(), usize::MAX);
        found.reverse();
        found.truncate(most);
        Ok(found)
    }

    fn objects(&mut self, kind: &str) -> Stored<Vec<(Uuid, Object)>> {
        let found = self.objects.iter().filter(|(_, object)| &*object.kind == kind);
        Ok(found.map(|(id, object)| (*id, object.clone())).collect())
    }

    fn journal(&mut self, after: u64, most: usize) -> Stored<Vec<Line>> {
        let lines = self.journal.iter().filter(|line| line.number > after);
        Ok(lines.take(most).cloned().collect())
    }

    fn foreign_changes(&mut self) -> Stored<u64> {
        Ok(0)
    }

    fn contents(&mut self) -> Stored<Memory> {
        let (reservations, objects) = (self.reservations.clone(), self.objects.clone());
        Ok(Self { reservations, objects, ..self.books()? })
    }

    fn books(&mut self) -> Stored<Memory> {
        Ok(Self {
            balances: self.balances.clone(),
            periods: self.periods.clone(),
            keys: self.keys.clone(),
            overrides: self.overrides.clone(),
            audit: self.audit.clone(),
            ..Self::default()
        })
    }

    fn counts(&mut self) -> Stored<(u64, u64)> {
        Ok((self.reservations.len() as u64, self.objects.len() as u64))
    }
}

fn oldest_first(mut found: Vec<Reservation>, most: usize) -> Vec<Reservation> {
    found.sort_by_key(|one| (one.opened, one.opening.reservation));
    found.truncate(most);
    found
}
