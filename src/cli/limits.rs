//! `limit`: how is a tenant's limit changed for a while, and which hold now?

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;

use clap::{Args, Subcommand};
use heify_gateway::admin::operate::limits::{self, NewLimit};
use heify_gateway::admin::table::{Cell, Table};
use heify_gateway::config::default_burst;
use heify_gateway::records::{Limit, LimitValue, Moment};
use http::Method;
use serde_json::{Value, json};

use super::beside::{Beside, Trouble, conclude};
use super::key::parse_note;
use super::output::Output;
use super::remote::{Remote, segment};
use super::when::{Until, parse_until};
use super::{Exit, Surroundings};

/// What can be done with limits.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List a tenant's limits, and who says so
    List(List),
    /// Change a limit at once; with an end also where the file sets it
    Override(Change),
    /// Let a limit be again what the configuration says
    Lift(Lift),
}

/// What `limit list` understands.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  heify-gateway limit list -c gateway.toml --tenant acme")]
pub(crate) struct List {
    /// Whose
    #[arg(long, value_name = "ID")]
    tenant: String,
    /// How to write them
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Table)]
    output: Output,
}

/// What `limit override` understands.
#[derive(Debug, Args)]
#[command(
    after_help = "A running gateway takes the change within a second, and goes back by itself \
    at its end. Without an end, what the file sets is refused.\n\n\
    Examples:\n  heify-gateway limit override -c gateway.toml --tenant acme --limit rate:/submit \
    --per-minute 300 --until 8h\n  \
    heify-gateway limit override -c gateway.toml --tenant acme --limit minutes --most 900 \
    --until 2026-12-01T00:00:00Z --note \"order 4711\"\n  \
    heify-gateway limit override -c gateway.toml --tenant acme --limit access --disabled"
)]
pub(crate) struct Change {
    /// Whose
    #[arg(long, value_name = "ID")]
    tenant: Arc<str>,
    /// Which: rate:<path>, total, calls:<path>, objects:<kind>, minutes or access
    #[arg(long, value_name = "NAME", value_parser = parse_limit)]
    limit: Limit,
    #[command(flatten)]
    to: To,
    /// Calls at once, beside --per-minute; without it: the calls of two seconds
    #[arg(long, value_name = "N", requires = "per_minute")]
    burst: Option<NonZeroU32>,
    /// Until when: hours or days from now, or a date and time as in RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = parse_until)]
    until: Option<Until>,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = parse_note)]
    note: Arc<str>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct To {
    /// A rate: calls per minute
    #[arg(long, value_name = "N")]
    per_minute: Option<NonZeroU32>,
    /// So many calls, objects, or minutes
    #[arg(long, value_name = "N")]
    most: Option<u32>,
    /// No calls at all
    #[arg(long)]
    disabled: bool,
}

/// What `limit lift` understands.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    heify-gateway limit lift -c gateway.toml --limit rate:/submit --tenant acme")]
pub(crate) struct Lift {
    /// Whose
    #[arg(long, value_name = "ID")]
    tenant: String,
    /// Which
    #[arg(long, value_name = "NAME", value_parser = parse_limit)]
    limit: Limit,
}

/// Does it.
pub(crate) fn run(command: &Command, mut surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let done = match command {
        Command::List(arguments) => list(arguments, &mut surroundings),
        Command::Override(arguments) => change(arguments, &mut surroundings),
        Command::Lift(arguments) => lift(arguments, &mut surroundings),
    };
    conclude(done, surroundings.talk)
}

fn list(arguments: &List, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let tenant = &arguments.tenant;
    let found = match Remote::named(surroundings)? {
        Some(remote) => {
            remote.see(&format!("/tenants/{}/limits", segment(tenant)))?["limits"].take()
        }
        None => {
            let beside = Beside::find(surroundings)?;
            let (index, contract) = (beside.tenant(tenant)?, beside.contract()?);
            let changes = beside.read_or_empty(|store| store.overrides())?;
            limits::limits(&beside.settings, &contract, index, &changes, Moment::now())
        }
    };
    let row = |line: &Value| {
        let shown = |value: &Value| match value {
            Value::Null => Cell::Nothing,
            Value::String(text) => Cell::text(text),
            other => Cell::text(other),
        };
        let changed = &line["changed"];
        let names = [
            &line["limit"],
            &line["value"],
            &line["configured"],
            &line["enforced"],
            &line["set_at"],
        ];
        let changed = [&changed["until"], &changed["note"]];
        names.into_iter().chain(changed).map(shown).collect()
    };
    let rows = found.as_array().into_iter().flatten().map(row).collect();
    let columns = &["limit", "value", "configured", "enforced", "set_at", "changed_until", "note"];
    arguments.output.write(&Table::new(columns, rows), surroundings.out)?;
    Ok(Exit::Done)
}

fn change(arguments: &Change, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let changed = match Remote::named(surroundings)? {
        Some(remote) => {
            let path = format!("/tenants/{}/limits", segment(&arguments.tenant));
            remote.change(Method::PUT, &path, &arguments.body())?["changed"].take()
        }
        None => beside(arguments, surroundings)?,
    };
    let until = match changed["until"].as_str() {
        Some(end) => format!("until {end}"),
        None => "until it is lifted".to_owned(),
    };
    let (limit, tenant) = (&arguments.limit, &arguments.tenant);
    writeln!(surroundings.talk, "{limit} of tenant {tenant} is changed {until}")?;
    Ok(Exit::Done)
}

fn beside(arguments: &Change, surroundings: &Surroundings<'_>) -> Result<Value, Trouble> {
    let beside = Beside::find(surroundings)?;
    let contract = beside.contract()?;
    let new = NewLimit {
        tenant: Arc::clone(&arguments.tenant),
        limit: arguments.limit.clone(),
        value: arguments.value(),
        until: arguments.until.map(|until| until.from(Moment::now())),
        note: Arc::clone(&arguments.note),
    };
    let changed = beside
        .operate(|store, settings, act| limits::change(store, settings, &contract, &new, act))?;
    Ok(limits::shown(&changed))
}

impl Change {
    /// As the admin API takes it.
    fn body(&self) -> Value {
        let value = match self.value() {
            LimitValue::Rate { per_minute, burst } => {
                json!({ "per_minute": per_minute, "burst": burst })
            }
            LimitValue::Most(most) => json!(most),
            LimitValue::Disabled => json!("disabled"),
        };
        let mut body = json!({ "limit": self.limit, "value": value, "note": &*self.note });
        if let Some(until) = self.until {
            body["until"] = json!(until.written());
        }
        body
    }

    fn value(&self) -> LimitValue {
        match (self.to.per_minute, self.to.most) {
            (Some(per_minute), _) => {
                let default = NonZeroU32::new(default_burst(per_minute.get()));
                let burst = self.burst.or(default).unwrap_or(per_minute);
                LimitValue::Rate { per_minute, burst }
            }
            (None, Some(most)) => LimitValue::Most(most),
            // One of the three is given: the arguments say so.
            (None, None) => LimitValue::Disabled,
        }
    }
}

fn lift(arguments: &Lift, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let (tenant, limit) = (&arguments.tenant, &arguments.limit);
    match Remote::named(surroundings)? {
        Some(remote) => {
            let (tenant, limit) = (segment(tenant), segment(&limit.to_string()));
            let path = format!("/tenants/{tenant}/limits?limit={limit}");
            remote.change(Method::DELETE, &path, &json!({}))?;
        }
        None => {
            let beside = Beside::find(surroundings)?;
            // Only a gateway makes records, and a mistyped path should not either.
            beside.reader()?;
            beside.operate(|store, settings, act| {
                limits::lift(store, settings, tenant, limit, act)
            })?;
        }
    }
    writeln!(surroundings.talk, "{limit} of tenant {tenant} is what the configuration says again")?;
    Ok(Exit::Done)
}

fn parse_limit(text: &str) -> Result<Limit, String> {
    Limit::try_from(text.to_owned()).map_err(|error| error.to_string())
}
