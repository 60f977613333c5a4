//! `check`: is the configuration right?

use std::io::{self, Write};

use clap::Args;
use heify_gateway::config::Settings;
use heify_gateway::contract::Contract;
use heify_gateway::quota::oversubscriptions;

use super::gateway::contract;
use super::sources::{explain, settings};
use super::{Exit, Surroundings, live};

/// What `check` understands.
#[derive(Debug, Args)]
#[command(
    after_help = "Every mistake comes with its file, line and column, or its variable. Exits with 78 \
        if there is one. With --live, the findings follow: ok, warn or FAIL; exits with 69 if the \
        upstream cannot be reached, and with 1 if anything else FAILs.\n\n\
        Examples:\n  heify-gateway check -c gateway.toml\n  \
        heify-gateway check -c gateway.toml --live\n  \
        HEIFY_API_KEY=... HEIFY_GATEWAY_TENANT_KEY=... heify-gateway check"
)]
pub(crate) struct Arguments {
    /// Then ask the upstream, with calls that cost nothing, whether it takes the central key
    #[arg(long)]
    live: bool,
}

/// Writes the mistakes, or what would be served.
pub(crate) fn run(arguments: &Arguments, surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let settings = match settings(&surroundings) {
        Ok(settings) => settings,
        Err(mistakes) => {
            explain(&mistakes, surroundings.talk)?;
            return Ok(Exit::WrongConfiguration);
        }
    };
    let contract = match contract(&settings) {
        Ok(contract) => contract,
        Err(error) => {
            writeln!(surroundings.talk, "heify-gateway: {error}")?;
            return Ok(error.exit());
        }
    };
    summarize(&settings, &contract, surroundings.out)?;
    if arguments.live { live::run(&settings, &contract, surroundings.out) } else { Ok(Exit::Done) }
}

fn summarize(settings: &Settings, contract: &Contract, out: &mut dyn Write) -> io::Result<()> {
    let scheme = if settings.server.tls.is_some() { "https" } else { "http" };
    let tenants = &settings.authenticate.tenants;
    let keys: usize = tenants.iter().map(|tenant| tenant.keys.len()).sum();
    let names: Vec<_> = tenants.iter().map(|tenant| &*tenant.id).collect();
    writeln!(out, "The configuration is valid.")?;
    writeln!(out, "listen:    {} ({scheme})", settings.server.listen)?;
    writeln!(out, "status:    {}", settings.status)?;
    writeln!(out, "upstream:  {}", settings.upstream.url)?;
    if let Some(contract) = &settings.contract {
        writeln!(out, "contract:  {}", contract.name)?;
    }
    match &settings.records {
        Some(records) => writeln!(out, "records:   {}", records.path.display())?,
        None => writeln!(out, "records:   none, there is nothing to record")?,
    }
    writeln!(out, "tenants:   {}, keys: {keys}{}", tenants.len(), list(&names))?;
    let isolation = if settings.isolation.is_some() { "strict" } else { "off" };
    writeln!(out, "isolation: {isolation}")?;
    for oversubscription in oversubscriptions(&settings.quota, contract) {
        writeln!(out, "oversubscribed: {oversubscription}")?;
    }
    for warning in &settings.warnings {
        writeln!(out, "warning:   {warning}")?;
    }
    Ok(())
}

/// The first names, for a glance.
fn list(names: &[&str]) -> String {
    const MOST: usize = 10;
    let rest = if names.len() > MOST { ", .." } else { "" };
    match names.get(..MOST).unwrap_or(names) {
        [] => String::new(),
        first => format!(" ({}{rest})", first.join(", ")),
    }
}
