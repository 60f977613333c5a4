//! How is read beside the one who writes?

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::handle::Job;
use super::store::Store;
use super::writer::guarded;

/// How often it is looked whether another process has written: what operators do at the command
/// line takes effect within a second.
const LOOK: Duration = Duration::from_millis(500);
/// How often where somebody tells: as a belt.
const LOOK_WHEN_TOLD: Duration = Duration::from_secs(30);

/// What is told of other processes.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Whether somebody tells at all.
    pub(super) is_told: AtomicBool,
    /// One of them has written.
    pub(super) has_written: AtomicBool,
}

impl Told {
    fn look(&self) -> Duration {
        if self.is_told.load(Ordering::Relaxed) { LOOK_WHEN_TOLD } else { LOOK }
    }
}

/// Starts the thread; it ends with the last sender.
pub(super) fn start(
    store: Box<dyn Store>,
    jobs: Receiver<Job>,
    told: Arc<Told>,
    changed: impl Fn(u64) + Send + 'static,
) -> io::Result<()> {
    let thread = thread::Builder::new().name("records-read".into());
    thread.spawn(move || run(store, &jobs, &told, &changed))?;
    Ok(())
}

fn run(mut store: Box<dyn Store>, jobs: &Receiver<Job>, told: &Told, changed: &dyn Fn(u64)) {
    let mut seen = store.foreign_changes().unwrap_or_default();
    let mut looked = Instant::now();
    loop {
        let job = jobs.recv_timeout(told.look().saturating_sub(looked.elapsed()));
        if told.has_written.swap(false, Ordering::Acquire) || looked.elapsed() >= told.look() {
            looked = Instant::now();
            // A store that cannot be read now says so to those who ask it something.
            if let Ok(now) = store.foreign_changes()
                && now != seen
            {
                seen = now;
                changed(now);
            }
        }
        match job {
            Ok(Job::Run(run, waiting)) => {
                drop(waiting);
                match guarded(&mut *store, run) {
                    Ok(tell) => drop(tell()),
                    Err(error) => tracing::error!(%error, "records cannot be read"),
                }
            }
            Ok(Job::Close(tell)) => {
                drop(store);
                drop(tell);
                return;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
