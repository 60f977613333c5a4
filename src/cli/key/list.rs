//! `key list`: which keys are there?

use clap::Args;
use heify_gateway::records::Moment;

use crate::cli::beside::{Beside, Trouble};
use crate::cli::output::Output;
use crate::cli::remote::{Remote, cell, segment};
use crate::cli::{Exit, Surroundings};
use heify_gateway::admin::operate::keys::{keys, shown};
use heify_gateway::admin::table::Table;
use serde_json::Value;

/// What `key list` understands.
#[derive(Debug, Args)]
#[command(after_help = "The source is the place in the file, or \"records\" for a key that was \
    issued. Keys and hashes are not shown.\n\n\
    Examples:\n  heify-gateway key list -c gateway.toml\n  \
    heify-gateway key list -c gateway.toml --tenant acme --output json")]
pub(crate) struct Arguments {
    /// Only this tenant's keys
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// How to write them
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Table)]
    output: Output,
}

pub(super) fn list(
    arguments: &Arguments,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Trouble> {
    let keys = match Remote::named(surroundings)? {
        Some(remote) => {
            let of = arguments.tenant.as_ref().map(|id| format!("?tenant={}", segment(id)));
            remote.see(&format!("/keys{}", of.unwrap_or_default()))?["keys"].take()
        }
        None => beside(arguments, surroundings)?,
    };
    arguments.output.write(&table(&keys), surroundings.out)?;
    Ok(Exit::Done)
}

fn beside(arguments: &Arguments, surroundings: &Surroundings<'_>) -> Result<Value, Trouble> {
    let beside = Beside::find(surroundings)?;
    let issued = beside.read(|store| store.keys())?;
    let mut keys = keys(&beside.settings, &issued, Moment::now());
    if let Some(tenant) = &arguments.tenant {
        keys.retain(|key| *key.tenant == **tenant);
        // Keys of a tenant that is gone from the file are still listed.
        if keys.is_empty() {
            beside.tenant(tenant)?;
        }
    }
    Ok(keys.iter().map(shown).collect())
}

fn table(keys: &Value) -> Table {
    let columns = &["key", "tenant", "state", "source", "expires", "note"];
    let names = ["id", "tenant", "state", "source", "expires", "note"];
    let row = |key: &Value| names.iter().map(|name| cell(name, &key[*name])).collect();
    Table::new(columns, keys.as_array().into_iter().flatten().map(row).collect())
}
