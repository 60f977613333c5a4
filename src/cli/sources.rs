//! How does a subcommand get at the configuration?

use std::io::{self, Write};

use heify_gateway::config::{Document, Mistakes, Settings, Sources, load};

use super::Surroundings;
use super::gateway::parse;

/// Loads the configuration that the arguments and the environment name.
pub(crate) fn settings(surroundings: &Surroundings<'_>) -> Result<Settings, Mistakes> {
    let endpoints = |document: Option<&Document>| {
        let contract = parse(document);
        contract
            .map(|contract| contract.endpoints().iter().map(|one| one.path.to_string()).collect())
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    };
    let (file, environment) = (&surroundings.global.config, &surroundings.environment);
    let mut sources = Sources::new(file.clone(), environment.clone());
    sources.endpoints = Some(&endpoints);
    load(&sources)
}

/// Writes every mistake on a line of its own, then their number.
pub(crate) fn explain(mistakes: &Mistakes, talk: &mut dyn Write) -> io::Result<()> {
    writeln!(talk, "{mistakes}")?;
    match mistakes.iter().len() {
        1 => writeln!(talk, "1 mistake"),
        count => writeln!(talk, "{count} mistakes"),
    }
}
