//! `unresolved`: of which calls does nobody know what became, and how are they closed by hand?

use std::io;
use std::time::Duration;

use clap::{Args, Subcommand};
use heify_gateway::admin::operate::explain::charge;
use heify_gateway::admin::operate::{self, unresolved};
use heify_gateway::admin::table::{Cell, Table};
use heify_gateway::records::Moment;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::beside::{Beside, Trouble, conclude};
use super::output::Output;
use super::remote::{Remote, cell};
use super::{Exit, Surroundings};

/// What `unresolved` understands.
#[derive(Debug, Args)]
#[command(
    after_help = "Lists calls whose outcome is unknown (lost), and jobs that are not settled after a \
        day (bound). What they hold counts against the tenant until the gateway learns of their end, \
        closes them by policy ([minutes] in the configuration), or you do.\n\n\
        Examples:\n  heify-gateway unresolved -c gateway.toml\n  \
        heify-gateway unresolved -c gateway.toml close 0190a3c1-7e55-7c11-9d2e-5b1c0a7f3e42 --release"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// How to write them
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Close one by hand
    Close(Close),
}

/// What `unresolved close` understands.
#[derive(Debug, Args)]
#[command(after_help = "Look first, at Heify, whether the call was done. Done again, it changes \
    nothing.\n\n\
    Examples:\n  heify-gateway unresolved -c gateway.toml close 0190a3c1-7e55-7c11-9d2e-5b1c0a7f3e42 \
    --charge\n  \
    heify-gateway unresolved -c gateway.toml close 0190a3c1-7e55-7c11-9d2e-5b1c0a7f3e42 --release")]
struct Close {
    /// The id in the list
    id: Uuid,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct How {
    /// It was done: charge what it holds
    #[arg(long)]
    charge: bool,
    /// It was not done: give back what it holds
    #[arg(long)]
    release: bool,
}

/// Does it.
pub(crate) fn run(arguments: &Arguments, mut surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let done = match &arguments.command {
        None => list(arguments, &mut surroundings),
        Some(Command::Close(arguments)) => close(arguments, &mut surroundings),
    };
    conclude(done, surroundings.talk)
}

fn list(arguments: &Arguments, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let now = Moment::now();
    let found = match Remote::named(surroundings)? {
        Some(remote) => remote.see("/unresolved")?["unresolved"].take(),
        None => {
            let found = Beside::find(surroundings)?.read(|store| unresolved(store, now))?;
            found.iter().map(charge).collect()
        }
    };
    arguments.output.write(&table(&found, now), surroundings.out)?;
    Ok(Exit::Done)
}

fn table(found: &Value, now: Moment) -> Table {
    let row = |one: &Value| {
        let names = ["reservation", "state", "tenant", "endpoint", "request", "object", "opened"];
        let shown = names.iter().map(|name| cell(name, &one[*name]));
        let opened = one["opened"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        let age = opened.map(|opened| age(Moment(opened.as_millisecond()).until(now)));
        shown.chain([Cell::maybe(age), cell("_ms", &one["reserved_ms"])]).collect()
    };
    let columns =
        &["id", "state", "tenant", "endpoint", "request", "object", "opened", "age", "held_ms"];
    Table::new(columns, found.as_array().into_iter().flatten().map(row).collect())
}

/// The two largest units.
fn age(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

fn close(arguments: &Close, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let id = arguments.id;
    let told = match Remote::named(surroundings)? {
        Some(remote) => {
            let how = if arguments.how.charge { "charge" } else { "release" };
            let path = format!("/unresolved/{id}/close");
            remote.change(Method::POST, &path, &json!({ "how": how }))?
        }
        None => {
            let beside = Beside::find(surroundings)?;
            // Only a gateway makes records, and a mistyped id should not either.
            beside.reader()?;
            let charge = arguments.how.charge;
            let how = if charge { operate::How::Charge } else { operate::How::Release };
            beside.operate(|store, _, act| operate::close(store, &id, how, act))?.json(&id)
        }
    };
    let of = |name: &str| told[name].as_str().unwrap_or_default().replace(char::is_control, "?");
    let talk = &mut *surroundings.talk;
    match told["closed"].is_string() {
        true => writeln!(talk, "{id} is {}", of("closed"))?,
        false => {
            let (state, why) = (of("state"), of("why"));
            writeln!(talk, "{id} was {state} already ({why}): nothing was changed")?;
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_shows_its_two_largest_units() {
        for (minutes, shown) in [(0, "0m"), (61, "1h 1m"), (1440, "1d 0h"), (100_000, "69d 10h")] {
            assert_eq!(age(Duration::from_secs(minutes * 60)), shown);
        }
    }
}
