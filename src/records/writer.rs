//! How do many calls share one wait for the disk?

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use std::{io, iter};

use uuid::Uuid;

use super::handle::{Done, Job, Run, Undo};
use super::health::Health;
use super::store::{Store, StoreError, Stored};
use super::words::Moment;

/// The most jobs in one transaction: beyond it, the first ones would wait for the last.
const MOST: usize = 1024;
/// How often a store that has failed is tried, when nobody else does.
const PROBE: Duration = Duration::from_secs(1);

/// Starts the thread; it ends with the last sender.
pub(super) fn start(
    store: Box<dyn Store>,
    jobs: Receiver<Job>,
    health: Arc<Health>,
) -> io::Result<()> {
    let writer = Writer { store, health, undo: Vec::new() };
    thread::Builder::new().name("records-write".into()).spawn(move || writer.run(&jobs))?;
    Ok(())
}

struct Writer {
    store: Box<dyn Store>,
    health: Arc<Health>,
    /// What is to be taken back and is not yet.
    undo: Vec<Undo>,
}

impl Writer {
    fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let first = match self.wait(jobs) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => Job::Run(Box::new(probe), None),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut batch = Vec::new();
            let mut end = None;
            for job in iter::once(first).chain(jobs.try_iter().take(MOST - 1)) {
                match job {
                    Job::Run(run, waiting) => {
                        drop(waiting);
                        batch.push(run);
                    }
                    Job::Close(tell) => {
                        end = Some(tell);
                        break;
                    }
                }
            }
            let began = Instant::now();
            match self.commit(batch, began) {
                Ok(()) => {
                    self.recovered();
                    self.take_back();
                }
                Err(error) => self.failed(&error),
            }
            if let Some(tell) = end {
                drop(self.store);
                drop(tell);
                return;
            }
        }
    }

    /// Whoever waits is answered by the drop of his job when the store fails; the next job tries
    /// again, and without one a probe does.
    fn wait(&self, jobs: &Receiver<Job>) -> Result<Job, RecvTimeoutError> {
        if self.health.failing.load(Ordering::Relaxed) || !self.undo.is_empty() {
            jobs.recv_timeout(PROBE)
        } else {
            jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
        }
    }

    /// Does all jobs in one transaction; one that fails by itself takes no other with it.
    fn commit(&mut self, batch: Vec<Box<Run>>, began: Instant) -> Stored<()> {
        let done = within(&mut *self.store, |store| {
            let mut done = Vec::with_capacity(batch.len());
            for run in batch {
                done.extend(alone(store, run)?);
            }
            // Where every job has failed, it is the store that may have.
            if done.is_empty() {
                done.push(probe(store)?);
            }
            Ok(done)
        })?;
        // Counted before anybody hears of it: who looks what was written finds the number changed.
        self.health.commit.add(began.elapsed());
        self.health.commits.fetch_add(1, Ordering::Relaxed);
        self.health.jobs.fetch_add(done.len() as u64, Ordering::Relaxed);
        self.undo.extend(done.into_iter().filter_map(|tell| tell()));
        Ok(())
    }

    /// In a transaction of its own: what cannot be taken back must not keep others from writing, and
    /// must not be forgotten either.
    fn take_back(&mut self) {
        if self.undo.is_empty() {
            return;
        }
        let undo = &self.undo;
        let taken_back = within(&mut *self.store, |store| {
            let one = |undo: &Undo| alone(store, |store| undo(store)).map(|done| done.is_some());
            undo.iter().map(one).collect::<Stored<Vec<bool>>>()
        });
        // What could not begin or end has taken nothing back.
        let mut taken_back = taken_back.unwrap_or_default().into_iter();
        self.undo.retain(|_| !taken_back.next().unwrap_or(false));
        if !self.undo.is_empty() {
            let calls = self.undo.len();
            tracing::warn!(calls, "calls that were not forwarded stay reserved for now");
        }
    }

    fn failed(&self, error: &StoreError) {
        self.health.failures.fetch_add(1, Ordering::Relaxed);
        if !self.health.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "records cannot be written: calls that need them are refused");
        }
    }

    fn recovered(&self) {
        if self.health.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("records can be written again");
        }
    }
}

/// Does one job of several; `None`: it has failed, and nothing is left of it.
fn alone<T>(
    store: &mut dyn Store,
    run: impl FnOnce(&mut dyn Store) -> Stored<T>,
) -> Stored<Option<T>> {
    store.mark()?;
    match guarded(store, run) {
        Ok(done) => Ok(Some(done)),
        Err(error) => {
            // Where nothing can be taken back by itself, all is taken back: this is the reason.
            store.back_to_mark().map_err(|_| StoreError(error.0.clone()))?;
            tracing::error!(%error, "one change cannot be recorded; those beside it are");
            Ok(None)
        }
    }
}

fn within<T>(store: &mut dyn Store, run: impl FnOnce(&mut dyn Store) -> Stored<T>) -> Stored<T> {
    store.begin()?;
    match guarded(store, run).and_then(|result| store.commit().map(|()| result)) {
        Ok(result) => Ok(result),
        Err(error) => {
            store.rollback();
            Err(error)
        }
    }
}

/// A defect in one job must not end the thread, and with it every call that has to be counted. The
/// transaction that it leaves half done is taken back.
pub(super) fn guarded<T>(
    store: &mut dyn Store,
    run: impl FnOnce(&mut dyn Store) -> Stored<T>,
) -> Stored<T> {
    catch_unwind(AssertUnwindSafe(|| run(store)))
        .unwrap_or_else(|_| Err(StoreError("a defect: a job of the records panicked".to_owned())))
}

/// Writes something that means nothing, to learn whether the store can.
fn probe(store: &mut dyn Store) -> Stored<Done> {
    store.schedule(&Uuid::nil(), Some((Moment(i64::MAX), 0)))?;
    store.schedule(&Uuid::nil(), None)?;
    Ok(Box::new(|| None))
}
