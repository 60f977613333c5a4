//! `usage`: which jobs used how many minutes, and does Heify's invoice agree?

mod reconcile;
mod rows;

use std::io;

use clap::{Args, Subcommand};
use heify_gateway::admin::operate::{JOB_COLUMNS, job_rows};
use heify_gateway::admin::table::Table;
use heify_gateway::records::{AudioMillis, Moment, Payer, Period, Reservation};
use serde_json::json;

use super::beside::{Beside, Trouble, conclude};
use super::output::Output;
use super::remote::{self, Remote, segment};
use super::when::Range;
use super::{Exit, Surroundings};
use reconcile::Account;

/// What `usage` understands.
#[derive(Debug, Args)]
#[command(
    after_help = "One row per job that was charged or may be, by when it was opened. States: billed; \
        free (failed, refused, never uploaded); open (not settled yet); lost (nobody knows whether it \
        was done); policy (closed without an answer). The transcription's id is empty where the \
        gateway learned none. With open or lost jobs the numbers are provisional.\n\n\
        Examples:\n  heify-gateway usage -c gateway.toml\n  \
        heify-gateway usage -c gateway.toml --month 2026-11 --output csv > november.csv\n  \
        heify-gateway usage -c gateway.toml --from 2026-11-01 --to 2026-11-15 --tenant acme\n  \
        heify-gateway usage -c gateway.toml reconcile --month 2026-11 --invoice-minutes 1840"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    range: Range,
    /// Only this tenant's
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// How to write them
    #[arg(long, global = true, value_enum, value_name = "FORM", default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Explain the difference between what was charged and what Heify bills
    Reconcile(Reconcile),
}

/// What `usage reconcile` understands.
#[derive(Debug, Args)]
#[command(after_help = "Exits with 0 whatever remains unexplained.\n\n\
    Example:\n  heify-gateway usage -c gateway.toml reconcile --month 2026-11 --invoice-minutes 1840")]
struct Reconcile {
    /// The minutes on Heify's invoice; up to three decimals
    #[arg(long, value_name = "N", value_parser = reconcile::parse_minutes)]
    invoice_minutes: AudioMillis,
}

/// Does it.
pub(crate) fn run(arguments: &Arguments, mut surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let done = match &arguments.command {
        None => show(arguments, &mut surroundings),
        Some(Command::Reconcile(Reconcile { invoice_minutes })) => {
            reconcile(*invoice_minutes, arguments, &mut surroundings)
        }
    };
    conclude(done, surroundings.talk)
}

/// The jobs of some time.
struct Shown {
    /// The first moment, and the one after the last.
    from: String,
    to: String,
    rows: Table,
}

fn show(arguments: &Arguments, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let Shown { from, to, rows } = match Remote::named(surroundings)? {
        Some(remote) => elsewhere(&remote, arguments)?,
        None => beside(arguments, surroundings)?,
    };
    let programs = rows.json();
    let (totals, provisional) = (rows::totals(&programs), rows::provisional(&programs));
    let out = &mut *surroundings.out;
    match arguments.output {
        Output::Json => {
            let document = json!({
                "from": from,
                "to": to,
                "rows": programs,
                "totals": totals.json(),
                "provisional": provisional > 0,
            });
            writeln!(out, "{document:#}")?;
            return Ok(Exit::Done);
        }
        Output::Csv => rows.write_csv(out)?,
        Output::Table => {
            writeln!(out, "From {from} to before {to}")?;
            rows.write_aligned(out)?;
            writeln!(out)?;
            totals.write_aligned(out)?;
        }
    }
    say_provisional(provisional, surroundings)?;
    Ok(Exit::Done)
}

fn elsewhere(remote: &Remote, arguments: &Arguments) -> Result<Shown, Trouble> {
    let mut query = arguments.range.query();
    query.extend(arguments.tenant.clone().map(|tenant| ("tenant", tenant)));
    let query: Vec<_> =
        query.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect();
    let told = remote.see(&format!("/usage/jobs?{}", query.join("&")))?;
    let of = |name: &str| told[name].as_str().unwrap_or_default().replace(char::is_control, "?");
    let rows = remote::table(JOB_COLUMNS, &told["jobs"]);
    Ok(Shown { from: of("from"), to: of("to"), rows })
}

fn beside(arguments: &Arguments, surroundings: &mut Surroundings<'_>) -> Result<Shown, Trouble> {
    let beside = Beside::find(surroundings)?;
    let (period, mut jobs) = jobs(&beside, &arguments.range, surroundings.talk)?;
    if let Some(tenant) = &arguments.tenant {
        jobs.retain(|job| *job.opening.tenant == **tenant);
        // A tenant that is gone from the file keeps its history.
        if jobs.is_empty() {
            beside.tenant(tenant)?;
        }
    }
    let (from, to) = (period.start.to_string(), period.end.to_string());
    Ok(Shown { from, to, rows: job_rows(&jobs) })
}

fn reconcile(
    invoice: AudioMillis,
    arguments: &Arguments,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Trouble> {
    if arguments.tenant.is_some() {
        let text = "an invoice is about all tenants: leave --tenant out";
        return Err(Trouble::Refused(text.to_owned()));
    }
    if surroundings.global.url.is_some() {
        let text = "reconcile works on the records: run it beside them, without --url";
        return Err(Trouble::Refused(text.to_owned()));
    }
    let beside = Beside::find(surroundings)?;
    let (period, jobs) = jobs(&beside, &arguments.range, surroundings.talk)?;
    if arguments.output == Output::Table {
        writeln!(surroundings.out, "From {} to before {}", period.start, period.end)?;
    }
    arguments.output.write(&Account::of(&jobs).table(invoice), surroundings.out)?;
    say_provisional(rows::provisional(&job_rows(&jobs).json()), surroundings)?;
    Ok(Exit::Done)
}

/// What was opened in the range and holds or used minutes, the oldest first.
fn jobs(
    beside: &Beside,
    range: &Range,
    talk: &mut dyn io::Write,
) -> Result<(Period, Vec<Reservation>), Trouble> {
    let account = &beside.settings.quota.account.calendar;
    let opened = beside.read(|store| store.periods(&Payer::Account))?;
    let now = Moment::now();
    let period = range.period(account, &opened, now).map_err(Trouble::Refused)?;
    if range.period(account, &[], now).map_err(Trouble::Refused)? != period {
        writeln!(
            talk,
            "note: the month is cut as it was when it began; zone or anchor of [account] have \
             changed since"
        )?;
    }
    let mut jobs = beside.read(|store| store.opened(period.start, period.end))?;
    jobs.retain(|job| job.opening.minutes.is_some());
    Ok((period, jobs))
}

fn say_provisional(jobs: usize, surroundings: &mut Surroundings<'_>) -> io::Result<()> {
    if jobs == 0 {
        return Ok(());
    }
    writeln!(surroundings.talk, "provisional: {jobs} still open or lost")
}
