//! Is the configuration right?

use std::io::{self, Write};

use clap::Args;
use heify_gateway::config::Settings;

use super::sources::{explain, settings};
use super::{Exit, Surroundings};

/// What `check` understands.
#[derive(Debug, Args)]
#[command(
    after_help = "Every mistake comes with its file, line and column, or its variable. Exits with 78 \
        if there is one.\n\n\
        Examples:\n  heify-gateway check -c gateway.toml\n  \
        HEIFY_API_KEY=... HEIFY_GATEWAY_TENANT_KEY=... heify-gateway check"
)]
pub(crate) struct Arguments {}

/// Writes the mistakes, or what would be served.
pub(crate) fn run(_: &Arguments, surroundings: Surroundings<'_>) -> io::Result<Exit> {
    match settings(&surroundings) {
        Ok(settings) => {
            summarize(&settings, surroundings.out)?;
            Ok(Exit::Done)
        }
        Err(mistakes) => {
            explain(&mistakes, surroundings.talk)?;
            Ok(Exit::WrongConfiguration)
        }
    }
}

fn summarize(settings: &Settings, out: &mut dyn Write) -> io::Result<()> {
    let scheme = if settings.server.tls.is_some() { "https" } else { "http" };
    let tenants = &settings.authenticate.tenants;
    let keys: usize = tenants.iter().map(|tenant| tenant.keys.len()).sum();
    let names: Vec<_> = tenants.iter().map(|tenant| &*tenant.id).collect();
    writeln!(out, "The configuration is valid.")?;
    writeln!(out, "listen:   {} ({scheme})", settings.server.listen)?;
    writeln!(out, "status:   {}", settings.status)?;
    writeln!(out, "upstream: {}", settings.upstream.url)?;
    if let Some(contract) = &settings.contract {
        writeln!(out, "contract: {}", contract.name)?;
    }
    writeln!(out, "tenants:  {}, keys: {keys}{}", tenants.len(), list(&names))?;
    for warning in &settings.warnings {
        writeln!(out, "warning:  {warning}")?;
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
