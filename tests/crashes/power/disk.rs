//! What may be on a disk after the power has failed?

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use fastrand::Rng;

use super::trace::{Event, What};

/// What a disk writes at once, or not at all.
const SECTOR: usize = 512;

/// Which syncs do nothing once somebody was promised something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    All,
    /// Those of the files whose name ends like this.
    Of(&'static str),
    /// Those of the folder.
    Folder,
}

/// How much of what was not synced is there.
#[derive(Debug, Clone, Copy)]
pub struct Landing {
    names: Part,
    bytes: Part,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Nothing,
    All,
    /// Each name, size and sector for itself, so many of 256.
    Some(u8),
    /// What was written last, and nothing from before.
    Late,
}

/// The files, as far as they are sure, and what was done to them since.
#[derive(Debug)]
pub struct Disk {
    lie: Lie,
    is_relied_on: bool,
    files: Vec<File>,
    /// Which file has a name for whoever looks now.
    now: HashMap<String, usize>,
    /// Which one has it for sure.
    names: BTreeMap<String, usize>,
    /// Names that were given and taken since.
    renamed: Vec<(usize, String, Option<usize>)>,
}

#[derive(Debug, Default)]
struct File {
    bytes: Vec<u8>,
    changes: Vec<(usize, Change)>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Disk {
    /// What is there before anything happens is sure.
    pub fn new(files: &BTreeMap<String, Vec<u8>>, lie: Lie) -> Self {
        let names: BTreeMap<_, _> = files.keys().cloned().zip(0..).collect();
        let file = |bytes: &Vec<u8>| File { bytes: bytes.clone(), changes: Vec::new() };
        let now = names.clone().into_iter().collect();
        let files = files.values().map(file).collect();
        Self { lie, is_relied_on: false, files, now, names, renamed: Vec::new() }
    }

    pub fn apply(&mut self, event: &Event) {
        match &event.what {
            What::Open { name, creates } => {
                if *creates && !self.now.contains_key(name) {
                    self.files.push(File::default());
                    self.now.insert(name.clone(), self.files.len() - 1);
                    self.renamed.push((event.ended, name.clone(), Some(self.files.len() - 1)));
                }
            }
            What::Write { name, offset, bytes } => {
                self.change(event, name, Change::Write(*offset, bytes.clone()));
            }
            What::Cut { name, size } => self.change(event, name, Change::Cut(*size)),
            What::Remove { name } => {
                self.now.remove(name).unwrap_or_else(|| panic!("{name} is not there"));
                self.renamed.push((event.ended, name.clone(), None));
            }
            What::Sync { name } => self.sync(event, name),
            What::Sent(_) | What::Answered(_) | What::Done(_) => self.is_relied_on = true,
        }
    }

    fn change(&mut self, event: &Event, name: &str, change: Change) {
        let file = self.now.get(name).unwrap_or_else(|| panic!("{name} is not there"));
        self.files[*file].changes.push((event.ended, change));
    }

    /// What was over when the sync began is sure when the sync is over.
    fn sync(&mut self, event: &Event, name: &str) {
        let is_before = |ended: &usize| *ended < event.began;
        let is_lie = match self.lie {
            _ if !self.is_relied_on => false,
            Lie::None => false,
            Lie::All => true,
            Lie::Of(ending) => name.ends_with(ending),
            Lie::Folder => name.is_empty(),
        };
        if is_lie {
            return;
        }
        if name.is_empty() {
            for (ended, name, file) in std::mem::take(&mut self.renamed) {
                match file {
                    _ if !is_before(&ended) => self.renamed.push((ended, name, file)),
                    Some(file) => drop(self.names.insert(name, file)),
                    None => drop(self.names.remove(&name)),
                }
            }
            return;
        }
        let file = &mut self.files[self.now[name]];
        for (ended, change) in std::mem::take(&mut file.changes) {
            if is_before(&ended) {
                change.apply(&mut file.bytes);
            } else {
                file.changes.push((ended, change));
            }
        }
    }

    /// Writes what is there after a cut at this moment into an empty folder.
    pub fn rebuild(&self, landing: Landing, rng: &mut Rng, folder: &Path) {
        let mut names = self.names.clone();
        let mut latest: BTreeMap<&str, Vec<Option<usize>>> = BTreeMap::new();
        for (_, name, file) in &self.renamed {
            latest.entry(name).or_default().push(*file);
        }
        // One name after another, in the order in which each was given and taken.
        for (name, changes) in latest {
            let Some(last) = landing.names.of(changes.len(), rng).checked_sub(1) else { continue };
            match changes[last] {
                Some(file) => drop(names.insert(name.to_owned(), file)),
                None => drop(names.remove(name)),
            }
        }
        for (name, file) in names {
            let bytes = match name.ends_with("-shm") {
                // It is written past all calls: anything may be in it.
                true => (0..rng.usize(..40_000)).map(|_| rng.u8(..)).collect(),
                false => self.files[file].rebuild(landing.bytes, rng),
            };
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

impl Landing {
    /// As a process leaves it that was killed.
    pub const ALL: Self = Self { names: Part::All, bytes: Part::All };

    pub fn any(rng: &mut Rng) -> Self {
        let some = Part::Some(rng.u8(1..255));
        let names = [Part::Nothing, Part::All, Part::Some(128), some];
        let bytes = [Part::Nothing, Part::All, Part::Late, Part::Some(128), some];
        Self { names: rng.choice(names).unwrap(), bytes: rng.choice(bytes).unwrap() }
    }
}

impl Part {
    /// How many of so many changes of one thing are there.
    fn of(self, changes: usize, rng: &mut Rng) -> usize {
        match self {
            Self::Nothing => 0,
            Self::All | Self::Late => changes,
            Self::Some(share) if changes > 0 && rng.u8(..) < share => rng.usize(1..=changes),
            Self::Some(_) => 0,
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Cut(size) => bytes.resize(*size, 0),
            Self::Write(offset, written) => {
                let end = offset + written.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*offset..end].copy_from_slice(written);
            }
        }
    }

    /// The sectors that are not what they were, in a file that had this many bytes before.
    fn sectors(&self, before: usize) -> std::ops::Range<usize> {
        match self {
            Self::Cut(size) => (*size).min(before) / SECTOR..before.max(*size).div_ceil(SECTOR),
            Self::Write(offset, bytes) => offset / SECTOR..(offset + bytes.len()).div_ceil(SECTOR),
        }
    }
}

impl File {
    /// Each sector is what it was for sure, or what it was after any change since. The size is so, too.
    fn rebuild(&self, part: Part, rng: &mut Rng) -> Vec<u8> {
        let mut cache = self.bytes.clone();
        let mut sizes = vec![cache.len()];
        let mut versions: BTreeMap<usize, Vec<(usize, Vec<u8>)>> = BTreeMap::new();
        for (number, (_, change)) in self.changes.iter().enumerate() {
            let sectors = change.sectors(cache.len());
            change.apply(&mut cache);
            sizes.push(cache.len());
            for sector in sectors {
                let version = sector_of(&cache, sector);
                versions.entry(sector).or_default().push((number, version));
            }
        }
        let size = sizes[part.of(sizes.len() - 1, rng)];
        let mut bytes = self.bytes.clone();
        if size > bytes.len() {
            // A file that grew has nothing in its new part, or whatever was on the disk there.
            let is_clean = rng.bool();
            bytes.resize_with(size, || if is_clean { 0 } else { rng.u8(..) });
        }
        let late = rng.usize(..=self.changes.len());
        for (sector, versions) in versions {
            let chosen = match part {
                Part::Late => versions.last().filter(|(number, _)| *number >= late),
                _ => part.of(versions.len(), rng).checked_sub(1).map(|last| &versions[last]),
            };
            let Some((_, version)) = chosen else { continue };
            let end = (sector * SECTOR + SECTOR).max(bytes.len());
            bytes.resize(end, 0);
            bytes[sector * SECTOR..][..SECTOR].copy_from_slice(version);
        }
        bytes.truncate(size);
        bytes.resize(size, 0);
        bytes
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> Vec<u8> {
    let start = bytes.len().min(sector * SECTOR);
    let mut version = bytes[start..bytes.len().min(start + SECTOR)].to_vec();
    version.resize(SECTOR, 0);
    version
}
