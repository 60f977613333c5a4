//! `unresolved`: of which calls does nobody know what became, and how are they closed by hand?

use std::io;
use std::time::Duration;

use clap::{Args, Subcommand};
use heify_gateway::records::{Moment, Reservation, State, Store, Stored, Why, ledger};
use uuid::Uuid;

use super::beside::{Beside, Trouble, conclude};
use super::table::{Cell, Output, Table};
use super::{Exit, Surroundings};

/// A job that takes longer than this is one to look at.
const LONG: Duration = Duration::from_secs(24 * 3600);

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
    table(&found, now).write(arguments.output, surroundings.out)?;
    Ok(Exit::Done)
}

fn unresolved(store: &mut dyn Store, now: Moment) -> Stored<Vec<Reservation>> {
    let mut found = store.in_state(State::Lost, usize::MAX)?;
    let bound = store.in_state(State::Bound, usize::MAX)?;
    found.extend(bound.into_iter().filter(|one| one.opened.until(now) >= LONG));
    found.sort_by_key(|one| (one.opened, one.opening.reservation));
    Ok(found)
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
    let closed = beside.write(|store| close_one(store, &id, &arguments.how, Moment::now()))?;
    match closed {
        Closed::Now(what) => writeln!(surroundings.talk, "{id} is {what}")?,
        Closed::Before(state, why) => {
            let why = why.map_or("", Why::as_str);
            writeln!(
                surroundings.talk,
                "{id} was {} already ({why}): nothing was changed",
                state.as_str()
            )?;
        }
        Closed::OnItsWay => {
            let text = format!("{id} is on its way just now: it is not known yet to be lost");
            return Err(Trouble::Refused(text));
        }
        Closed::Unknown => {
            return Err(Trouble::Refused(format!("there is no call with the id {id}")));
        }
    }
    Ok(Exit::Done)
}

#[derive(Debug, PartialEq, Eq)]
enum Closed {
    Now(&'static str),
    Before(State, Option<Why>),
    OnItsWay,
    Unknown,
}

fn close_one(store: &mut dyn Store, id: &Uuid, how: &How, now: Moment) -> Stored<Closed> {
    let Some(found) = store.reservation(id)? else { return Ok(Closed::Unknown) };
    match found.state {
        State::Open => Ok(Closed::OnItsWay),
        State::Settled | State::Released => Ok(Closed::Before(found.state, found.why)),
        State::Lost | State::Bound if how.charge => {
            ledger::settle(store, id, None, Why::Operator, now)?;
            Ok(Closed::Now("charged as it was reserved"))
        }
        State::Lost | State::Bound => {
            ledger::release(store, id, Why::Operator, now)?;
            Ok(Closed::Now("given back"))
        }
    }
}

#[cfg(test)]
mod tests {
    use heify_gateway::records::ledger::{Charge, MinutesLimit, Reserve};
    use heify_gateway::records::{AudioMillis, Calendar, Memory, Opening};

    use super::*;

    const DAY: i64 = 86_400_000;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn reserve(store: &mut dyn Store, number: u128, at: Moment) {
        let opening = Opening {
            reservation: id(number),
            tenant: "acme".into(),
            label: None,
            key: "k".into(),
            endpoint: "/work".into(),
            request: format!("request-{number}").into(),
            creates: None,
            minutes: Some(AudioMillis(600_000)),
            upload: false,
        };
        let amount = AudioMillis(600_000);
        let (tenant, account) = (MinutesLimit::Granted, MinutesLimit::Granted);
        let reserve = Reserve {
            opening,
            at,
            tenant_calendar: Calendar::default(),
            account_calendar: Calendar::default(),
            charges: vec![Charge::Minutes { amount, tenant, account }],
        };
        ledger::reserve(store, &reserve).unwrap().unwrap();
    }

    /// 1 is lost; 2 is bound for two days, 3 for a moment; 4 is on its way.
    fn store(now: Moment) -> Memory {
        let mut store = Memory::default();
        for (number, age) in [(1, 0), (2, 2 * DAY), (3, 0), (4, 0)] {
            reserve(&mut store, number, Moment(now.0 - age));
        }
        ledger::lose(&mut store, &id(1), now).unwrap();
        for number in [2, 3] {
            ledger::bind(&mut store, &id(number), &id(number + 10), now, now).unwrap();
        }
        store
    }

    #[test]
    fn what_is_lost_or_takes_too_long_is_listed_the_oldest_first() {
        let now = Moment(1_790_000_000_000);
        let found = unresolved(&mut store(now), now).unwrap();
        let rows = table(&found, now).json();
        assert_eq!(rows.as_array().unwrap().len(), 2);
        assert_eq!((&rows[0]["state"], &rows[0]["age"]), (&"bound".into(), &"2d 0h".into()));
        assert_eq!((&rows[1]["request"], &rows[1]["age"]), (&"request-1".into(), &"0m".into()));
        assert_eq!(rows[1]["held_ms"], 600_000);
    }

    #[test]
    fn one_is_closed_once_and_only_when_it_is_not_on_its_way() {
        let now = Moment(1_790_000_000_000);
        let mut store = store(now);
        let (charge, give_back) =
            (How { charge: true, release: false }, How { charge: false, release: true });
        let mut close = |number, how| close_one(&mut store, &id(number), how, now).unwrap();
        assert_eq!(close(1, &charge), Closed::Now("charged as it was reserved"));
        let before = Closed::Before(State::Settled, Some(Why::Operator));
        assert_eq!(close(1, &give_back), before);
        assert_eq!(close(2, &give_back), Closed::Now("given back"));
        assert_eq!(close(4, &charge), Closed::OnItsWay);
        assert_eq!(close(9, &charge), Closed::Unknown);
        assert_eq!(store.reservation(&id(1)).unwrap().unwrap().billed, Some(AudioMillis(600_000)));
    }

    #[test]
    fn an_age_shows_its_two_largest_units() {
        for (minutes, shown) in [(0, "0m"), (61, "1h 1m"), (1440, "1d 0h"), (100_000, "69d 10h")] {
            assert_eq!(age(Duration::from_secs(minutes * 60)), shown);
        }
    }
}
