//! How do keys come and go without a restart?

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::admin::operate::{Act, Declined, tenant, unknown};
use crate::config::{Places, Settings};
use crate::key::KeyDigest;
use crate::records::ledger;
use crate::records::{IssuedKey, Moment, Store, Stored};

/// What is said of a new key.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// Its id; without one: the tenant's, `-k` and the first free number.
    pub id: Option<Arc<str>>,
    /// From when on it is refused.
    pub expires: Option<Moment>,
    /// The operator's words.
    pub note: Option<Arc<str>>,
}

/// What became of a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issued {
    /// It is valid from now on.
    New(IssuedKey),
    /// The tenant has a key with this id already: nothing was changed.
    Known(IssuedKey),
}

/// What became of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// The first is valid from now on, the second ends at the moment.
    New(IssuedKey, Moment),
    /// It was rotated before, to the key with this id: nothing was changed.
    Already(Arc<str>),
}

/// Adds a key to a tenant; `secret` is the key itself, of which only the hash is kept.
///
/// # Errors
/// [`Declined`].
pub fn issue(
    store: &mut dyn Store,
    settings: &Settings,
    of: &str,
    new: &NewKey,
    secret: &[u8],
    act: &Act,
) -> Result<Issued, Declined> {
    let tenant = &settings.authenticate.tenants[tenant(settings, of)?].id;
    if let Some(id) = &new.id {
        refuse_file(&settings.places, id)?;
    }
    refuse_past(new, act.now)?;
    let id = free_id(store, new, tenant, &settings.places)?;
    let note = new.note.clone().unwrap_or_default();
    let key = key(id, tenant, secret, note, new.expires, act.now);
    match ledger::issue(store, &key)? {
        ledger::Issued::New => {
            act.audit(store, "key.issue", Some(tenant), &key.key, [Value::Null, shown(&key)])?;
            Ok(Issued::New(key))
        }
        ledger::Issued::Exists(known) if known.tenant == *tenant => Ok(Issued::Known(known)),
        ledger::Issued::Exists(known) => Err(taken(&known)),
    }
}

/// Puts a new key beside an old one, which ends after the overlap.
///
/// # Errors
/// [`Declined`].
pub fn rotate(
    store: &mut dyn Store,
    settings: &Settings,
    (old, overlap): (&str, Duration),
    new: &NewKey,
    secret: &[u8],
    act: &Act,
) -> Result<Rotated, Declined> {
    for id in [Some(old), new.id.as_deref()].into_iter().flatten() {
        refuse_file(&settings.places, id)?;
    }
    refuse_past(new, act.now)?;
    let old = find(store, old)?;
    tenant(settings, &old.tenant)?;
    let id = free_id(store, new, &old.tenant, &settings.places)?;
    let note = new.note.clone().unwrap_or_else(|| old.note.clone());
    // A key that was made to last for a while has a successor for as long.
    let as_long = || old.expires.map(|expires| act.now.later(old.created.until(expires)));
    let expires = new.expires.or_else(as_long);
    let key = key(id, &old.tenant, secret, note, expires, act.now);
    let ends = act.now.later(overlap);
    match ledger::rotate(store, &old.key, &key, ends)? {
        ledger::Rotated::New => {
            let ends = old.expires.map_or(ends, |expires| expires.min(ends));
            let after = json!({ "successor": shown(&key), "ends": ends.to_string() });
            act.audit(store, "key.rotate", Some(&old.tenant), &old.key, [shown(&old), after])?;
            Ok(Rotated::New(key, ends))
        }
        ledger::Rotated::Already(successor) => Ok(Rotated::Already(successor)),
        ledger::Rotated::Unknown => Err(unknown("issued key", &old.key, [])),
        ledger::Rotated::Revoked => {
            let text = format!("key {} was revoked: issue a new one instead", old.key);
            Err(Declined::Conflict(text))
        }
        ledger::Rotated::Exists(known) => Err(taken(&known)),
    }
}

/// Switches a key off for good. Returns it, and whether it was on before.
///
/// # Errors
/// [`Declined`].
pub fn revoke(
    store: &mut dyn Store,
    settings: &Settings,
    id: &str,
    act: &Act,
) -> Result<(IssuedKey, bool), Declined> {
    refuse_file(&settings.places, id)?;
    let key = find(store, id)?;
    let was_on = ledger::revoke(store, &key.key, act.now)? == Some(true);
    if was_on {
        let after = json!({ "revoked": act.now.to_string() });
        act.audit(store, "key.revoke", Some(&key.tenant), &key.key, [shown(&key), after])?;
    }
    Ok((key, was_on))
}

fn refuse_past(new: &NewKey, now: Moment) -> Result<(), Declined> {
    match new.expires {
        Some(past) if past <= now => {
            Err(Declined::Invalid(format!("expires {past} is in the past")))
        }
        _ => Ok(()),
    }
}

/// The id that was given, else the first free one.
fn free_id(store: &mut dyn Store, new: &NewKey, tenant: &str, places: &Places) -> Stored<Arc<str>> {
    if let Some(id) = &new.id {
        return Ok(Arc::clone(id));
    }
    let mut number = 1_u64;
    loop {
        let id = format!("{tenant}-k{number}");
        if places.key(&id).is_none() && store.key(&id)?.is_none() {
            return Ok(id.into());
        }
        number += 1;
    }
}

fn key(
    id: Arc<str>,
    tenant: &Arc<str>,
    secret: &[u8],
    note: Arc<str>,
    expires: Option<Moment>,
    now: Moment,
) -> IssuedKey {
    IssuedKey {
        key: id,
        tenant: Arc::clone(tenant),
        sha256: KeyDigest::of(secret).to_string().into(),
        note,
        created: now,
        expires,
        revoked: None,
        successor: None,
    }
}

fn find(store: &mut dyn Store, id: &str) -> Result<IssuedKey, Declined> {
    if let Some(key) = store.key(id)? {
        return Ok(key);
    }
    let issued = store.keys()?;
    Err(unknown("issued key", id, issued.iter().map(|key| &*key.key)))
}

/// Only who changes the file changes what stands in it.
fn refuse_file(places: &Places, id: &str) -> Result<(), Declined> {
    match places.key(id) {
        None => Ok(()),
        Some(place) => {
            let what = format!("key {id}");
            Err(Declined::SetInFile { what, place: place.to_string() })
        }
    }
}

fn taken(known: &IssuedKey) -> Declined {
    let (id, tenant) = (&known.key, &known.tenant);
    Declined::Conflict(format!("the id {id} is taken: it is a key of tenant {tenant}"))
}

/// A key without its hash.
fn shown(key: &IssuedKey) -> Value {
    json!({
        "key": &*key.key,
        "note": &*key.note,
        "created": key.created.to_string(),
        "expires": key.expires.map(|expires| expires.to_string()),
        "revoked": key.revoked.map(|revoked| revoked.to_string()),
    })
}
