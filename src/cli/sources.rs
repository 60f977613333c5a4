//! How does a subcommand get at the configuration?

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use heify_gateway::config::{Document, Mistakes, Names, Settings, Sources, load};
use heify_gateway::contract::Contract;

use super::Surroundings;
use super::gateway::parse;
use super::watch::Files;

/// Loads the configuration that the arguments and the environment name.
///
/// On a thread of its own: what a large file needs while it is read goes back to the system when the
/// thread ends, and is not held for as long as the gateway runs.
pub(crate) fn settings(surroundings: &Surroundings<'_>) -> Result<Settings, Mistakes> {
    settings_and_files(surroundings).0
}

/// The same, with what was read for it.
pub(crate) fn settings_and_files(
    surroundings: &Surroundings<'_>,
) -> (Result<Settings, Mistakes>, Files) {
    let (file, environment) = (&surroundings.global.config, &surroundings.environment);
    let read = || {
        let endpoints = |document: Option<&Document>| {
            parse(document)
                .map(|contract| names(&contract))
                .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
        };
        let mut sources = Sources::new(file.clone(), environment.clone());
        sources.endpoints = Some(&endpoints);
        let files = RefCell::new(Files::default());
        let read_file = |path: &Path| files.borrow_mut().read(path);
        sources.read_file = &read_file;
        let loaded = load(&sources);
        (loaded, files.into_inner())
    };
    let read = std::thread::scope(|scope| scope.spawn(read).join());
    read.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What a configuration may name of a contract.
fn names(contract: &Contract) -> Names {
    let endpoints = contract.endpoints().iter();
    let kinds: BTreeSet<_> = endpoints.clone().filter_map(|one| one.creates()).collect();
    Names {
        audio_urls: endpoints.clone().any(|one| one.audio_url.is_some()),
        paths: endpoints.map(|one| one.path.to_string()).collect(),
        kinds: kinds.into_iter().map(str::to_owned).collect(),
    }
}

/// Writes every mistake on a line of its own, then their number.
pub(crate) fn explain(mistakes: &Mistakes, talk: &mut dyn Write) -> io::Result<()> {
    writeln!(talk, "{mistakes}")?;
    match mistakes.iter().len() {
        1 => writeln!(talk, "1 mistake"),
        count => writeln!(talk, "{count} mistakes"),
    }
}
