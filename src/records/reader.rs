//! How is read beside the one who writes?

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::handle::Job;
use super::store::Store;
use super::writer::guarded;

/// How often it is looked whether another process has written: what operators do at the command
/// line takes effect within a second.
const LOOK: Duration = Duration::from_millis(500);

/// Starts the thread; it ends with the last sender.
pub(super) fn start(
    store: Box<dyn Store>,
    jobs: Receiver<Job>,
    changed: impl Fn(u64) + Send + 'static,
) -> io::Result<()> {
    let thread = thread::Builder::new().name("records-read".into());
    thread.spawn(move || run(store, &jobs, &changed))?;
    Ok(())
}

fn run(mut store: Box<dyn Store>, jobs: &Receiver<Job>, changed: &dyn Fn(u64)) {
    let mut seen = store.foreign_changes().unwrap_or_default();
    let mut looked = Instant::now();
    loop {
        match jobs.recv_timeout(LOOK.saturating_sub(looked.elapsed())) {
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
        if looked.elapsed() < LOOK {
            continue;
        }
        looked = Instant::now();
        // A store that cannot be read now says so to those who ask it something.
        if let Ok(now) = store.foreign_changes()
            && now != seen
        {
            seen = now;
            changed(now);
        }
    }
}
