//! `tenant list`: who may call, and how much is left for whom?

use std::io;

use clap::{Args, Subcommand};
use heify_gateway::admin::operate;
use heify_gateway::admin::table::Table;
use heify_gateway::records::{Moment, Store};
use serde_json::Value;

use super::beside::{Beside, Trouble, conclude};
use super::output::Output;
use super::remote::{Remote, cell};
use super::{Exit, Surroundings};

/// What can be done with tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List all tenants of the configuration with their keys and minutes
    List(Arguments),
}

/// What `tenant list` understands.
#[derive(Debug, Args)]
#[command(
    after_help = "Minutes are those of the tenant's present month, and what was granted. In \
    JSON and CSV they are milliseconds of audio.\n\n\
    Examples:\n  heify-gateway tenant list -c gateway.toml\n  \
    heify-gateway tenant list -c gateway.toml --output csv"
)]
pub(crate) struct Arguments {
    /// How to write them
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Table)]
    output: Output,
}

/// Lists.
pub(crate) fn run(command: &Command, mut surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let Command::List(arguments) = command;
    let done = list(arguments, &mut surroundings);
    conclude(done, surroundings.talk)
}

fn list(arguments: &Arguments, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let tenants = match Remote::named(surroundings)? {
        Some(remote) => remote.see("/tenants")?["tenants"].take(),
        None => {
            let (beside, now) = (Beside::find(surroundings)?, Moment::now());
            let changes = beside.read(|store| store.overrides())?;
            let settings = &beside.settings;
            let read = |store: &mut dyn Store| {
                operate::within(operate::tenants(store, settings, &changes, now))
            };
            Value::Array(beside.read(read)??)
        }
    };
    arguments.output.write(&table(&tenants), surroundings.out)?;
    Ok(Exit::Done)
}

/// One row per tenant of the file.
fn table(tenants: &Value) -> Table {
    let columns = &[
        "tenant",
        "label",
        "state",
        "valid_keys",
        "keys",
        "monthly_ms",
        "used_ms",
        "reserved_ms",
        "left_ms",
    ];
    let row = |tenant: &Value| {
        let own = ["id", "label", "state", "valid_keys", "keys"];
        let own = own.iter().map(|name| cell(name, &tenant[*name]));
        let minutes = ["monthly", "used", "reserved", "left"];
        let minutes = minutes.iter().map(|name| cell("_ms", &tenant["minutes"][*name]));
        own.chain(minutes).collect()
    };
    Table::new(columns, tenants.as_array().into_iter().flatten().map(row).collect())
}
