//! How is a team given a key, and how is it taken away again?

mod change;
mod list;

use std::io;

use clap::Subcommand;
use heify_gateway::key::{KeyDigest, generate};

pub(crate) use change::parse_note;

use super::beside::conclude;
use super::{Exit, Surroundings};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key: the key on the first line, its hash for the configuration on the second
    #[command(after_help = "The gateway stores no key, only its hash: keep the key, it cannot be \
        shown again.\n\nExamples:\n  heify-gateway key new\n  \
        heify-gateway key new | head -n 1 > acme.key")]
    New,
    /// Give a tenant a new key, which a running gateway takes within a second
    Issue(change::Issue),
    /// List all keys, and whether they are valid; never the keys themselves
    List(list::Arguments),
    /// Put a new key in the place of an issued one; for a while both are valid
    Rotate(change::Rotate),
    /// Switch an issued key off for good
    Revoke(change::Revoke),
}

/// Does it.
pub(crate) fn run(command: &Command, mut surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let done = match command {
        Command::New => return new(surroundings),
        Command::Issue(arguments) => change::issue(arguments, &mut surroundings),
        Command::List(arguments) => list::list(arguments, &mut surroundings),
        Command::Rotate(arguments) => change::rotate(arguments, &mut surroundings),
        Command::Revoke(arguments) => change::revoke(arguments, &mut surroundings),
    };
    conclude(done, surroundings.talk)
}

/// Makes a key for the file.
fn new(surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let Surroundings { out, talk, .. } = surroundings;
    let key = generate().map_err(io::Error::other)?;
    let digest = KeyDigest::of(key.as_bytes());
    writeln!(out, "{}", *key)?;
    writeln!(out, "{digest}")?;
    // In this order also where both go to one terminal.
    out.flush()?;
    writeln!(talk, "The second line is the key's SHA-256. In the tenant's block:")?;
    writeln!(talk, "keys = [{{ sha256 = \"{digest}\" }}]")?;
    Ok(Exit::Done)
}
