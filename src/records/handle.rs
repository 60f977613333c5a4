//! How do rooms and workers reach the records?
//!
//! One thread writes: it takes all that waits into one transaction, so that hundreds of calls share
//! the one wait for the disk. Another one reads. No single question waits longer for either than
//! [`LONGEST_WAIT`]; a long list is several.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::entry::Why;
use super::health::{Fares, Health, Waiting};
use super::ledger::{self, Denied, Reserve, Reserved};
use super::reader::Told;
use super::state::Owner;
use super::store::{Store, Stored};
use super::{reader, writer};

/// How long a caller waits for the store before it counts as unavailable.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Jobs that wait for a thread; more of them mean that the store has stopped.
pub const QUEUE: usize = 8192;
/// Owners that are kept in memory: about 20 MB at most.
const REMEMBERED: u64 = 100_000;
/// Owners that are looked up in one turn.
const AT_ONCE: usize = 500;
/// Reads of open jobs that the settlement has not seen yet; more are dropped.
const NUDGES: usize = 1024;

/// The store does not answer, or cannot do what was asked. The reason is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the records do not answer")]
pub struct Unavailable;

/// What a thread does with its store; it gives what is to be done once that is durable.
pub(super) enum Job {
    /// Something to do, and that it waits in a queue.
    Run(Box<Run>, Option<Waiting>),
    /// The end: the store is closed, and then the sender dropped.
    Close(oneshot::Sender<()>),
}
pub(super) type Run = dyn FnOnce(&mut dyn Store) -> Stored<Done> + Send;
/// Tells the one who waits; it gives what undoes the job where nobody waits any more.
pub(super) type Done = Box<dyn FnOnce() -> Option<Undo> + Send>;
/// Takes back what nobody got; it is done again until it is durable.
pub(super) type Undo = Box<dyn Fn(&mut dyn Store) -> Stored<()> + Send>;

/// The way to one of the threads.
#[derive(Clone)]
struct Queue {
    jobs: SyncSender<Job>,
    waiting: Arc<AtomicU64>,
}

impl From<SyncSender<Job>> for Queue {
    fn from(jobs: SyncSender<Job>) -> Self {
        Self { jobs, waiting: Arc::default() }
    }
}

/// The durable records. Clones are the same handle; with the last one the threads end.
#[derive(Clone)]
pub struct Records(Arc<Shared>);

struct Shared {
    writes: Queue,
    reads: Queue,
    /// Never the truth: what is forgotten is read again. An object never moves to another tenant.
    owners: Cache<Uuid, Arc<Owner>>,
    nudge: mpsc::Sender<Uuid>,
    nudges: Mutex<Option<mpsc::Receiver<Uuid>>>,
    health: Arc<Health>,
    changes: watch::Receiver<u64>,
    told: Arc<Told>,
}

impl Records {
    /// Starts the threads. `reader` is a second connection to the same records; without one, reads
    /// take turns with writes.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(writer: Box<dyn Store>, reader: Option<Box<dyn Store>>) -> std::io::Result<Self> {
        let health = Arc::new(Health::default());
        let owners = Cache::new(REMEMBERED);
        let (writes, jobs) = sync_channel(QUEUE);
        writer::start(writer, jobs, Arc::clone(&health))?;
        let writes = Queue::from(writes);
        let told = Arc::<Told>::default();
        let (announce, changes) = watch::channel(0);
        let reads = match reader {
            None => writes.clone(),
            Some(reader) => {
                let (reads, jobs) = sync_channel(QUEUE);
                let cache = owners.clone();
                reader::start(reader, jobs, Arc::clone(&told), move |changes| {
                    cache.invalidate_all();
                    let _ = announce.send(changes);
                })?;
                reads.into()
            }
        };
        let (nudge, nudges) = mpsc::channel(NUDGES);
        let nudges = Mutex::new(Some(nudges));
        let shared = Shared { writes, reads, owners, nudge, nudges, health, changes, told };
        Ok(Self(Arc::new(shared)))
    }

    /// Records that never answer: whatever needs them is refused.
    pub fn none() -> Self {
        let (writes, _) = sync_channel(1);
        let (reads, _) = sync_channel(1);
        let (nudge, nudges) = mpsc::channel(1);
        let shared = Shared {
            writes: writes.into(),
            reads: reads.into(),
            owners: Cache::new(0),
            nudge,
            nudges: Mutex::new(Some(nudges)),
            health: Arc::default(),
            changes: watch::channel(0).1,
            told: Arc::default(),
        };
        Self(Arc::new(shared))
    }

    /// Writes in a transaction, together with whatever else waits; the result is durable.
    ///
    /// # Errors
    /// [`Unavailable`]; nothing was written then, or it is not known whether it was.
    pub async fn write<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut dyn Store) -> Stored<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        ask(&self.0.writes, run, |_| None).await
    }

    /// Charges a call before it is forwarded. Where the answer comes too late for the caller, the
    /// reservation is released again.
    ///
    /// # Errors
    /// [`Unavailable`]: the call must not be forwarded.
    pub async fn reserve(&self, reserve: Reserve) -> Result<Result<Reserved, Denied>, Unavailable> {
        let (id, at) = (reserve.opening.reservation, reserve.at);
        let undo = move |outcome: &Result<Reserved, Denied>| {
            outcome.is_ok().then(|| -> Undo {
                Box::new(move |store| ledger::release(store, &id, Why::Abandoned, at).map(drop))
            })
        };
        ask(&self.0.writes, move |store| ledger::reserve(store, &reserve), undo).await
    }

    /// Reads what is durable.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut dyn Store) -> Stored<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        ask(&self.0.reads, run, |_| None).await
    }

    /// Who may use an object, from memory only. `None`: not in memory, ask
    /// [`owners`](Self::owners).
    pub fn remembered(&self, id: &Uuid) -> Option<Arc<Owner>> {
        self.0.owners.get(id)
    }

    /// Who may use these objects, in their order; `None`: nobody, as far as records know.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn owners(&self, ids: Vec<Uuid>) -> Result<Vec<Option<Arc<Owner>>>, Unavailable> {
        let mut owners: Vec<Option<Arc<Owner>>> =
            ids.iter().map(|id| self.remembered(id)).collect();
        let missing: Vec<usize> = (0..ids.len()).filter(|at| owners[*at].is_none()).collect();
        // In pieces: a long list of one tenant must not keep the look-ups of others waiting.
        for places in missing.chunks(AT_ONCE) {
            let piece: Vec<Uuid> = places.iter().map(|at| ids[*at]).collect();
            let cache = self.0.owners.clone();
            let found = self.read(move |store| {
                let owner = |id: &Uuid| {
                    let owner = store.owner(id)?.map(Arc::new);
                    if let Some(owner) = &owner {
                        cache.insert(*id, Arc::clone(owner));
                    }
                    Ok(owner)
                };
                piece.iter().map(owner).collect::<Stored<Vec<_>>>()
            });
            for (at, owner) in places.iter().zip(found.await?) {
                owners[*at] = owner;
            }
        }
        Ok(owners)
    }

    /// Forgets what memory says of an object, because it has changed.
    pub fn forget(&self, id: &Uuid) {
        self.0.owners.invalidate(id);
    }

    /// A read of an open job has passed: its settlement may look again soon.
    pub fn nudge(&self, id: &Uuid) {
        // A full queue loses a hint and no fact.
        let _ = self.0.nudge.try_send(*id);
    }

    /// The nudges, for the one worker that settles; `None` after the first time.
    pub fn nudges(&self) -> Option<mpsc::Receiver<Uuid>> {
        // A poisoned lock still holds the receiver; nothing inside can be half done.
        self.0.nudges.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// The nudges so far, for tests of those who give them.
    #[cfg(test)]
    pub(crate) fn nudged(&self) -> Vec<Uuid> {
        let mut nudges = self.0.nudges.lock().unwrap();
        std::iter::from_fn(|| nudges.as_mut()?.try_recv().ok()).collect()
    }

    /// Closes the store, so that all of it is in its file; whoever asks afterwards is refused.
    pub async fn close(&self) {
        // The reader first: the last one to close moves the log into the file.
        for queue in [&self.0.reads, &self.0.writes] {
            let (tell, closed) = oneshot::channel();
            if queue.jobs.try_send(Job::Close(tell)).is_ok() {
                // Nothing is sent: the store is closed when the other end is dropped.
                let _ = tokio::time::timeout(LONGEST_WAIT, closed).await;
            }
        }
    }

    /// A number that changes within a second when another process has written.
    pub fn foreign_changes(&self) -> watch::Receiver<u64> {
        self.0.changes.clone()
    }

    /// Whether somebody calls [`look`](Self::look) when another process has written. Then it is not
    /// looked twice a second; by default it is.
    pub fn set_told(&self, is_told: bool) {
        self.0.told.is_told.store(is_told, Ordering::Relaxed);
    }

    /// Looks whether another process has written: then [`foreign_changes`](Self::foreign_changes) has
    /// changed when this ends.
    pub async fn look(&self) {
        self.0.told.has_written.store(true, Ordering::Release);
        // The look itself needs no answer: it comes before what is asked next.
        let _ = self.read(|_| Ok(())).await;
    }

    /// Whether the last thing that was written is durable.
    pub fn is_healthy(&self) -> bool {
        !self.0.health.failing.load(Ordering::Relaxed)
    }

    /// Notes a call that passed uncounted, because the records could not be written.
    pub fn note_uncounted(&self) {
        self.0.health.uncounted.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes a call that was closed by policy, because nobody told what became of it.
    pub fn note_unresolved(&self) {
        self.0.health.unresolved.fetch_add(1, Ordering::Relaxed);
    }

    /// How many transactions were committed, and how many jobs they carried.
    pub fn commits(&self) -> (u64, u64) {
        let health = &self.0.health;
        (health.commits.load(Ordering::Relaxed), health.jobs.load(Ordering::Relaxed))
    }

    /// All that is counted of the records themselves.
    pub fn fares(&self) -> Fares {
        let waiting = |queue: &Queue| queue.waiting.load(Ordering::Relaxed);
        self.0.health.fares(waiting(&self.0.writes), waiting(&self.0.reads))
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("health", &self.0.health).finish_non_exhaustive()
    }
}

/// Sends a job and waits for its result. `undo` says what takes back a result that nobody got.
async fn ask<T: Send + 'static>(
    queue: &Queue,
    run: impl FnOnce(&mut dyn Store) -> Stored<T> + Send + 'static,
    undo: impl FnOnce(&T) -> Option<Undo> + Send + 'static,
) -> Result<T, Unavailable> {
    let (tell, told) = oneshot::channel();
    let run: Box<Run> = Box::new(move |store| {
        if tell.is_closed() {
            return Ok(Box::new(|| None));
        }
        let result = run(store)?;
        Ok(Box::new(move || tell.send(result).err().and_then(|lost| undo(&lost))))
    });
    let job = Job::Run(run, Some(Waiting::new(&queue.waiting)));
    queue.jobs.try_send(job).map_err(|error| {
        if matches!(error, TrySendError::Full(_)) {
            tracing::error!(waiting = QUEUE, "the records do not keep up");
        }
        Unavailable
    })?;
    match tokio::time::timeout(LONGEST_WAIT, told).await {
        Ok(Ok(result)) => Ok(result),
        // The thread has dropped the job with its transaction, or it is too slow.
        Ok(Err(_)) | Err(_) => Err(Unavailable),
    }
}
