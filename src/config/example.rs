//! What does the example file say about each key?
//!
//! The text above a key describes it, and a key without a `#` before it stands with its default. A key
//! without a text of its own shares that of the line above.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::time::SystemTime;

use super::shape::{Asked, Outline};
use super::{Sources, load_and_record};

/// The file that shows every setting.
pub(crate) const EXAMPLE: &str = include_str!("../../config/gateway.toml");

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct Example {
    /// In the order of the file.
    pub(crate) sections: Vec<Part>,
}

/// A table of the file.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its path, without indices: `admin.tokens`.
    pub(crate) name: String,
    /// Whether there may be several.
    pub(crate) is_repeated: bool,
    pub(crate) text: String,
    /// In the order of the file.
    pub(crate) keys: Vec<Key>,
}

/// A key in it.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) text: String,
    /// The value as it stands in the file.
    pub(crate) value: String,
    /// Whether that value is the default.
    pub(crate) is_default: bool,
}

impl Example {
    pub(crate) fn read() -> Self {
        let mut example = Self::default();
        let (mut section, mut text, mut shared) = (0, Vec::new(), String::new());
        for line in EXAMPLE.lines() {
            let setting = line.strip_prefix('#');
            let is_text = setting.is_some_and(|rest| !is_setting(rest));
            if is_text || line.is_empty() {
                match setting {
                    Some(words) => text.push(words.trim()),
                    None => {
                        text.clear();
                        shared.clear();
                    }
                }
                continue;
            }
            let own = std::mem::take(&mut text).join(" ");
            let line_of = setting.unwrap_or(line);
            if let Some(name) = line_of.strip_prefix('[') {
                let is_repeated = name.starts_with('[');
                section = example.section(name.trim_matches(['[', ']']), is_repeated, &own);
                shared = own;
            } else if let Some((name, value)) = line_of.split_once(" = ") {
                if !own.is_empty() {
                    shared = own;
                }
                let is_default = setting.is_none();
                let (name, value, text) = (name.to_owned(), value.to_owned(), shared.clone());
                let keys = &mut example.sections[section].keys;
                if keys.iter().all(|key| key.name != name) {
                    keys.push(Key { name, text, value, is_default });
                }
            }
        }
        example
    }

    /// The index of a section, which is made where it is new.
    fn section(&mut self, name: &str, is_repeated: bool, text: &str) -> usize {
        let known = self.sections.iter().position(|section| section.name == name);
        known.unwrap_or_else(|| {
            let (name, text) = (name.to_owned(), text.to_owned());
            self.sections.push(Part { name, is_repeated, text, keys: Vec::new() });
            self.sections.len() - 1
        })
    }

    /// What the file says of a path without indices: the text, and the key where it is one.
    pub(crate) fn describe(&self, path: &str) -> Option<(&str, Option<&Key>)> {
        if let Some(section) = self.sections.iter().find(|section| section.name == path) {
            return Some((&section.text, None));
        }
        let (section, name) = path.rsplit_once('.')?;
        let section = self.sections.iter().find(|candidate| candidate.name == section)?;
        let key = section.keys.iter().find(|key| key.name == name)?;
        Some((&key.text, Some(key)))
    }
}

/// Takes the `#` away from every setting, except from the names that are left out.
pub(crate) fn with_every_setting(leave_out: &[&str]) -> String {
    let uncomment = |line: &str| {
        let setting = line.strip_prefix('#').filter(|rest| is_setting(rest));
        let setting = setting.filter(|rest| {
            let name = rest.split(' ').next().unwrap_or_default();
            !leave_out.contains(&name)
        });
        setting.unwrap_or(line).to_owned()
    };
    EXAMPLE.lines().map(|line| uncomment(line) + "\n").collect()
}

/// Whether what follows a `#` is a setting, and no text.
fn is_setting(rest: &str) -> bool {
    rest.starts_with(|first: char| first == '[' || first.is_ascii_alphabetic())
}

/// All keys that the reader asks for, by having it read a file in which every one stands.
pub(crate) fn outline() -> Outline {
    // What an item of a list may be is noted by whoever reads one.
    let text = with_every_setting(&[]).replace(" = []\n", " = [\"\"]\n");
    let read_file = |path: &Path| match path.to_str() {
        Some("gateway.toml") => Ok(text.clone().into_bytes()),
        // What the values are is not the question.
        _ => Err(Error::from(ErrorKind::NotFound)),
    };
    let nothing: [(&str, &str); 0] = [];
    let sources = Sources {
        now: SystemTime::UNIX_EPOCH,
        read_file: &read_file,
        ..Sources::new(Some("gateway.toml".into()), nothing)
    };
    let asked: BTreeMap<String, Asked> = load_and_record(&sources).1;
    Outline::of(asked)
}
