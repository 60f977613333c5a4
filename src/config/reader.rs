//! How is the tree of sources read so that every mistake is found?
//!
//! A [`Section`] hands out its entries one by one, by name, and reports at the end what nobody
//! asked for. Whatever is wrong goes into the one [`Report`], and reading goes on.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::field::{Field, SecretText};
use super::problem::{Place, Problem, meant, shown};
use super::shape::{Asked, Shape};
use super::tree::{Entry, Table};

/// Reads a file whole.
pub(crate) type ReadFile<'a> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'a;

/// What was found while reading.
pub(crate) struct Report<'a> {
    read_file: &'a ReadFile<'a>,
    /// What relative paths in the file are relative to.
    folder: PathBuf,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    /// Every key that was asked for, with `[]` for an index and `*` for a free name, and what its
    /// value may be: what the example file has to show, and what the reference is made of.
    asked: RefCell<BTreeMap<String, Asked>>,
    /// What could not be parsed. Then nothing can be called missing.
    unparsed: RefCell<Vec<Problem>>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(read_file: &'a ReadFile<'a>, folder: PathBuf) -> Self {
        Self {
            read_file,
            folder,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            asked: RefCell::default(),
            unparsed: RefCell::default(),
        }
    }

    pub(crate) fn problem(&self, place: &Place, message: impl Into<String>) {
        let problem = Problem { place: place.clone(), message: message.into() };
        self.problems.borrow_mut().push(problem);
    }

    pub(crate) fn warning(&self, place: &Place, message: impl Into<String>) {
        let warning = Problem { place: place.clone(), message: message.into() };
        self.warnings.borrow_mut().push(warning);
    }

    /// Reports that something is not there.
    pub(crate) fn missing(&self, place: &Place, message: impl Into<String>) {
        if self.unparsed.borrow().is_empty() {
            self.problem(place, message);
        }
    }

    /// Reports what could not be read at all.
    pub(crate) fn unparsed(&self, problems: Vec<Problem>) {
        self.unparsed.borrow_mut().extend(problems);
    }

    /// The path that a setting names: relative to the file, or to the working directory.
    pub(crate) fn resolve(&self, place: &Place, path: &str) -> PathBuf {
        match place {
            Place::Spot { .. } => self.folder.join(path),
            Place::File(_) | Place::Variable(_) | Place::Nowhere => path.into(),
        }
    }

    /// A file in the folder of the configuration file, or in the working directory without one.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Reads a file that a setting names.
    pub(crate) fn read(&self, place: &Place, path: &str) -> io::Result<Vec<u8>> {
        (self.read_file)(&self.resolve(place, path))
    }

    fn ask(&self, path: &KeyPath, tell: impl FnOnce(&mut Asked)) {
        let mut asked = self.asked.borrow_mut();
        // Thousands of tenants ask for the same few keys.
        match asked.get_mut(&path.pattern) {
            Some(known) => tell(known),
            None => tell(asked.entry(path.pattern.clone()).or_default()),
        }
    }

    /// Notes what the value of a key may be.
    pub(crate) fn note(&self, path: &KeyPath, shape: Shape) {
        self.ask(path, |asked| asked.may_be(shape));
    }

    pub(crate) fn asked(&self) -> BTreeMap<String, Asked> {
        self.asked.borrow().clone()
    }

    /// The problems and the warnings, each in reading order.
    pub(crate) fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        let (mut problems, mut warnings) = (self.problems.into_inner(), self.warnings.into_inner());
        let unparsed = self.unparsed.into_inner();
        // What the parser makes of the rest of a broken line is a guess, and may be half a secret.
        let broken: BTreeSet<_> = unparsed.iter().filter_map(|p| p.place.line()).collect();
        problems.retain(|problem| problem.place.line().is_none_or(|line| !broken.contains(&line)));
        problems.extend(unparsed);
        problems.sort();
        problems.dedup();
        warnings.sort();
        (problems, warnings)
    }
}

/// The entries of a table that nobody has asked for yet.
pub(crate) struct Section<'r> {
    pub(crate) report: &'r Report<'r>,
    pub(crate) place: Place,
    path: KeyPath,
    entries: Table,
    known: Vec<&'static str>,
}

impl<'r> Section<'r> {
    pub(crate) fn root(report: &'r Report<'r>, place: Place, entries: Table) -> Self {
        Self::new(report, place, KeyPath::default(), entries)
    }

    pub(crate) fn new(report: &'r Report<'r>, place: Place, path: KeyPath, entries: Table) -> Self {
        Self { report, place, path, entries, known: Vec::new() }
    }

    /// Takes an entry out.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Field<'r>> {
        self.known.push(name);
        let path = self.path.name(name);
        self.report.ask(&path, |_| {});
        self.remove(name)
    }

    /// Takes an entry out that has to be there, or reports that it is missing.
    pub(crate) fn needed(&mut self, name: &'static str, why: &str) -> Option<Field<'r>> {
        self.report.ask(&self.path.name(name), |asked| asked.is_needed = true);
        let field = self.take(name);
        if field.is_none() {
            self.report.missing(&self.place, format!("{}: {why}", self.key(name)));
        }
        field
    }

    /// Takes an entry out that the example file does not show.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Field<'r>> {
        let index = self.entries.iter().position(|entry| entry.name == name)?;
        let Entry { node, .. } = self.entries.swap_remove(index);
        Some(Field { report: self.report, path: self.path.name(name), node })
    }

    /// Takes all entries out: their names are free.
    pub(crate) fn drain(&mut self) -> Vec<(String, Place, Field<'r>)> {
        let entries = std::mem::take(&mut self.entries);
        let field = |entry: Entry| {
            let path = self.path.free_name(&entry.name);
            self.report.ask(&path, |_| {});
            (entry.name, entry.place, Field { report: self.report, path, node: entry.node })
        };
        entries.into_iter().map(field).collect()
    }

    /// A table inside; empty when it is not there.
    pub(crate) fn section(&mut self, name: &'static str) -> Section<'r> {
        let there = self.take(name).and_then(Field::section);
        let path = self.path.name(name);
        self.report.note(&path, Shape::Table);
        let empty = || Section::new(self.report, self.place.clone(), path, Table::new());
        there.unwrap_or_else(empty)
    }

    /// The items of an array; none when it is not there.
    pub(crate) fn items(&mut self, name: &'static str) -> Vec<Field<'r>> {
        self.take(name).and_then(Field::items).unwrap_or_default()
    }

    pub(crate) fn duration(
        &mut self,
        name: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.take(name)?.duration(range)
    }

    /// A secret as a text or as the name of a file that holds it. A variable has precedence over
    /// the file, whichever of the two ways each of them uses.
    pub(crate) fn secret(
        &mut self,
        value_name: &'static str,
        file_name: &'static str,
    ) -> Option<SecretText> {
        self.report.note(&self.path.name(value_name), Shape::Text);
        self.report.note(&self.path.name(file_name), Shape::File);
        let (value, file) = (self.take(value_name), self.take(file_name));
        match (value, file) {
            (Some(value), Some(file)) if value.is_variable() && !file.is_variable() => {
                file.overridden_by(&value);
                value.secret_text()
            }
            (Some(value), Some(file)) if file.is_variable() && !value.is_variable() => {
                value.overridden_by(&file);
                file.secret_file()
            }
            (Some(value), Some(file)) => {
                let later = value.place().max(file.place());
                let message = format!("{}: give either it or {file_name}, not both", value.key());
                self.report.problem(later, message);
                None
            }
            (Some(value), None) => value.secret_text(),
            (None, Some(file)) => file.secret_file(),
            (None, None) => None,
        }
    }

    /// Whether an entry is there that nobody has taken.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    /// Where an entry stands that nobody has taken.
    pub(crate) fn place_of(&self, name: &str) -> Option<&Place> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.place)
    }

    /// The section's own path, as messages show it.
    pub(crate) fn own_key(&self) -> &str {
        &self.path.shown
    }

    /// The path of an entry, as messages show it.
    pub(crate) fn key(&self, name: &str) -> String {
        self.path.name(name).shown
    }

    /// Reports every entry that nobody asked for.
    pub(crate) fn finish(self) {
        let guessed = !self.report.unparsed.borrow().is_empty();
        for entry in &self.entries {
            let key = self.path.name(&entry.name).shown;
            let hint = match meant(&entry.name, self.known.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                // Below a string that is not closed, the rest of a secret can look like a key.
                None if guessed => continue,
                None => format!("known here: {}", self.known.join(", ")),
            };
            self.report.problem(&entry.place, format!("{key}: unknown key; {hint}"));
        }
    }
}

/// The path of a key: as messages show it, and as the example file is checked against it.
#[derive(Clone, Default)]
pub(crate) struct KeyPath {
    pub(crate) shown: String,
    pattern: String,
}

impl KeyPath {
    fn name(&self, name: &str) -> Self {
        Self { shown: join(&self.shown, name), pattern: join(&self.pattern, name) }
    }

    fn free_name(&self, name: &str) -> Self {
        Self { shown: join(&self.shown, name), pattern: format!("{}.*", self.pattern) }
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        Self { shown: format!("{}[{index}]", self.shown), pattern: format!("{}[]", self.pattern) }
    }
}

fn join(path: &str, name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let plain = !name.is_empty() && name.chars().all(bare);
    let name = if plain { name.to_owned() } else { shown(name) };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}
