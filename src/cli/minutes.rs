//! `minutes grant` and `minutes show`: who has how many minutes?

use std::io;
use std::num::NonZeroI32;
use std::sync::Arc;

use clap::{Args, Subcommand};
use heify_gateway::admin::operate;
use heify_gateway::admin::table::{Cell, Table};
use heify_gateway::quota::{MinutesUsage, TenantBudget};
use heify_gateway::records::{AudioMillis, Moment, Payer};
use http::Method;
use serde_json::{Value, json};

use super::beside::{Beside, Trouble, conclude};
use super::key::parse_note;
use super::output::Output;
use super::remote::{Remote, cell, segment};
use super::{Exit, Surroundings};

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
    let (to, minutes, note) = (arguments.to.tenant.as_deref(), arguments.minutes, &arguments.note);
    let told = match Remote::named(surroundings)? {
        Some(remote) => {
            let mut body = json!({ "minutes": minutes, "note": &**note });
            match to {
                Some(tenant) => body["tenant"] = json!(tenant),
                None => body["account"] = json!(true),
            }
            remote.change(Method::POST, "/grants", &body)?
        }
        None => {
            let granted = Beside::find(surroundings)?.operate(|store, settings, act| {
                operate::grant(store, settings, to, minutes, note, act)
            })?;
            granted.json()
        }
    };
    let amount = |name: &str| AudioMillis(told[name].as_i64().unwrap_or_default());
    let name = to.map_or_else(|| "the account".to_owned(), |id| format!("tenant {id}"));
    let (amount, left) = (amount("granted_ms"), amount("left_ms"));
    let talk = &mut *surroundings.talk;
    writeln!(talk, "{amount} granted to {name}; {left} left")?;
    if told["was_limited"] == false {
        writeln!(talk, "{name} had no limit so far; from now on it may use what is granted")?;
    }
    Ok(Exit::Done)
}

fn show(arguments: &Show, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let only = arguments.tenant.as_deref();
    let purses = match Remote::named(surroundings)? {
        Some(remote) => elsewhere(&remote, only)?,
        None => beside(only, surroundings)?,
    };
    let rows = purses.iter().map(|(tenant, minutes)| row(tenant.as_deref(), minutes));
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

/// A tenant's id, or none for the account, and its minutes; null: they are not recorded.
type Purse = (Option<String>, Value);

fn elsewhere(remote: &Remote, only: Option<&str>) -> Result<Vec<Purse>, Trouble> {
    if let Some(tenant) = only {
        let told = remote.see(&format!("/tenants/{}", segment(tenant)))?;
        return Ok(vec![(Some(tenant.to_owned()), told["usage"]["minutes"].clone())]);
    }
    let tenants = remote.see("/tenants")?;
    let one =
        |tenant: &Value| (tenant["id"].as_str().map(str::to_owned), tenant["minutes"].clone());
    let tenants = tenants["tenants"].as_array().into_iter().flatten().map(one);
    let account = remote.see("/account")?["minutes"].take();
    Ok(tenants.chain([(None, account)]).collect())
}

fn beside(only: Option<&str>, surroundings: &Surroundings<'_>) -> Result<Vec<Purse>, Trouble> {
    let beside = Beside::find(surroundings)?;
    let quota = &beside.settings.quota;
    let purses = match only {
        Some(tenant) => vec![operate::purse(&beside.settings, Some(tenant))?],
        None => {
            let tenant = |one: &TenantBudget| Payer::Tenant(one.id.clone());
            let tenants = quota.tenants.iter().map(|one| (tenant(one), &one.budget));
            tenants.chain([(Payer::Account, &quota.account)]).collect()
        }
    };
    let now = Moment::now();
    beside.read(|store| {
        let mut read = Vec::new();
        for (payer, budget) in &purses {
            let minutes = MinutesUsage::read(store, payer, budget, now)?;
            let tenant = (*payer != Payer::Account).then(|| payer.as_str().to_owned());
            read.push((tenant, minutes.map_or(Value::Null, |minutes| minutes.json())));
        }
        Ok(read)
    })
}

fn row(tenant: Option<&str>, minutes: &Value) -> Vec<Cell> {
    let scope = if tenant.is_some() { "tenant" } else { "account" };
    let state = match minutes {
        Value::Null => "off",
        usage if usage["left"].is_null() => "recorded",
        _ => "limited",
    };
    let audio = ["monthly", "granted", "used", "reserved", "left", "overdrawn"];
    let audio = audio.iter().map(|name| cell("_ms", &minutes[*name]));
    let moments = ["resets", "runs_out"].map(|name| cell(name, &minutes[name]));
    let names = [Cell::text(scope), Cell::maybe(tenant), Cell::text(state)];
    names.into_iter().chain(audio).chain(moments).collect()
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
            row(Some("acme"), &usage.map_or(Value::Null, |usage| usage.json()))
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
