//! `key issue`, `rotate` and `revoke`: how do keys come and go without a restart?

use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use heify_gateway::config::Places;
use heify_gateway::key::{KeyDigest, generate};
use heify_gateway::records::ledger::{self, Issued, Rotated};
use heify_gateway::records::{IssuedKey, Moment, Store, Stored};

use crate::cli::beside::{Beside, Trouble, unknown};
use crate::cli::keys::of_issued;
use crate::cli::when::{Until, parse_until, parse_wait};
use crate::cli::{Exit, Surroundings};

/// As long as a tenant's id may be.
const LONGEST_ID: usize = 128;
const LONGEST_NOTE: usize = 1000;

/// What `key issue` understands.
#[derive(Debug, Args)]
#[command(after_help = "The key is the first line of the output, and is never shown again: the \
    records keep its SHA-256 only.\n\n\
    Examples:\n  heify-gateway key issue -c gateway.toml --tenant acme\n  \
    heify-gateway key issue -c gateway.toml --tenant acme --id acme-night --expires 90d \
    --note \"nightly batch\"")]
pub(crate) struct Issue {
    /// The tenant, as the configuration names it
    #[arg(long, value_name = "ID")]
    tenant: String,
    #[command(flatten)]
    new: New,
}

/// What is said of a new key.
#[derive(Debug, Args)]
struct New {
    /// The new key's id, for lists and logs; without it: the tenant's, -k and a number
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    id: Option<Arc<str>>,
    /// Until when it is valid: days or hours from now, or a date and time as in RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = parse_until)]
    expires: Option<Until>,
    /// What it is for
    #[arg(long, value_name = "TEXT", value_parser = parse_note)]
    note: Option<Arc<str>>,
}

/// What `key rotate` understands.
#[derive(Debug, Args)]
#[command(
    after_help = "Both keys belong to one tenant, so they share its limits and minutes. Done \
    again, it makes no further key.\n\n\
    Examples:\n  heify-gateway key rotate -c gateway.toml acme-k1\n  \
    heify-gateway key rotate -c gateway.toml acme-k1 --overlap 7d --expires 90d"
)]
pub(crate) struct Rotate {
    /// The id of the key that ends
    #[arg(value_name = "KEY")]
    old: String,
    /// How long the old key stays valid
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_wait)]
    overlap: Duration,
    #[command(flatten)]
    new: New,
}

/// What `key revoke` understands.
#[derive(Debug, Args)]
#[command(after_help = "A running gateway refuses the key within a second.\n\n\
    Example:\n  heify-gateway key revoke -c gateway.toml acme-k1")]
pub(crate) struct Revoke {
    /// The key's id
    #[arg(value_name = "KEY")]
    id: String,
}

pub(super) fn issue(
    arguments: &Issue,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Trouble> {
    let beside = Beside::find(surroundings)?;
    let tenant = &beside.settings.authenticate.tenants[beside.tenant(&arguments.tenant)?].id;
    let (places, now) = (&beside.settings.places, Moment::now());
    if let Some(id) = &arguments.new.id {
        refuse_file(places, id)?;
    }
    let expires = arguments.new.expires(now)?;
    let secret = generate().map_err(io::Error::other)?;
    let (key, issued) = beside.write(|store| {
        let id = arguments.new.id(store, tenant, places)?;
        let note = arguments.new.note.clone().unwrap_or_default();
        let key = new(id, tenant, secret.as_bytes(), note, expires, now);
        let issued = ledger::issue(store, &key)?;
        Ok((key, issued))
    })?;
    let talk = &mut *surroundings.talk;
    match issued {
        Issued::New => {
            show(&key, &secret, surroundings.out)?;
            let until = until(&key);
            writeln!(
                talk,
                "key {} of tenant {tenant}, valid {until}; it is not shown again",
                key.key
            )?;
            Ok(Exit::Done)
        }
        Issued::Exists(known) if known.tenant == *tenant => {
            let (id, state) = (&known.key, of_issued(&known, now));
            writeln!(
                talk,
                "key {id} exists already ({state}): nothing was changed; a key is shown once only"
            )?;
            Ok(Exit::Done)
        }
        Issued::Exists(known) => Err(taken(&known)),
    }
}

pub(super) fn rotate(
    arguments: &Rotate,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Trouble> {
    let beside = Beside::find(surroundings)?;
    let (places, now) = (&beside.settings.places, Moment::now());
    for id in [Some(&*arguments.old), arguments.new.id.as_deref()].into_iter().flatten() {
        refuse_file(places, id)?;
    }
    let expires = arguments.new.expires(now)?;
    let old = find(&beside, &arguments.old)?;
    beside.tenant(&old.tenant)?;
    let secret = generate().map_err(io::Error::other)?;
    let (key, rotated) = beside.write(|store| {
        let id = arguments.new.id(store, &old.tenant, places)?;
        let note = arguments.new.note.clone().unwrap_or_else(|| old.note.clone());
        let expires = expires.or_else(|| as_long(&old, now));
        let key = new(id, &old.tenant, secret.as_bytes(), note, expires, now);
        let ends = now.later(arguments.overlap);
        let rotated = ledger::rotate(store, &old.key, &key, ends)?;
        Ok((key, rotated))
    })?;
    let (talk, old_id) = (&mut *surroundings.talk, &old.key);
    match rotated {
        Rotated::New => {
            show(&key, &secret, surroundings.out)?;
            let (id, until) = (&key.key, until(&key));
            let ends = find(&beside, old_id)?.expires.unwrap_or(now);
            writeln!(
                talk,
                "key {id} of tenant {}, valid {until}; it is not shown again",
                key.tenant
            )?;
            writeln!(talk, "key {old_id} ends at {ends}")?;
            Ok(Exit::Done)
        }
        Rotated::Already(successor) => {
            let state = of_issued(&old, now);
            writeln!(talk, "key {old_id} ({state}) was rotated already: {successor} took over")?;
            Ok(Exit::Done)
        }
        Rotated::Unknown => Err(unknown("issued key", old_id, [])),
        Rotated::Revoked => {
            let text = format!("key {old_id} was revoked: issue a new one instead");
            Err(Trouble::Refused(text))
        }
        Rotated::Exists(known) => Err(taken(&known)),
    }
}

pub(super) fn revoke(
    arguments: &Revoke,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Trouble> {
    let beside = Beside::find(surroundings)?;
    refuse_file(&beside.settings.places, &arguments.id)?;
    let key = find(&beside, &arguments.id)?;
    let (id, tenant) = (&key.key, &key.tenant);
    let revoked = beside.write(|store| ledger::revoke(store, id, Moment::now()))?;
    match revoked {
        Some(true) => writeln!(surroundings.talk, "key {id} of tenant {tenant} is revoked")?,
        _ => writeln!(surroundings.talk, "key {id} of tenant {tenant} was revoked already")?,
    }
    Ok(Exit::Done)
}

impl New {
    fn expires(&self, now: Moment) -> Result<Option<Moment>, Trouble> {
        let expires = self.expires.map(|until| until.from(now));
        match expires {
            Some(past) if past <= now => {
                Err(Trouble::Refused(format!("--expires {past} is in the past")))
            }
            _ => Ok(expires),
        }
    }

    /// The id that was given, else the first free one.
    fn id(&self, store: &mut dyn Store, tenant: &str, places: &Places) -> Stored<Arc<str>> {
        if let Some(id) = &self.id {
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
}

fn new(
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

/// A key that was made to last for a while has a successor for as long.
fn as_long(old: &IssuedKey, now: Moment) -> Option<Moment> {
    old.expires.map(|expires| now.later(old.created.until(expires)))
}

fn find(beside: &Beside, id: &str) -> Result<IssuedKey, Trouble> {
    let mut issued = beside.read(|store| store.keys())?;
    match issued.iter().position(|key| *key.key == *id) {
        Some(place) => Ok(issued.swap_remove(place)),
        None => Err(unknown("issued key", id, issued.iter().map(|key| &*key.key))),
    }
}

/// Only who changes the file changes what stands in it.
fn refuse_file(places: &Places, id: &str) -> Result<(), Trouble> {
    match places.key(id) {
        None => Ok(()),
        Some(place) => {
            let text = format!("key {id} is set at {place}: change it there, and reload");
            Err(Trouble::Refused(text))
        }
    }
}

fn taken(known: &IssuedKey) -> Trouble {
    let (id, tenant) = (&known.key, &known.tenant);
    Trouble::Refused(format!("the id {id} is taken: it is a key of tenant {tenant}"))
}

/// The key, alone on its line; at once, since nobody can show it again.
fn show(key: &IssuedKey, secret: &str, out: &mut dyn io::Write) -> Result<(), Trouble> {
    writeln!(out, "{secret}").and_then(|()| out.flush()).map_err(|error| {
        let id = &key.key;
        Trouble::Refused(format!("key {id} was made, but cannot be shown ({error}): revoke it"))
    })
}

fn until(key: &IssuedKey) -> String {
    key.expires.map_or_else(|| "without an end".to_owned(), |expires| format!("until {expires}"))
}

fn parse_id(text: &str) -> Result<Arc<str>, String> {
    let is_plain = text.trim() == text && !text.contains(char::is_control);
    if text.is_empty() || text.len() > LONGEST_ID || !is_plain {
        return Err(format!("must be a text of 1 to {LONGEST_ID} bytes on one line"));
    }
    Ok(text.into())
}

/// Any short text on one line.
pub(crate) fn parse_note(text: &str) -> Result<Arc<str>, String> {
    if text.len() > LONGEST_NOTE || text.contains(char::is_control) {
        return Err(format!("must be a text of at most {LONGEST_NOTE} bytes on one line"));
    }
    Ok(text.into())
}
