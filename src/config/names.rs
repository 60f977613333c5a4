//! Which names of the contract may a configuration use?

use super::field::Field;
use super::problem::{Place, meant, shown};
use super::reader::{Report, Section};

/// The names that a contract gives to what can be limited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The paths of its endpoints.
    pub paths: Vec<String>,
    /// The kinds of objects that its endpoints create.
    pub kinds: Vec<String>,
    /// Whether any request carries the address of a file.
    pub audio_urls: bool,
}

/// What the free names in a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// Paths of endpoints.
    Endpoint,
    /// Kinds of objects.
    Kind,
}

/// Takes all entries of a table whose names are the contract's; unknown names are reported.
/// Without a contract (`None`) any name will do.
pub(crate) fn entries<'r>(
    section: &mut Section<'r>,
    named: Named,
    names: Option<&Names>,
) -> Vec<(Box<str>, Field<'r>)> {
    let report = section.report;
    let entries = section.drain().into_iter().map(|(name, place, field)| {
        check(&name, named, names, &place, field.key(), report);
        (name.into(), field)
    });
    entries.collect()
}

/// Reports a name that the contract does not have.
pub(crate) fn check(
    name: &str,
    named: Named,
    names: Option<&Names>,
    place: &Place,
    key: &str,
    report: &Report<'_>,
) {
    let Some(names) = names else { return };
    let (known, what) = match named {
        Named::Endpoint => (&names.paths, "endpoint of the contract"),
        Named::Kind => (&names.kinds, "kind of object that the contract creates"),
    };
    if known.iter().any(|known| known == name) {
        return;
    }
    let hint = match meant(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("; did you mean {}?", shown(meant)),
        None if named == Named::Kind => format!("; known: {}", known.join(", ")),
        None => String::new(),
    };
    report.problem(place, format!("{key}: no {what} is {}{hint}", shown(name)));
}
