//! How are the durable records opened, and by one gateway at a time?

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use heify_gateway::config;
use heify_gateway::records::{Lock, Moment, Records, Sqlite, Store, StoreError, ledger};
use inotify::{EventMask, Inotify, WatchMask};
use tokio::time::Instant;

use super::Exit;

/// How often it is looked whether another gateway has let go of the records.
const LOOK: Duration = Duration::from_millis(200);

/// The records of a running gateway, and the lock that keeps others from them.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) records: Records,
    _lock: Lock,
}

/// Why the records cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(
        "another gateway uses the records in {}, and did not end within {} s: stop it, or give this \
         one records of its own ([records] url)",
        path.display(), wait.as_secs()
    )]
    InUse { path: PathBuf, wait: Duration },
    #[error("records in {}: {error}", path.display())]
    Store { path: PathBuf, error: StoreError },
    #[error("the issued keys cannot be read from the records; the log says why")]
    Keys,
    #[error("cannot start a thread for the records: {0}")]
    Thread(std::io::Error),
}

impl OpenError {
    /// The exit code that says whose turn it is.
    pub(crate) fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// Waits for the lock, opens the records, checks them, and starts their threads.
pub(crate) async fn open(settings: &config::Records) -> Result<Opened, OpenError> {
    let lock = wait_for_lock(&settings.path, settings.lock_wait).await?;
    let path = settings.path.clone();
    let opening = tokio::task::spawn_blocking(move || stores(&path));
    let in_path = |error| OpenError::Store { path: settings.path.clone(), error };
    let (writer, reader) = match opening.await {
        Ok(opened) => opened.map_err(in_path)?,
        Err(error) => return Err(in_path(StoreError(error.to_string()))),
    };
    let records = Records::start(writer, Some(reader)).map_err(OpenError::Thread)?;
    tokio::spawn(watch_lock(lock.path().to_owned(), records.clone()));
    Ok(Opened { records, _lock: lock })
}

/// Has it looked what commands have written as soon as they have; where the system cannot tell, it is
/// looked all the time.
async fn watch_lock(path: PathBuf, records: Records) {
    let events = Inotify::init().and_then(|inotify| {
        inotify.watches().add(&path, WatchMask::CLOSE_WRITE)?;
        inotify.into_event_stream([0; 1024])
    });
    let Ok(mut events) = events else { return };
    records.set_told(true);
    // What was written before the watch began.
    records.look().await;
    while let Some(Ok(event)) = poll_fn(|context| Pin::new(&mut events).poll_next(context)).await {
        if event.mask.contains(EventMask::IGNORED) {
            // The file is gone, which nobody should do.
            break;
        }
        records.look().await;
    }
    records.set_told(false);
}

type Stores = (Box<dyn Store>, Box<dyn Store>);

/// Opens for writing and for reading. What was on its way when the last gateway ended is lost, and
/// every job that is not settled is asked about.
fn stores(path: &Path) -> Result<Stores, StoreError> {
    let mut writer = Sqlite::serve(path)?;
    loop {
        writer.begin()?;
        let lost = ledger::lose_open(&mut writer, Moment::now())?;
        writer.commit()?;
        if lost == 0 {
            break;
        }
        tracing::warn!(
            reservations = lost,
            "calls were on their way when the last gateway ended: what became of them is unknown"
        );
    }
    writer.begin()?;
    let missing = ledger::reschedule(&mut writer, Moment::now())?;
    writer.commit()?;
    if missing > 0 {
        tracing::warn!(
            jobs = missing,
            "jobs that nobody would have asked about are asked about now"
        );
    }
    Ok((Box::new(writer), Box::new(Sqlite::read_only(path)?)))
}

async fn wait_for_lock(path: &Path, wait: Duration) -> Result<Lock, OpenError> {
    let in_path = |error| OpenError::Store { path: path.to_owned(), error };
    let until = Instant::now() + wait;
    let mut told = false;
    loop {
        if let Some(lock) = Lock::try_new(path).map_err(in_path)? {
            return Ok(lock);
        }
        if Instant::now() >= until {
            return Err(OpenError::InUse { path: path.to_owned(), wait });
        }
        if !told {
            told = true;
            tracing::info!(records = %path.display(), "waiting until another gateway has ended");
        }
        tokio::time::sleep(LOOK.min(until - Instant::now())).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

    use heify_gateway::records::Missing;

    use super::*;

    #[test]
    fn a_command_that_writes_shows_at_the_lock_file_and_the_gateway_itself_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.db");
        let lock = Lock::try_new(&path).unwrap().unwrap();
        let mut gateway = Sqlite::serve(&path).unwrap();
        let mut inotify = Inotify::init().unwrap();
        inotify.watches().add(lock.path(), WatchMask::CLOSE_WRITE).unwrap();
        let mut told = move || {
            let mut buffer = [0; 1024];
            inotify.read_events(&mut buffer).is_ok_and(|events| events.count() > 0)
        };
        let write = |store: &mut Sqlite| {
            store.begin().unwrap();
            store.commit().unwrap();
        };
        write(&mut gateway);
        assert!(!told());
        write(&mut Sqlite::beside(&path, Missing::Refuse).unwrap());
        assert!(told());
    }
}
