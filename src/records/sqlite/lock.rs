//! Does another gateway serve the same records?
//!
//! One process serves; commands beside it do not take the lock. The lock file stays where it is:
//! removing it would let two processes hold two locks of one name. It also remembers that records
//! were once made, so that a file that was lost or emptied never passes for a new one.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::store::{StoreError, Stored};
use super::place;

/// What stands in the lock file once records were made.
const MADE: &str = "heify-gateway records were made here\n";

/// The sole right to serve the records in one file; ends with this value or its process.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Held open, which is the lock.
    _file: File,
}

impl Lock {
    /// Takes the lock of a database; `None` while another process holds it.
    ///
    /// # Errors
    /// [`StoreError`] when its lock file cannot be made.
    pub fn try_new(database: &Path) -> Stored<Option<Self>> {
        let database = place::canonical(database)?;
        let path = beside(&database);
        let refused = |error: io::Error| {
            let path = path.display();
            StoreError(format!("{path} cannot be locked: {error}; let the gateway's user write it"))
        };
        let file = open(&path).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { path, _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }

    /// The lock file. Whenever another process has written into the records, it opens this file for
    /// writing and closes it, so that who watches the file knows.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Tells whoever watches the lock file that something was written.
pub(super) fn tell(database: &Path) {
    // Nobody is told then, and finds it by looking.
    drop(open(&beside(database)));
}

/// The lock file of a database.
pub(super) fn beside(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".lock");
    name.into()
}

/// Whether records were made here before.
pub(super) fn were_made(database: &Path) -> bool {
    std::fs::read_to_string(beside(database)).is_ok_and(|text| !text.is_empty())
}

/// Remembers that records were made here.
pub(super) fn remember_made(database: &Path) -> Stored<()> {
    if were_made(database) {
        return Ok(());
    }
    let path = beside(database);
    let write = || {
        let mut file = open(&path)?;
        file.write_all(MADE.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| {
        let path = path.display();
        StoreError(format!("{path} cannot be written: {error}; let the gateway's user write it"))
    })
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    place::private(&mut options).open(path)
}
