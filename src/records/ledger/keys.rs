//! How do keys come and go while the gateway runs?

use std::sync::Arc;

use crate::records::entry::{Entry, Fact, IssuedKey};
use crate::records::store::{Store, Stored};
use crate::records::words::Moment;

/// What became of a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issued {
    /// It is valid now.
    New,
    /// There is a key with this id already, and it stays as it is.
    Exists(IssuedKey),
}

/// Adds a key.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn issue(store: &mut dyn Store, key: &IssuedKey) -> Stored<Issued> {
    if let Some(known) = store.key(&key.key)? {
        return Ok(Issued::Exists(known));
    }
    store.write(key.created, &Entry::plain(Fact::Issue(key.clone())))?;
    Ok(Issued::New)
}

/// What became of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// The new key is valid now; the old one ends at the moment that was given, or when it would have
    /// ended anyway.
    New,
    /// It was rotated before, to the key with this id.
    Already(Arc<str>),
    /// No issued key has this id.
    Unknown,
    /// The key was revoked: there is nothing to rotate.
    Revoked,
    /// The id of the new key is taken.
    Exists(IssuedKey),
}

/// Puts a new key beside an old one, which ends later: until then both are valid.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn rotate(store: &mut dyn Store, old: &str, new: &IssuedKey, ends: Moment) -> Stored<Rotated> {
    let Some(key) = store.key(old)? else { return Ok(Rotated::Unknown) };
    if key.revoked.is_some() {
        return Ok(Rotated::Revoked);
    }
    if let Some(successor) = key.successor {
        return Ok(Rotated::Already(successor));
    }
    if let Issued::Exists(known) = issue(store, new)? {
        return Ok(Rotated::Exists(known));
    }
    let expires = key.expires.map_or(ends, |expires| expires.min(ends));
    let (key, successor) = (key.key, new.key.clone());
    let fact = Fact::Replace { key, successor, expires };
    store.write(new.created, &Entry::plain(fact))?;
    Ok(Rotated::New)
}

/// Switches a key off for good. `None`: no issued key has this id; else whether it was valid before.
///
/// # Errors
/// [`StoreError`](crate::records::StoreError) of the store.
pub fn revoke(store: &mut dyn Store, id: &str, at: Moment) -> Stored<Option<bool>> {
    let Some(key) = store.key(id)? else { return Ok(None) };
    if key.revoked.is_some() {
        return Ok(Some(false));
    }
    store.write(at, &Entry::plain(Fact::Revoke { key: key.key }))?;
    Ok(Some(true))
}
