//! `adopt`: whose are the objects that Heify had before the gateway did?

mod found;
mod give;
mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use clap::Args;
use heify_gateway::contract::Contract;
use heify_gateway::records::{Holder, Moment, Sharing};
use uuid::Uuid;

use super::beside::{Beside, Trouble, conclude};
use super::{Exit, Surroundings};
use give::{Count, give, look, wait_for_calls};
use heify_gateway::admin::operate::unknown;
use heify_gateway::admin::table::{Cell, Table};

/// What `adopt` understands.
#[derive(Debug, Args)]
#[command(
    after_help = "Without ids it asks Heify for the lists of all kinds of objects, with the \
    central key, and adopts what the records do not know. Heify publishes no paging of its lists, so \
    each is asked for once; where an answer looks like one page of several, that is said, and what \
    is on the others has to be named by its ids. What a tenant holds already, it keeps. A shared object can be used and \
    read, not changed.\n\n\
    Examples:\n  heify-gateway adopt -c gateway.toml --tenant acme --dry-run\n  \
    heify-gateway adopt -c gateway.toml --shared --kind configuration\n  \
    heify-gateway adopt -c gateway.toml --shared --tenants acme,globex --kind evaluator\n  \
    heify-gateway adopt -c gateway.toml --tenant acme --kind configuration \
    3f0c1a52-7b1e-4d6a-9c55-02f1e8b7a6d4"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    to: To,
    /// Share with these tenants only, separated by commas
    #[arg(long, value_name = "IDS", value_delimiter = ',', conflicts_with = "tenant")]
    tenants: Vec<String>,
    /// Only objects of this kind, as the contract calls it
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Adopt also where other tenants' calls with an unknown outcome may have made what is listed
    #[arg(long)]
    include_lost: bool,
    /// The objects; without any: those that Heify lists
    #[arg(value_name = "OBJECT", requires = "kind")]
    ids: Vec<Uuid>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct To {
    /// Give them to this tenant
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Share them with every tenant
    #[arg(long)]
    shared: bool,
}

/// The ids of objects by kind.
type Objects = BTreeMap<Arc<str>, BTreeSet<Uuid>>;

/// Adopts.
pub(crate) fn run(arguments: &Arguments, mut surroundings: Surroundings<'_>) -> io::Result<Exit> {
    let done = adopt(arguments, &mut surroundings);
    conclude(done, surroundings.talk)
}

fn adopt(arguments: &Arguments, surroundings: &mut Surroundings<'_>) -> Result<Exit, Trouble> {
    let beside = Beside::find(surroundings)?;
    let holder = holder(arguments, &beside)?;
    let contract = beside.contract()?;
    let kind = arguments.kind.as_deref().map(|kind| known_kind(kind, &contract)).transpose()?;
    let objects = match &kind {
        Some(kind) if !arguments.ids.is_empty() => {
            Objects::from([(Arc::clone(kind), arguments.ids.iter().copied().collect())])
        }
        _ => {
            let (objects, notes) =
                found::find(&beside.settings.upstream, &contract, kind.as_deref())?;
            for note in notes {
                writeln!(surroundings.talk, "note: {note}")?;
            }
            let listed = Moment::now();
            let lost = wait_for_calls(&beside, &objects, &holder, listed)?;
            for (kind, calls) in &lost {
                writeln!(
                    surroundings.talk,
                    "note: {calls} calls of tenants that make a {kind} have an unknown outcome (see \
                     `unresolved`): what they made is in the list, too, and nobody knows which it is"
                )?;
            }
            if !lost.is_empty() && !arguments.include_lost && !arguments.dry_run {
                let text = "one tenant's object could be given to another: name the objects one by \
                    one, or give --include-lost";
                return Err(Trouble::Refused(text.to_owned()));
            }
            objects
        }
    };
    let counts = match arguments.dry_run {
        true => beside.read_or_empty(|store| look(store, &objects, &holder))?,
        false => give(&beside, &objects, &holder)?,
    };
    table(&counts).write_aligned(surroundings.out)?;
    if arguments.dry_run {
        writeln!(surroundings.talk, "dry run: nothing was written")?;
    }
    Ok(Exit::Done)
}

fn holder(arguments: &Arguments, beside: &Beside) -> Result<Holder, Trouble> {
    let tenants = &beside.settings.authenticate.tenants;
    let tenant = |id: &str| Ok::<_, Trouble>(Arc::clone(&tenants[beside.tenant(id)?].id));
    Ok(match &arguments.to.tenant {
        Some(id) => Holder::Tenant(tenant(id)?),
        None if arguments.tenants.is_empty() => Holder::Shared(Sharing::Everybody),
        None => {
            let with = arguments.tenants.iter().map(|id| tenant(id));
            Holder::Shared(Sharing::With(with.collect::<Result<_, _>>()?))
        }
    })
}

/// A kind of object that requests of the contract can name.
fn known_kind(kind: &str, contract: &Contract) -> Result<Arc<str>, Trouble> {
    let endpoints = contract.endpoints().iter();
    let kinds: BTreeSet<&str> =
        endpoints.filter_map(|endpoint| endpoint.effect.object.as_deref()).collect();
    match kinds.get(kind) {
        Some(kind) => Ok(Arc::from(*kind)),
        None => Err(unknown("kind of objects", kind, kinds).into()),
    }
}

fn table(counts: &BTreeMap<Arc<str>, Count>) -> Table {
    let row = |(kind, count): (&Arc<str>, &Count)| {
        let number = |number: usize| Cell::Number(i64::try_from(number).unwrap_or(i64::MAX));
        vec![
            Cell::text(kind),
            number(count.found()),
            number(count.adopted),
            number(count.known),
            number(count.taken),
        ]
    };
    let columns = &["kind", "found", "adopted", "already_known", "held_by_others"];
    Table::new(columns, counts.iter().map(row).collect())
}
