//! `explain`: what became of one request?
//!
//! Refusals are known to the running gateway alone, so this asks its admin API where an address is
//! given; without one it looks into the records, which know what a call reserved and cost.

use std::io::{self, Write};

use clap::Args;
use heify_gateway::admin::operate::explain::charges;
use serde_json::{Value, json};

use super::beside::{Beside, Trouble, conclude};
use super::remote::{Remote, segment};
use super::{Exit, Surroundings};

/// What `explain` understands.
#[derive(Debug, Args)]
#[command(after_help = "The id is in the answer's x-request-id. Refusals are kept by the running \
    gateway for a day, of a flood only a part; charges are in the records.\n\n\
    Examples:\n  heify-gateway explain -c gateway.toml 0190a3c1-7e55-7c11-9d2e-5b1c0a7f3e42\n  \
    heify-gateway explain --url http://127.0.0.1:8081 --token-file admin-token \
    0190a3c1-7e55-7c11-9d2e-5b1c0a7f3e42")]
pub(crate) struct Arguments {
    /// The request's id
    #[arg(value_name = "REQUEST")]
    request: String,
    /// Write all of it as JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(crate) fn run(arguments: &Arguments, mut surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let done = explain(arguments, &mut surroundings);
    conclude(done, surroundings.talk)
}

fn explain(arguments: &Arguments, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let request = &arguments.request;
    let remote = Remote::named(surroundings)?;
    let told = match &remote {
        Some(remote) => remote.see(&format!("/explain/{}", segment(request)))?,
        None => {
            let beside = Beside::find(surroundings)?;
            let charges = beside.read_or_empty(|store| charges(store, request))?;
            json!({ "request": request, "known": !charges.is_empty(), "charges": charges })
        }
    };
    if arguments.json {
        writeln!(surroundings.out, "{told:#}")?;
    } else {
        write(&told, surroundings.out)?;
    }
    if told["known"] == true {
        return Ok(Exit::Done);
    }
    let where_else = if remote.is_none() {
        "the records know no such call; refusals are known to the running gateway: --url"
    } else {
        "it was not refused of late, and cost nothing"
    };
    writeln!(surroundings.talk, "{where_else}")?;
    Ok(Exit::Failed)
}

/// A few lines for people.
fn write(told: &Value, out: &mut dyn Write) -> io::Result<()> {
    let text = |value: &Value| match value {
        Value::String(text) => text.replace(char::is_control, "?"),
        other => other.to_string(),
    };
    for one in told["refusals"].as_array().into_iter().flatten() {
        let [at, status, reason, message] =
            ["at", "status", "reason", "message"].map(|name| text(&one[name]));
        let what = match one["shadow"] == true {
            true => "passed a limit that is not enforced, else refused",
            false => "refused",
        };
        writeln!(out, "{at}  {what} with {status} ({reason}): {message}")?;
        for name in ["tenant", "key", "endpoint", "hint", "config_version"] {
            if !one[name].is_null() {
                writeln!(out, "  {name}: {}", text(&one[name]))?;
            }
        }
        if !one["limit"].is_null() {
            writeln!(out, "  limit: {}", one["limit"])?;
        }
    }
    for one in told["charges"].as_array().into_iter().flatten() {
        let [at, what] = ["opened", "text"].map(|name| text(&one[name]));
        writeln!(out, "{at}  {what}")?;
        for name in ["tenant", "key", "endpoint", "reservation", "object", "state"] {
            if !one[name].is_null() {
                writeln!(out, "  {name}: {}", text(&one[name]))?;
            }
        }
    }
    Ok(())
}
