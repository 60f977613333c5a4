//! `tenant list`: who may call, and how much is left for whom?

use std::io;

use clap::{Args, Subcommand};
use heify_gateway::authenticate::{Switch, TenantSettings};
use heify_gateway::config::Settings;
use heify_gateway::quota::{MinutesUsage, TenantBudget};
use heify_gateway::records::{Moment, Payer, Stored};

use super::beside::{Beside, Trouble, conclude};
use super::output::Output;
use super::{Exit, Surroundings};
use heify_gateway::admin::operate::keys::{Key, keys};
use heify_gateway::admin::table::{Cell, Table};

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
    let beside = Beside::find(surroundings)?;
    let now = Moment::now();
    let (issued, minutes) = beside.read(|store| {
        let minutes = beside.settings.quota.tenants.iter().map(|tenant| {
            let payer = Payer::Tenant(tenant.id.clone());
            MinutesUsage::read(store, &payer, &tenant.budget, now)
        });
        let minutes = minutes.collect::<Stored<Vec<_>>>()?;
        Ok((store.keys()?, minutes))
    })?;
    let keys = keys(&beside.settings, &issued, now);
    arguments.output.write(&table(&beside.settings, &keys, &minutes), surroundings.out)?;
    Ok(Exit::Done)
}

/// One row per tenant of the file.
fn table(settings: &Settings, keys: &[Key], minutes: &[Option<MinutesUsage>]) -> Table {
    let tenants = settings.authenticate.tenants.iter().zip(&settings.quota.tenants);
    let row = |((tenant, budget), minutes): ((&TenantSettings, &TenantBudget), &Option<_>)| {
        let own = keys.iter().filter(|key| key.tenant == tenant.id);
        let valid = own.clone().filter(|key| key.state.is_valid()).count();
        let count = |number: usize| Cell::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let minutes: Option<&MinutesUsage> = minutes.as_ref();
        vec![
            Cell::text(&tenant.id),
            Cell::maybe(budget.label.as_deref()),
            Cell::text(if tenant.state == Switch::Enabled { "enabled" } else { "disabled" }),
            count(valid),
            count(own.count()),
            Cell::audio(minutes.and_then(|minutes| minutes.monthly)),
            Cell::audio(minutes.map(|minutes| minutes.used)),
            Cell::audio(minutes.map(|minutes| minutes.reserved)),
            Cell::audio(minutes.and_then(|minutes| minutes.left)),
        ]
    };
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
    Table::new(columns, tenants.zip(minutes).map(row).collect())
}
