//! How is a team given a key?

use std::io;

use clap::Subcommand;
use heify_gateway::key::{KeyDigest, generate};

use super::{Exit, Surroundings};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key: the key on the first line, its hash for the configuration on the second
    #[command(after_help = "The gateway stores no key, only its hash: keep the key, it cannot be \
        shown again.\n\nExamples:\n  heify-gateway key new\n  \
        heify-gateway key new | head -n 1 > acme.key")]
    New,
}

/// Makes a key.
pub(crate) fn run(command: &Command, surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let Surroundings { out, talk, .. } = surroundings;
    match command {
        Command::New => {
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
    }
}
