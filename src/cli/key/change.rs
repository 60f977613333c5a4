//! `key issue`, `rotate` and `revoke`: how do keys come and go without a restart?

use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use heify_gateway::admin::operate::keys::{self, NewKey};
use heify_gateway::key::generate;
use heify_gateway::records::Moment;
use http::Method;
use serde_json::{Value, json};

use crate::cli::beside::{Beside, Trouble};
use crate::cli::remote::{Remote, segment};
use crate::cli::when::{Until, parse_until, parse_wait};
use crate::cli::{Exit, Surroundings};

/// As long as a tenant's id may be.
const LONGEST_ID: usize = 128;
const LONGEST_NOTE: usize = 1000;

/// What `key issue` understands.
#[derive(Debug, Args)]
#[command(after_help = "The key is the first line of the output, and is never shown again: the \
    records keep its SHA-256 only. Done again with the same --id, it makes no further key; without \
    one, every run makes another.\n\n\
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
    let tenant = &arguments.tenant;
    let told = match Remote::named(surroundings)? {
        Some(remote) => {
            let mut body = arguments.new.body();
            body["tenant"] = json!(tenant);
            remote.change(Method::POST, "/keys", &body)?
        }
        None => {
            let (new, secret) = (arguments.new.resolved(), generate().map_err(io::Error::other)?);
            let issued = Beside::find(surroundings)?.operate(|store, settings, act| {
                keys::issue(store, settings, tenant, &new, secret.as_bytes(), act)
            })?;
            keys::issued(&issued, secret.as_str())
        }
    };
    if show(&told, surroundings)? {
        return Ok(Exit::Done);
    }
    let id = text(&told["id"]);
    let text = "nothing was changed; a key is shown once only";
    writeln!(surroundings.talk, "key {id} exists already: {text}")?;
    Ok(Exit::Done)
}

pub(super) fn rotate(
    arguments: &Rotate,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Trouble> {
    let (old, overlap) = (&arguments.old, arguments.overlap);
    let told = match Remote::named(surroundings)? {
        Some(remote) => {
            let mut body = arguments.new.body();
            body["overlap"] = json!(format!("{}s", overlap.as_secs()));
            remote.change(Method::POST, &format!("/keys/{}/rotate", segment(old)), &body)?
        }
        None => {
            let (new, secret) = (arguments.new.resolved(), generate().map_err(io::Error::other)?);
            let rotated = Beside::find(surroundings)?.operate(|store, settings, act| {
                let old = (old.as_str(), overlap);
                keys::rotate(store, settings, old, &new, secret.as_bytes(), act)
            })?;
            keys::rotated(&rotated, old, secret.as_str())
        }
    };
    if show(&told, surroundings)? {
        writeln!(surroundings.talk, "key {old} ends at {}", text(&told["replaces"]["ends"]))?;
    } else {
        let successor = text(&told["id"]);
        writeln!(surroundings.talk, "key {old} was rotated already: {successor} took over")?;
    }
    Ok(Exit::Done)
}

pub(super) fn revoke(
    arguments: &Revoke,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Trouble> {
    let id = &arguments.id;
    let told = match Remote::named(surroundings)? {
        Some(remote) => {
            remote.change(Method::POST, &format!("/keys/{}/revoke", segment(id)), &json!({}))?
        }
        None => {
            let (key, was_on) = Beside::find(surroundings)?
                .operate(|store, settings, act| keys::revoke(store, settings, id, act))?;
            keys::revoked(&key, was_on)
        }
    };
    let (id, tenant) = (text(&told["id"]), text(&told["tenant"]));
    let already = if told["was_on"] == true { "is revoked" } else { "was revoked already" };
    writeln!(surroundings.talk, "key {id} of tenant {tenant} {already}")?;
    Ok(Exit::Done)
}

impl New {
    /// As the admin API takes it.
    fn body(&self) -> Value {
        let mut body = json!({});
        let expires = self.expires.map(Until::written);
        for (name, value) in [("id", self.id.as_deref()), ("note", self.note.as_deref())] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        if let Some(expires) = expires {
            body["expires"] = json!(expires);
        }
        body
    }

    fn resolved(&self) -> NewKey {
        let expires = self.expires.map(|until| until.from(Moment::now()));
        NewKey { id: self.id.clone(), expires, note: self.note.clone() }
    }
}

/// Shows a new key, alone on its line; at once, since nobody can show it again. Whether there is one.
fn show(told: &Value, surroundings: &mut Surroundings<'_>) -> Result<bool, Trouble> {
    let Some(secret) = told["key"].as_str() else { return Ok(false) };
    let (id, out) = (text(&told["id"]), &mut *surroundings.out);
    writeln!(out, "{secret}").and_then(|()| out.flush()).map_err(|error| {
        Trouble::Refused(format!("key {id} was made, but cannot be shown ({error}): revoke it"))
    })?;
    let until = match &told["expires"] {
        Value::Null => "without an end".to_owned(),
        expires => format!("until {}", text(expires)),
    };
    let tenant = text(&told["tenant"]);
    writeln!(
        surroundings.talk,
        "key {id} of tenant {tenant}, valid {until}; it is not shown again"
    )?;
    Ok(true)
}

/// What another program says must not move the cursor of whoever reads it.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace(char::is_control, "?")
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
