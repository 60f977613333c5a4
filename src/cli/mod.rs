//! Which subcommands are there, and with which code do they exit?
//!
//! One file per subcommand. Each writes data to the one writer and talk to the other, and gives an
//! [`Exit`]; the environment and both writers are made here and nowhere else.

mod adopt;
mod beside;
mod call;
mod certificates;
mod check;
mod completions;
mod config;
mod demo;
mod explain;
mod gateway;
mod healthcheck;
mod issued;
mod journal;
mod key;
mod limits;
mod live;
mod log;
mod minutes;
mod operators;
mod output;
mod records;
mod reload;
mod remote;
mod running;
mod serve;
mod signals;
mod simulator;
mod sockets;
mod sources;
mod systemd;
mod tenants;
mod traces;
mod unresolved;
mod usage;
mod watch;
mod when;

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use heify_gateway::config::LogFormat;
use http::Uri;

/// A gateway in front of the Heify speech-to-text API: many teams, one central key.
#[derive(Debug, Parser)]
#[command(
    name = "heify-gateway",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        heify-gateway demo                    try it: no account, no file, no network\n  \
        heify-gateway serve -c gateway.toml   run the gateway\n  \
        heify-gateway check -c gateway.toml   find every mistake in a configuration\n  \
        heify-gateway key new                 make a key for a team\n\n\
        Exit codes: 0 done, 1 failed, 2 wrong usage, 69 upstream or gateway not reachable, 78 wrong configuration."
)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every subcommand understands.
#[derive(Debug, Default, Args)]
struct Global {
    /// The configuration file; without it: HEIFY_GATEWAY_CONFIG, or none at all
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to log: off, error, warn, info, debug, trace, or a filter such as `info,hyper=debug`
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How to log: text, json, or auto (text on a terminal, JSON elsewhere)
    #[arg(long, global = true, value_name = "FORMAT", value_parser = log::parse_format)]
    log_format: Option<LogFormat>,
    /// The admin port of a running gateway, for the commands of operators: they work there, and not
    /// on the records of a configuration
    #[arg(long, global = true, value_name = "URL", requires = "token_file")]
    url: Option<Uri>,
    /// The file with a token of [[admin.tokens]], for --url
    #[arg(long, global = true, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
}

impl Command {
    /// Whether it works on a running gateway elsewhere, too.
    fn works_by_url(&self) -> bool {
        match self {
            Self::Key(command) => !matches!(command, key::Command::New),
            Self::Tenant(_)
            | Self::Minutes(_)
            | Self::Limit(_)
            | Self::Explain(_)
            | Self::Usage(_)
            | Self::Unresolved(_)
            // It has an --url of its own, of the status port.
            | Self::Healthcheck(_) => true,
            Self::Serve(_)
            | Self::Check(_)
            | Self::Config(_)
            | Self::Demo(_)
            | Self::Simulator(_)
            | Self::Adopt(_)
            | Self::Journal(_)
            | Self::Verify(_)
            | Self::Completions(_) => false,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve(serve::Arguments),
    /// Find every mistake in the configuration
    Check(check::Arguments),
    /// Describe the settings: a schema for editors, a reference for people
    #[command(subcommand)]
    Config(config::Command),
    /// Try everything: a gateway and a simulated Heify, a ready key, lines to paste
    Demo(demo::Arguments),
    /// Run a simulated Heify: no account, no minutes, no network
    Simulator(simulator::Arguments),
    /// Make, issue, list, rotate and revoke keys
    #[command(subcommand)]
    Key(key::Command),
    /// List tenants
    #[command(subcommand)]
    Tenant(tenants::Command),
    /// Grant minutes, and show what is left
    #[command(subcommand)]
    Minutes(minutes::Command),
    /// List limits, change them for a while, and lift changes
    #[command(subcommand)]
    Limit(limits::Command),
    /// Tell what became of a request, by its id
    Explain(explain::Arguments),
    /// Show what each job used, and explain Heify's invoice
    Usage(usage::Arguments),
    /// Give objects that exist at Heify to a tenant, or share them
    Adopt(adopt::Arguments),
    /// List calls whose outcome nobody knows, and close them by hand
    Unresolved(unresolved::Arguments),
    /// Write out the journal
    #[command(subcommand)]
    Journal(journal::Command),
    /// Check that the records are what was written
    Verify(journal::Verify),
    /// Ask a running gateway whether it is ready
    Healthcheck(healthcheck::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
}

/// How a subcommand ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// 0
    Done,
    /// 1
    Failed,
    /// 69, `EX_UNAVAILABLE`: the upstream, or the gateway, cannot be reached.
    Unreachable,
    /// 78, `EX_CONFIG`: a supervisor should not start it again.
    WrongConfiguration,
    /// 128 and the number of a second, impatient signal.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Unreachable => 69,
            Exit::WrongConfiguration => 78,
            Exit::Signal(number) => 128 + number,
        })
    }
}

/// What a subcommand works with.
struct Surroundings<'w> {
    global: Global,
    environment: Vec<(OsString, OsString)>,
    /// Data.
    out: &'w mut dyn Write,
    /// Talk.
    talk: &'w mut dyn Write,
}

/// Runs the subcommand that the arguments name.
pub(crate) fn run() -> ExitCode {
    let Arguments { global, command } = Arguments::parse();
    if global.url.is_some() && !command.works_by_url() {
        let text = "this command has no use for --url and --token-file";
        Arguments::command().error(clap::error::ErrorKind::ArgumentConflict, text).exit();
    }
    // Not locked: while a command runs, other threads log.
    let (mut out, mut talk) = (io::stdout(), io::stderr());
    let environment = std::env::vars_os().collect();
    let surroundings = Surroundings { global, environment, out: &mut out, talk: &mut talk };
    let result = match command {
        Command::Serve(arguments) => serve::run(&arguments, surroundings),
        Command::Check(arguments) => check::run(&arguments, surroundings),
        Command::Config(command) => config::run(&command, surroundings),
        Command::Demo(arguments) => demo::run(&arguments, surroundings),
        Command::Simulator(arguments) => simulator::run(&arguments, surroundings),
        Command::Key(command) => key::run(&command, surroundings),
        Command::Tenant(command) => tenants::run(&command, surroundings),
        Command::Minutes(command) => minutes::run(&command, surroundings),
        Command::Limit(command) => limits::run(&command, surroundings),
        Command::Explain(arguments) => explain::run(&arguments, surroundings),
        Command::Usage(arguments) => usage::run(&arguments, surroundings),
        Command::Adopt(arguments) => adopt::run(&arguments, surroundings),
        Command::Unresolved(arguments) => unresolved::run(&arguments, surroundings),
        Command::Journal(command) => journal::run(&command, surroundings),
        Command::Verify(arguments) => journal::run_verify(&arguments, surroundings),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments, surroundings),
        Command::Completions(arguments) => completions::run(&arguments, surroundings),
    };
    let result = result.and_then(|exit| match out.flush() {
        Err(error) if exit == Exit::Done => Err(error),
        // What has failed has failed, whether somebody reads or not.
        Ok(()) | Err(_) => Ok(exit),
    });
    match result {
        Ok(exit) => exit.into(),
        // `heify-gateway ... | head` has got what it wanted.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Done.into(),
        Err(error) => {
            // The last word: if that does not get through either, the exit code has to do.
            let _ = writeln!(talk, "heify-gateway: {error}");
            Exit::Failed.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }
}
