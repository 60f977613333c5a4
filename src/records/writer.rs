//! How do many calls share one wait for the disk?

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use uuid::Uuid;

use super::handle::{Done, Health, Job};
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
    let writer = Writer { store, health };
    thread::Builder::new().name("records-write".into()).spawn(move || writer.run(&jobs))?;
    Ok(())
}

struct Writer {
    store: Box<dyn Store>,
    health: Arc<Health>,
}

impl Writer {
    fn run(mut self, jobs: &Receiver<Job>) {
        let mut batch: Vec<Job> = Vec::new();
        loop {
            if batch.is_empty() {
                match self.wait(jobs) {
                    Ok(job) => batch.push(job),
                    Err(RecvTimeoutError::Timeout) => batch.push(Job::new(probe)),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            batch.extend(jobs.try_iter().take(MOST.saturating_sub(batch.len())));
            let count = batch.len() as u64;
            batch = match self.commit(batch) {
                Ok(undo) => {
                    self.health.commits.fetch_add(1, Ordering::Relaxed);
                    self.health.jobs.fetch_add(count, Ordering::Relaxed);
                    self.recovered();
                    undo
                }
                Err(error) => {
                    self.failed(&error);
                    Vec::new()
                }
            };
        }
    }

    /// Whoever waits is answered by the drop of his job when the store fails; the next job tries
    /// again, and without one a probe does.
    fn wait(&self, jobs: &Receiver<Job>) -> Result<Job, RecvTimeoutError> {
        if self.health.failing.load(Ordering::Relaxed) {
            jobs.recv_timeout(PROBE)
        } else {
            jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
        }
    }

    /// Does all jobs in one transaction, or none; gives what undoes those that nobody waits for.
    fn commit(&mut self, batch: Vec<Job>) -> Stored<Vec<Job>> {
        self.store.begin()?;
        let done =
            batch.into_iter().map(|job| job.run(&mut *self.store)).collect::<Stored<Vec<Done>>>();
        let done = match done.and_then(|done| self.store.commit().map(|()| done)) {
            Ok(done) => done,
            Err(error) => {
                self.store.rollback();
                return Err(error);
            }
        };
        Ok(done.into_iter().filter_map(|tell| tell()).collect())
    }

    fn failed(&self, error: &StoreError) {
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

/// Writes something that means nothing, to learn whether the store can.
fn probe(store: &mut dyn Store) -> Stored<Done> {
    store.schedule(&Uuid::nil(), Some((Moment(i64::MAX), 0)))?;
    store.schedule(&Uuid::nil(), None)?;
    Ok(Box::new(|| None))
}
