//! Why is something not done?

use crate::records::{StoreError, Stored};

/// Why an operator's change was declined: nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    /// There is no such thing.
    #[error("there is no {what} {given:?}{hint}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// As it was written.
        given: String,
        /// What was probably meant, or nothing.
        hint: String,
    },
    /// The file says it, and only who changes the file changes it.
    #[error("{what} is set at {place}: change it there, and reload")]
    SetInFile {
        /// What.
        what: String,
        /// File, line and column, or the variable.
        place: String,
    },
    /// It does not fit what is there.
    #[error("{0}")]
    Conflict(String),
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The records cannot do it now.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// For a transaction: what was declined has written nothing, and only a failure of the store takes
/// the transaction back.
///
/// # Errors
/// [`StoreError`] where the store has failed.
pub fn within<T>(done: Result<T, Declined>) -> Stored<Result<T, Declined>> {
    match done {
        Err(Declined::Store(error)) => Err(error),
        other => Ok(other),
    }
}
