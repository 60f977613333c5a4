//! Is the file open in this process already?
//!
//! On Unix, closing any handle of a file drops all of the process's locks on it, SQLite's among them
//! (fcntl(2), "record locks"): another process would then take the log for abandoned and delete it. So
//! nobody here opens the file beside SQLite while a connection to it is open.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Device and number of a file.
pub(super) type Identity = (u64, u64);

/// How many connections are open, by file.
static OPEN: Mutex<Option<HashMap<Identity, usize>>> = Mutex::new(None);

/// One open connection; dropped after it is closed.
#[derive(Debug)]
pub(super) struct Presence(Identity);

impl Presence {
    /// Notes a connection that is about to be opened. `look` may open and close the file: it is called
    /// only where no connection is open, and none can be opened meanwhile.
    pub(super) fn enter<E>(
        identity: Identity,
        look: impl FnOnce() -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut open = lock();
        let open = open.get_or_insert_default();
        if !open.contains_key(&identity) {
            look()?;
        }
        *open.entry(identity).or_default() += 1;
        Ok(Self(identity))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut open = lock();
        let Some(open) = open.as_mut() else { return };
        let left = open.get_mut(&self.0).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            open.remove(&self.0);
        }
    }
}

/// A count is changed in one step, so that a panic elsewhere leaves none half changed.
fn lock() -> MutexGuard<'static, Option<HashMap<Identity, usize>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_at_only_while_nobody_has_it_open() {
        let identity = (u64::MAX, 1);
        let enter = |looks: &mut u32| {
            Presence::enter(identity, || {
                *looks += 1;
                Ok::<_, ()>(())
            })
            .unwrap()
        };
        let mut looks = 0;
        let first = enter(&mut looks);
        let second = enter(&mut looks);
        assert_eq!(looks, 1);
        drop(first);
        let third = enter(&mut looks);
        assert_eq!(looks, 1);
        drop((second, third));
        drop(enter(&mut looks));
        assert_eq!(looks, 2);
        assert!(Presence::enter(identity, || Err(())).is_err());
        drop(enter(&mut looks));
        assert_eq!(looks, 3, "a file that was refused is not open");
    }
}
