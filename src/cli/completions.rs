//! How does a shell complete the arguments?

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Exit, Surroundings};

/// What `completions` understands.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  heify-gateway completions bash \
    > /etc/bash_completion.d/heify-gateway")]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Writes the script.
pub(crate) fn run(arguments: &Arguments, surroundings: Surroundings<'_>) -> io::Result<Exit> {
    // Into memory first: the generator panics when its writer fails.
    let mut script = Vec::new();
    let mut command = super::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "heify-gateway", &mut script);
    surroundings.out.write_all(&script)?;
    Ok(Exit::Done)
}
