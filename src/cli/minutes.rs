//! `minutes grant` and `minutes show`: who has how many minutes?

use std::io;
use std::num::NonZeroI32;
use std::sync::Arc;

use clap::{Args, Subcommand};
use heify_gateway::admin::operate::{self, Granted};
use heify_gateway::quota::{MinutesUsage, TenantBudget};
use heify_gateway::records::{AudioMillis, Moment, Payer, Stored};

use super::beside::{Beside, Trouble, conclude};
use super::key::parse_note;
use super::output::Output;
use super::{Exit, Surroundings};
use heify_gateway::admin::table::{Cell, Table};

/// What can be done with minutes.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add minutes that do not end with the month, or take some away
    Grant(Grant),
    /// Show what each tenant and the account have, used and hold
    Show(Show),
}

/// What `minutes grant` understands.
#[derive(Debug, Args)]
#[command(
    after_help = "The month's allowance is used first, then what was granted. A tenant without \
    an allowance is limited from its first grant on. Each grant counts: done twice, it is granted \
    twice.\n\n\
    Examples:\n  heify-gateway minutes grant -c gateway.toml --tenant acme --minutes 500 \
    --note \"order 4711\"\n  \
    heify-gateway minutes grant -c gateway.toml --tenant acme --minutes -50 --note \"correction\"\n  \
    heify-gateway minutes grant -c gateway.toml --account --minutes 1000"
)]
pub(crate) struct Grant {
    #[command(flatten)]
    to: To,
    /// How many; a negative number takes away
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    minutes: NonZeroI32,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = parse_note)]
    note: Arc<str>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct To {
    /// To this tenant
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// To the account that all tenants share
    #[arg(long)]
    account: bool,
}

/// What `minutes show` understands.
#[derive(Debug, Args)]
#[command(after_help = "In JSON and CSV minutes are milliseconds of audio.\n\n\
    Examples:\n  heify-gateway minutes show -c gateway.toml\n  \
    heify-gateway minutes show -c gateway.toml --tenant acme --output json")]
pub(crate) struct Show {
    /// Only this tenant's
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// How to write them
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Table)]
    output: Output,
}

/// Does it.
pub(crate) fn run(command: &Command, mut surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let done = match command {
        Command::Grant(arguments) => grant(arguments, &mut surroundings),
        Command::Show(arguments) => show(arguments, &mut surroundings),
    };
    conclude(done, surroundings.talk)
}

fn grant(arguments: &Grant, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let beside = Beside::find(surroundings)?;
    let to = arguments.to.tenant.as_deref();
    let Granted { amount, left, was_limited } = beside.operate(|store, settings, act| {
        operate::grant(store, settings, to, arguments.minutes, &arguments.note, act)
    })?;
    let name = to.map_or_else(|| "the account".to_owned(), |id| format!("tenant {id}"));
    let left = left.unwrap_or_default();
    let talk = &mut *surroundings.talk;
    writeln!(talk, "{amount} granted to {name}; {left} left")?;
    if !was_limited {
        writeln!(talk, "{name} had no limit so far; from now on it may use what is granted")?;
    }
    Ok(Exit::Done)
}

fn show(arguments: &Show, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let beside = Beside::find(surroundings)?;
    let quota = &beside.settings.quota;
    let purses = match &arguments.tenant {
        Some(tenant) => vec![operate::purse(&beside.settings, Some(tenant))?],
        None => {
            let tenant = |one: &TenantBudget| Payer::Tenant(one.id.clone());
            let tenants = quota.tenants.iter().map(|one| (tenant(one), &one.budget));
            tenants.chain([(Payer::Account, &quota.account)]).collect()
        }
    };
    let now = Moment::now();
    let usages = beside.read(|store| {
        let read = |(payer, budget)| MinutesUsage::read(store, payer, budget, now);
        purses.iter().map(|(payer, budget)| (payer, *budget)).map(read).collect::<Stored<Vec<_>>>()
    })?;
    let rows = purses.iter().zip(&usages).map(|((payer, _), usage)| row(payer, usage.as_ref()));
    let columns = &[
        "scope",
        "tenant",
        "state",
        "monthly_ms",
        "granted_ms",
        "used_ms",
        "reserved_ms",
        "left_ms",
        "overdrawn_ms",
        "resets",
        "runs_out",
    ];
    arguments.output.write(&Table::new(columns, rows.collect()), surroundings.out)?;
    Ok(Exit::Done)
}

fn row(payer: &Payer, usage: Option<&MinutesUsage>) -> Vec<Cell> {
    let (scope, tenant) = match payer {
        Payer::Account => ("account", None),
        Payer::Tenant(id) => ("tenant", Some(id)),
    };
    let state = match usage {
        None => "off",
        Some(usage) if usage.left.is_none() => "recorded",
        Some(_) => "limited",
    };
    let audio = |of: fn(&MinutesUsage) -> Option<AudioMillis>| Cell::audio(usage.and_then(of));
    let moment = |of: fn(&MinutesUsage) -> Option<Moment>| Cell::moment(usage.and_then(of));
    vec![
        Cell::text(scope),
        Cell::maybe(tenant),
        Cell::text(state),
        audio(|usage| usage.monthly),
        audio(|usage| Some(usage.granted)),
        audio(|usage| Some(usage.used)),
        audio(|usage| Some(usage.reserved)),
        audio(|usage| usage.left),
        audio(|usage| usage.overdrawn),
        moment(|usage| usage.resets),
        moment(|usage| usage.runs_out),
    ]
}

#[cfg(test)]
mod tests {
    use heify_gateway::quota::{Budget, MinutesBudget};
    use heify_gateway::records::{Memory, Store, ledger};

    use super::*;

    #[test]
    fn what_is_off_recorded_and_limited_is_told_apart() {
        let mut store = Memory::default();
        let acme = Payer::Tenant("acme".into());
        let now = Moment(1_790_000_000_000);
        let state = |store: &mut dyn Store, minutes| {
            let budget = Budget { minutes, ..Budget::default() };
            let usage = MinutesUsage::read(store, &acme, &budget, now).unwrap();
            row(&acme, usage.as_ref())
        };
        let words = |store: &mut dyn Store, minutes| state(store, minutes)[2].clone();
        assert_eq!(words(&mut store, MinutesBudget::Off), Cell::text("off"));
        assert_eq!(words(&mut store, MinutesBudget::Recorded), Cell::text("recorded"));
        let grant = AudioMillis(60_000);
        ledger::grant(&mut store, &acme, grant, &"note".into(), now).unwrap();
        let recorded = state(&mut store, MinutesBudget::Recorded);
        assert_eq!(recorded[2..5], [Cell::text("limited"), Cell::Nothing, Cell::Audio(grant)]);
        let monthly = state(&mut store, MinutesBudget::Monthly(grant));
        assert_eq!(monthly[7], Cell::Audio(AudioMillis(120_000)));
        assert_eq!(monthly[9], Cell::text("2026-10-01T00:00:00Z"));
    }
}
