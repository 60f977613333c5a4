//! The worker: one question at a time, the most urgent first.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tower::Layer;
use uuid::Uuid;

use super::schedule::{Outcome, asked_by, by_policy, outcome};
use crate::contract::Contract;
use crate::forward::Forward;
use crate::pace::{PaceLayer, Paces};
use crate::quota::{Look, Rounding, Settle, look};
use crate::records::{
    Moment, Records, Reservation, State, Store, Stored, Unavailable, Why, ledger,
};
use crate::tenant::Tenant;
use crate::upstream::Upstream;

/// Without anything due, how often it is looked whether something has become due.
const IDLE: Duration = Duration::from_secs(5);
/// How often reservations without a job are held against the deadline.
const SWEEP: Duration = Duration::from_secs(60);
/// The most that is closed in one sweep.
const SWEPT: usize = 500;
/// Jobs that were read by tenants and wait for their turn; further ones wait for their time.
const NUDGED: usize = 64;
/// A job is not asked about more often than this, however often it is read.
const RESPITE: Duration = Duration::from_secs(5);

/// After an outcome could not be written, before the job is asked about again: others come first.
const WRITE_AGAIN: Duration = Duration::from_secs(60);

/// What the worker works with.
#[derive(Debug)]
pub struct Setup {
    /// Which endpoint tells about jobs.
    pub contract: Arc<Contract>,
    /// A client of the worker's own: its connections belong to its runtime.
    pub upstream: Arc<Upstream>,
    /// How often it is asked, and what becomes of what nobody tells.
    pub settle: Settle,
    /// To what a length is rounded up.
    pub rounding: Rounding,
    /// The account's rates, which the worker shares with the tenants' calls as one more of them.
    pub paces: Arc<Paces>,
}

/// As whom the worker waits for the account's rate: no tenant has an empty id.
fn itself() -> Arc<Tenant> {
    Arc::new(Tenant { index: usize::MAX, id: "".into() })
}

/// The worker.
#[derive(Debug)]
pub struct Settler {
    records: Records,
    setups: watch::Receiver<Arc<Setup>>,
    clock: fn() -> Moment,
    nudged: VecDeque<Uuid>,
    /// Jobs that were asked about a moment ago.
    recent: VecDeque<(Uuid, Instant)>,
    /// Reservations whose outcome could not be written a moment ago.
    unwritten: VecDeque<(Uuid, Instant)>,
    /// Whether what is due has the next turn before what tenants look at.
    due_first: bool,
    /// The time of the last sweep, by the clock of reservations.
    swept_at: Moment,
}

impl Settler {
    /// Settles what is in these records; a new setup takes effect with the next question.
    pub fn new(
        records: Records,
        setups: watch::Receiver<Arc<Setup>>,
        clock: fn() -> Moment,
    ) -> Self {
        let (nudged, recent, unwritten) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        let swept_at = Moment(i64::MIN);
        Self { records, setups, clock, nudged, recent, unwritten, due_first: false, swept_at }
    }

    /// Works until it is dropped; at once where another worker settles these records.
    pub async fn run(mut self) {
        let Some(mut nudges) = self.records.nudges() else { return };
        let mut swept = None;
        loop {
            if swept.is_none_or(|at: Instant| at.elapsed() >= SWEEP) {
                swept = Some(Instant::now());
                self.sweep().await;
            }
            let began = Instant::now();
            let asked = match self.next().await {
                Some((reservation, asked)) => {
                    self.ask(&reservation, asked).await;
                    true
                }
                None => false,
            };
            let per_minute = self.setups.borrow().settle.per_minute;
            let pause = if asked { Duration::from_secs(60) / per_minute.get() } else { IDLE };
            self.rest(&mut nudges, began + pause, asked).await;
        }
    }

    /// Waits for the next turn. A nudge ends an idle wait, and never shortens a pause.
    async fn rest(&mut self, nudges: &mut mpsc::Receiver<Uuid>, until: Instant, asked: bool) {
        while let Ok(Some(id)) = timeout_at(until, nudges.recv()).await {
            self.nudge(id);
            while let Ok(id) = nudges.try_recv() {
                self.nudge(id);
            }
            if !asked && !self.nudged.is_empty() {
                return;
            }
        }
        sleep_until(until).await;
    }

    fn nudge(&mut self, id: Uuid) {
        self.forget_recent();
        let known = self.recent.iter().any(|(recent, _)| *recent == id);
        if !known && !self.nudged.contains(&id) && self.nudged.len() < NUDGED {
            self.nudged.push_back(id);
        }
    }

    /// The next reservation to ask about: what tenants look at and what is due take turns, so that
    /// nobody who reads without pause keeps the jobs of others from their settlement.
    async fn next(&mut self) -> Option<(Reservation, u32)> {
        // Whoever asks now could not keep the answer.
        if !self.records.is_healthy() {
            return None;
        }
        self.due_first = !self.due_first;
        if self.due_first {
            match self.due().await {
                Some(due) => Some(due),
                None => self.nudged().await,
            }
        } else {
            match self.nudged().await {
                Some(nudged) => Some(nudged),
                None => self.due().await,
            }
        }
    }

    async fn nudged(&mut self) -> Option<(Reservation, u32)> {
        while let Some(id) = self.nudged.pop_front() {
            let nudged = self.records.read(move |store| {
                let object = store.object(&id)?;
                let Some(reservation) = object.and_then(|object| object.reservation) else {
                    return Ok(None);
                };
                store.reservation(&reservation)
            });
            if let Ok(Some(reservation)) = nudged.await
                && reservation.awaits_outcome()
            {
                let age = reservation.opened.until((self.clock)());
                return Some((reservation, asked_by(age)));
            }
        }
        None
    }

    async fn due(&mut self) -> Option<(Reservation, u32)> {
        while self.unwritten.front().is_some_and(|(_, at)| at.elapsed() >= WRITE_AGAIN) {
            self.unwritten.pop_front();
        }
        let (now, most) = ((self.clock)(), self.unwritten.len() + 1);
        let due = self.records.read(move |store| store.due(now, most)).await;
        let waits = |id: &Uuid| self.unwritten.iter().any(|(unwritten, _)| unwritten == id);
        due.ok()?.into_iter().find(|(one, _)| !waits(&one.opening.reservation))
    }

    fn forget_recent(&mut self) {
        while self.recent.front().is_some_and(|(_, at)| at.elapsed() >= RESPITE) {
            self.recent.pop_front();
        }
    }

    async fn ask(&mut self, reservation: &Reservation, asked: u32) {
        let setup = Arc::clone(&self.setups.borrow());
        let look = match (reservation.object, self.reader(&setup, reservation)) {
            (Some(object), Some(reader)) => {
                self.forget_recent();
                self.recent.push_back((object, Instant::now()));
                let forward = Forward::new(Arc::clone(&setup.upstream));
                let mut paced = PaceLayer::new(Arc::clone(&setup.paces)).layer(forward);
                look(&mut paced, &reader, &object, Some(&itself())).await
            }
            // The contract has changed since: nobody can be asked.
            _ => Look::Silent,
        };
        let now = (self.clock)();
        let decided = outcome(reservation, look, asked, now, &setup.settle);
        if self.write(reservation, decided, asked, now, setup.rounding).await.is_err() {
            tracing::warn!("a job's outcome could not be written; it is asked about again");
            // Without this, one job that cannot be written would keep all others waiting.
            self.unwritten.push_back((reservation.opening.reservation, Instant::now()));
        }
    }

    fn reader(
        &self,
        setup: &Setup,
        reservation: &Reservation,
    ) -> Option<crate::contract::JobReader> {
        setup.contract.job_reader(reservation.opening.creates.as_deref()?)
    }

    async fn write(
        &self,
        reservation: &Reservation,
        decided: Outcome,
        asked: u32,
        now: Moment,
        rounding: Rounding,
    ) -> Result<(), Unavailable> {
        let id = reservation.opening.reservation;
        let run = move |store: &mut dyn Store| -> Stored<()> {
            match decided {
                Outcome::Settle(length) => {
                    let audio = (length, rounding.bill(length));
                    ledger::settle(store, &id, Some(audio), Why::Done, now)?;
                }
                Outcome::Release(why) => drop(ledger::release(store, &id, why, now)?),
                Outcome::ChargeByPolicy => {
                    ledger::settle(store, &id, None, Why::Policy, now)?;
                }
                Outcome::GiveUp => store.schedule(&id, None)?,
                Outcome::AskAgain(at) | Outcome::PutOff(at) => {
                    let counted = u32::from(matches!(decided, Outcome::AskAgain(_)));
                    // Whoever has closed it in between does not want it asked about again.
                    let awaits = store.reservation(&id)?.is_some_and(|now| now.awaits_outcome());
                    store.schedule(&id, awaits.then_some((at, asked.saturating_add(counted))))?;
                }
            }
            Ok(())
        };
        self.records.write(run).await?;
        if matches!(decided, Outcome::ChargeByPolicy | Outcome::Release(Why::Policy)) {
            self.records.note_unresolved();
        }
        let open = matches!(decided, Outcome::AskAgain(_) | Outcome::PutOff(_));
        if let (Some(object), false) = (reservation.object, open) {
            self.records.forget(&object);
        }
        Ok(())
    }

    /// Closes by policy what was lost, and what uploads hold that never happened.
    async fn sweep(&mut self) {
        let setup = Arc::clone(&self.setups.borrow());
        let now = (self.clock)();
        if now < self.swept_at {
            // What was planned under a clock that was ahead would not be asked about for as long.
            let run = move |store: &mut dyn Store| ledger::reschedule(store, now).map(drop);
            let _ = self.records.write(run).await;
        }
        self.swept_at = now;
        let lost = self.records.read(|store| store.in_state(State::Lost, SWEPT)).await;
        for reservation in lost.unwrap_or_default() {
            if let Some(decided) = by_policy(&reservation, now, &setup.settle) {
                // What fails now is found again by the next sweep.
                let _ = self.write(&reservation, decided, 0, now, setup.rounding).await;
            }
        }
        let expired = move |store: &mut dyn Store| ledger::expire_uploads(store, now, SWEPT);
        for object in self.records.write(expired).await.unwrap_or_default() {
            self.records.forget(&object);
        }
    }
}
