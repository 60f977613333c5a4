//! What does an operator do about an error of SQLite?

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use super::super::store::StoreError;

/// What is said of a file that is not what was written.
pub(super) const DAMAGED: &str = "stop, keep the file as it is (with its -wal), and put a backup in \
                                  its place";

/// An error of SQLite in words.
pub(super) fn trouble(path: &Path, error: &Error) -> StoreError {
    let database = path.display();
    let text = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => format!(
            "no space is left for the records in {database}: free some; the gateway goes on by \
             itself"
        ),
        Some(ErrorCode::ReadOnly) => return read_only(path),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => format!(
            "another process has kept the records in {database} locked for too long: end its \
             transaction, such as one that is open in sqlite3"
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("the records in {database} are damaged ({error}): {DAMAGED}")
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => format!(
            "the records in {database} cannot be opened ({error}): let the gateway's user read and \
             write the file, its -wal and -shm, and their folder"
        ),
        Some(ErrorCode::SystemIoFailure) => format!(
            "the disk of the records in {database} has failed ({error}): see that it has space left, \
             within any quota, and what the system's log says"
        ),
        // No such table, no such column.
        Some(ErrorCode::Unknown) => format!(
            "the tables of the records in {database} are not ours ({error}): if they were changed by \
             hand, put a backup in the file's place"
        ),
        Some(_) => format!("the records in {database} cannot be used now: {error}"),
        // What a row says is not what was written into it.
        None => format!("the records in {database} are damaged ({error}): {DAMAGED}"),
    };
    StoreError(text)
}

/// What is said of a file that may only be read.
pub(super) fn read_only(path: &Path) -> StoreError {
    StoreError(format!(
        "the records in {} cannot be written: let the gateway's user write the file, its -wal and \
         -shm, and their folder, and see that the disk is not mounted read-only",
        path.display()
    ))
}
