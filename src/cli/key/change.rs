//! `key issue`, `rotate` and `revoke`: how do keys come and go without a restart?

use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use heify_gateway::admin::operate::keys::{self, Issued, NewKey, Rotated};
use heify_gateway::key::generate;
use heify_gateway::records::{IssuedKey, Moment};

use crate::cli::beside::{Beside, Trouble};
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
    let (tenant, new) = (&arguments.tenant, arguments.new.resolved());
    let secret = generate().map_err(io::Error::other)?;
    let issued = beside.operate(|store, settings, act| {
        keys::issue(store, settings, tenant, &new, secret.as_bytes(), act)
    })?;
    let talk = &mut *surroundings.talk;
    match issued {
        Issued::New(key) => {
            show(&key, &secret, surroundings.out)?;
            say_new(&key, talk)?;
        }
        Issued::Known(known) => {
            let (id, state) = (&known.key, keys::of_issued(&known, Moment::now()));
            writeln!(
                talk,
                "key {id} exists already ({state}): nothing was changed; a key is shown once only"
            )?;
        }
    }
    Ok(Exit::Done)
}

pub(super) fn rotate(
    arguments: &Rotate,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Trouble> {
    let beside = Beside::find(surroundings)?;
    let (old, new) = (&arguments.old, arguments.new.resolved());
    let secret = generate().map_err(io::Error::other)?;
    let rotated = beside.operate(|store, settings, act| {
        let old = (old.as_str(), arguments.overlap);
        keys::rotate(store, settings, old, &new, secret.as_bytes(), act)
    })?;
    let talk = &mut *surroundings.talk;
    match rotated {
        Rotated::New(key, ends) => {
            show(&key, &secret, surroundings.out)?;
            say_new(&key, talk)?;
            writeln!(talk, "key {old} ends at {ends}")?;
        }
        Rotated::Already(successor) => {
            let known = beside.read(|store| store.key(old))?;
            let state = known.map(|known| keys::of_issued(&known, Moment::now()).to_string());
            let state = state.unwrap_or_default();
            writeln!(talk, "key {old} ({state}) was rotated already: {successor} took over")?;
        }
    }
    Ok(Exit::Done)
}

pub(super) fn revoke(
    arguments: &Revoke,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Trouble> {
    let beside = Beside::find(surroundings)?;
    let (key, was_on) =
        beside.operate(|store, settings, act| keys::revoke(store, settings, &arguments.id, act))?;
    let (id, tenant) = (&key.key, &key.tenant);
    let already = if was_on { "is revoked" } else { "was revoked already" };
    writeln!(surroundings.talk, "key {id} of tenant {tenant} {already}")?;
    Ok(Exit::Done)
}

impl New {
    fn resolved(&self) -> NewKey {
        let expires = self.expires.map(|until| until.from(Moment::now()));
        NewKey { id: self.id.clone(), expires, note: self.note.clone() }
    }
}

fn say_new(key: &IssuedKey, talk: &mut dyn io::Write) -> io::Result<()> {
    let (id, tenant, until) = (&key.key, &key.tenant, until(key));
    writeln!(talk, "key {id} of tenant {tenant}, valid {until}; it is not shown again")
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
