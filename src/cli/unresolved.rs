//! `unresolved`: of which calls does nobody know what became, and how are they closed by hand?

use std::io;
use std::time::Duration;

use clap::{Args, Subcommand};
use heify_gateway::admin::operate::{self, Closed, unresolved};
use heify_gateway::records::{Moment, Reservation, Why};
use uuid::Uuid;

use super::beside::{Beside, Trouble, conclude};
use super::output::Output;
use super::{Exit, Surroundings};
use heify_gateway::admin::table::{Cell, Table};

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
    let found = Beside::find(surroundings)?.read(|store| unresolved(store, now))?;
    arguments.output.write(&table(&found, now), surroundings.out)?;
    Ok(Exit::Done)
}

fn table(found: &[Reservation], now: Moment) -> Table {
    let row = |one: &Reservation| {
        vec![
            Cell::text(one.opening.reservation),
            Cell::text(one.state.as_str()),
            Cell::text(&one.opening.tenant),
            Cell::text(&one.opening.endpoint),
            Cell::text(&one.opening.request),
            Cell::maybe(one.object),
            Cell::text(one.opened),
            Cell::text(age(one.opened.until(now))),
            Cell::audio(one.opening.minutes),
        ]
    };
    let columns =
        &["id", "state", "tenant", "endpoint", "request", "object", "opened", "age", "held_ms"];
    Table::new(columns, found.iter().map(row).collect())
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
    let beside = Beside::find(surroundings)?;
    let id = arguments.id;
    // Only a gateway makes records, and a mistyped id should not either.
    beside.reader()?;
    let how = if arguments.how.charge { operate::How::Charge } else { operate::How::Release };
    match beside.operate(|store, _, act| operate::close(store, &id, how, act))? {
        Closed::Now(what) => writeln!(surroundings.talk, "{id} is {what}")?,
        Closed::Before(state, why) => {
            let (state, why) = (state.as_str(), why.map_or("", Why::as_str));
            writeln!(surroundings.talk, "{id} was {state} already ({why}): nothing was changed")?;
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
