//! Is there a file that may be opened as records?
//!
//! What SQLite would do by itself is too kind here: to it, a file that was emptied is a new one, and
//! the log beside it is rubbish. All is looked at before SQLite is.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::super::store::{StoreError, Stored};
use super::lock;
use super::presence::Presence;
use super::trouble::DAMAGED;

/// The first bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What to do when there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Make a new one.
    Create,
    /// Say so.
    Refuse,
}

/// Whether a file has records in it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Empty,
    Filled,
}

/// The path without links; the file itself may be missing, its folder not.
pub(super) fn canonical(database: &Path) -> Stored<PathBuf> {
    if let Ok(path) = fs::canonicalize(database) {
        return Ok(path);
    }
    let Some(name) = database.file_name() else {
        return Err(StoreError(format!("{} names no file for records", database.display())));
    };
    let folder = match database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| {
        let (folder, database) = (folder.display(), database.display());
        StoreError(match error.kind() {
            io::ErrorKind::NotFound => format!(
                "the folder {folder} for the records in {database} does not exist: make it, and \
                 let the gateway's user write it"
            ),
            _ => format!("the folder {folder} for the records in {database}: {error}"),
        })
    })?;
    Ok(folder.join(name))
}

/// Only for the gateway's user.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Refuses a file system that SQLite's log does not work on.
pub(super) fn refuse_network(database: &Path) -> Stored<()> {
    #[cfg(target_os = "linux")]
    if let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo")
        && let Some(kind) = super::filesystem::network(&mounts, database)
    {
        return Err(StoreError(format!(
            "{} is on a network file system ({kind}), where records are lost silently: put it on a \
             local disk",
            database.display()
        )));
    }
    let _ = database;
    Ok(())
}

/// Looks at the file before SQLite does, and makes it where that is right.
pub(super) fn examine(database: &Path, missing: Missing) -> Stored<Found> {
    let unreadable = |error: io::Error| unreadable(database, &error);
    let length = match fs::metadata(database) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => {
            let database = database.display();
            return Err(StoreError(format!("{database} is no file: name one for the records")));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            refuse_lost(database, "missing")?;
            if missing == Missing::Refuse {
                let database = database.display();
                return Err(StoreError(format!(
                    "there are no records in {database}: start the gateway with it once, or name \
                     the right file"
                )));
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            match private(&mut options).open(database) {
                Ok(_) => 0,
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    fs::metadata(database).map_err(unreadable)?.len()
                }
                Err(error) => return Err(unreadable(error)),
            }
        }
        Err(error) => return Err(unreadable(error)),
    };
    if length > 0 && !is_half_made(database) {
        return Ok(Found::Filled);
    }
    match refuse_lost(database, "empty") {
        Ok(()) => Ok(Found::Empty),
        // Another process has made them between the two looks.
        Err(_) if fs::metadata(database).is_ok_and(|now| now.len() > 0) => Ok(Found::Filled),
        Err(lost) => Err(lost),
    }
}

/// Whether making the tables was cut off: what is in the file by now may be anything, and SQLite takes
/// it back by the journal that it kept beside. The log and what the lock file remembers come later.
fn is_half_made(database: &Path) -> bool {
    let exists = |suffix| with_suffix(database, suffix).exists();
    exists("-journal") && !exists("-wal") && !lock::were_made(database)
}

/// Notes that the file is about to be opened; looks at its beginning unless it is open already.
pub(super) fn enter(database: &Path, found: Found) -> Stored<Presence> {
    let metadata = fs::metadata(database).map_err(|error| unreadable(database, &error))?;
    Presence::enter(identity(&metadata), || match found {
        Found::Empty => Ok(()),
        Found::Filled => {
            let head = head(database).map_err(|error| unreadable(database, &error))?;
            refuse_header(database, metadata.len(), &head)
        }
    })
}

fn unreadable(database: &Path, error: &io::Error) -> StoreError {
    let database = database.display();
    StoreError(format!(
        "the records in {database} cannot be opened: {error}; let the gateway's user read and \
         write the file and its folder"
    ))
}

/// An empty or missing file is new only where none was before it.
fn refuse_lost(database: &Path, state: &str) -> Stored<()> {
    let log = with_suffix(database, "-wal");
    let left = if lock::were_made(database) {
        lock::beside(database)
    } else if log.exists() {
        log
    } else {
        return Ok(());
    };
    let (database, left) = (database.display(), left.display());
    Err(StoreError(format!(
        "the records in {database} are {state}, and {left} tells of earlier ones: put a backup in \
         their place, or remove {left} if you mean to begin anew"
    )))
}

fn head(database: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(100);
    File::open(database)?.take(100).read_to_end(&mut head)?;
    Ok(head)
}

/// Refuses what SQLite would take for an old or a foreign format, and so would drop its log.
fn refuse_header(database: &Path, length: u64, head: &[u8]) -> Stored<()> {
    let logged = with_suffix(database, "-wal").exists();
    let is_ours = length >= 512
        && head.starts_with(MAGIC)
        && match head.get(18..20) {
            Some([2, 2]) => true,
            // The moment between making the tables and turning the log on.
            Some([1, 1]) => !logged,
            _ => false,
        };
    if is_ours {
        return Ok(());
    }
    let database = database.display();
    Err(StoreError(format!(
        "{database} is no file of records, or its beginning is damaged: name another file; if it \
         was one, {DAMAGED}"
    )))
}

/// Makes sure of the names in the folder: of those that were given, and of those that were taken. Where
/// a file system cannot do that, SQLite goes on without, too.
pub(super) fn sync_folder(database: &Path) {
    if let Some(folder) = database.parent() {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

/// Takes from others the right to read.
pub(super) fn tighten(database: &Path) {
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let path = with_suffix(database, suffix);
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.permissions().mode() & 0o077 == 0 {
            continue;
        }
        let file = path.display().to_string();
        match fs::set_permissions(&path, fs::Permissions::from_mode(0o600)) {
            Ok(()) => tracing::warn!(file, "other users could read records; they no longer can"),
            Err(error) => {
                tracing::warn!(file, %error, "other users can read records: take that right away");
            }
        }
    }
}

fn with_suffix(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// Which file it is, whatever its name: another one in its place is seen by that.
pub(super) fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
