//! `config`: which settings are there?

use std::io;

use clap::Subcommand;
use heify_gateway::config;

use super::{Exit, Surroundings};

/// What `config` understands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the JSON Schema of the configuration file, for editors
    #[command(
        after_help = "Editors with taplo (Even Better TOML) complete and check a file that begins with \
            `#:schema ./gateway.schema.json`.\n\n\
            Example:\n  heify-gateway config schema > gateway.schema.json"
    )]
    Schema,
    /// Print the reference of all settings, in Markdown
    #[command(after_help = "Example:\n  heify-gateway config reference | less")]
    Reference,
}

/// Writes what is asked for.
pub(crate) fn run(command: &Command, surroundings: Surroundings<'_>) -> io::Result<Exit> {
    match command {
        Command::Schema => writeln!(surroundings.out, "{:#}", config::schema())?,
        Command::Reference => write!(surroundings.out, "{}", config::reference())?,
    }
    Ok(Exit::Done)
}
