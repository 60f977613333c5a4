//! Has any file of the configuration changed?
//!
//! Folders are watched, and not files: editors write a new file and rename it, and Kubernetes renames a
//! link on the way to all files of a volume. Whatever happens there is only a reason to look: what
//! counts is whether the files say something else than when they were last read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use futures_util::Stream;
use heify_gateway::key::KeyDigest;
use inotify::{EventMask, EventOwned, EventStream, Inotify, WatchDescriptor, WatchMask};
use tokio::time::{Instant, sleep_until};

/// How long nothing must happen before the files are read: several are often written in a row.
const QUIET: Duration = Duration::from_millis(300);
/// However much happens, they are read after so long.
const LONGEST: Duration = Duration::from_secs(3);
/// How often it is looked without being told: network file systems, and volumes that come late, tell
/// nothing.
const LOOK: Duration = Duration::from_secs(30);
/// A file that was written so shortly ago may still be written.
const SETTLED: Duration = Duration::from_secs(1);
/// As many links lead to a file at most (Linux says the same).
const LINKS: usize = 40;
/// Several events with the longest names.
const BUFFER: usize = 4096;

/// What was read, and what tells that a file may be another.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<PathBuf, Seen>);

#[derive(Debug)]
struct Seen {
    /// `None`: it could not be read.
    content: Option<KeyDigest>,
    stamp: Option<Stamp>,
}

/// Device, inode, length and time of the last change.
type Stamp = (u64, u64, u64, i64, i64);

impl Files {
    /// Reads a file, and remembers what was in it.
    pub(crate) fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        // First: a change while it is read must be seen as one.
        let stamp = stamp(path).map(|(stamp, _)| stamp);
        let read = fs::read(path);
        let content = read.as_ref().ok().map(|content| KeyDigest::of(content));
        self.0.insert(path.to_owned(), Seen { content, stamp });
        read
    }

    /// Whether one of them says something else now.
    fn differ(&self) -> bool {
        let now = |path| fs::read(path).ok().map(|content| KeyDigest::of(&content));
        self.0.iter().any(|(path, seen)| now(path) != seen.content)
    }

    /// Whether one of them was written to a moment ago.
    fn is_written(&self, now: SystemTime) -> bool {
        let stamps = self.0.keys().filter_map(|path| stamp(path));
        stamps
            .map(|(_, changed)| now.duration_since(changed))
            .any(|age| age.is_ok_and(|a| a < QUIET))
    }

    /// Whether one of them may say something else, and is not just being written.
    fn look_different(&self, now: SystemTime) -> bool {
        self.0.iter().any(|(path, seen)| match (stamp(path), seen.stamp) {
            (Some((stamp, _)), Some(before)) if stamp == before => false,
            (Some((_, changed)), _) => now.duration_since(changed).is_ok_and(|age| age >= SETTLED),
            (None, before) => before.is_some(),
        })
    }
}

fn stamp(path: &Path) -> Option<(Stamp, SystemTime)> {
    let found = fs::metadata(path).ok()?;
    let stamp = (found.dev(), found.ino(), found.len(), found.mtime(), found.mtime_nsec());
    Some((stamp, found.modified().ok()?))
}

/// Waits for changes.
pub(crate) struct Watch {
    /// `None`: the system gives no events, and it is looked now and then.
    events: Option<EventStream<[u8; BUFFER]>>,
    folders: BTreeMap<PathBuf, WatchDescriptor>,
    /// The names that matter in the folders: the files, and the links on the way to them.
    steps: BTreeSet<PathBuf>,
    /// Since when something has been happening, and when it is looked at.
    happening: Option<(Instant, Instant)>,
    look: Instant,
}

impl Watch {
    /// Starts in the tokio runtime of the caller.
    pub(crate) fn new() -> Self {
        let events = Inotify::init().and_then(|inotify| inotify.into_event_stream([0; BUFFER]));
        let events = events.map_err(|error| {
            let every = LOOK.as_secs();
            tracing::warn!(%error, every, "changed files are noticed by looking now and then only");
        });
        let (folders, steps) = (BTreeMap::new(), BTreeSet::new());
        // What was changed between the load and the first event is found by then.
        let look = Instant::now() + 2 * SETTLED;
        Self { events: events.ok(), folders, steps, happening: None, look }
    }

    /// Waits until the files say something else than what was read; for ever, unless `on`. Nothing is
    /// lost when the future is dropped.
    pub(crate) async fn changed(&mut self, on: bool, files: &RefCell<Files>) {
        if !on {
            return std::future::pending().await;
        }
        self.follow(&files.borrow());
        loop {
            let until = self.happening.map_or(self.look, |(_, due)| due.min(self.look));
            tokio::select! {
                event = next(self.events.as_mut()) => self.note(event),
                () = sleep_until(until) => if self.look(files) { return },
            }
        }
    }

    /// What is due: whether the files say something else.
    fn look(&mut self, files: &RefCell<Files>) -> bool {
        let now = Instant::now();
        if let Some((since, due)) = self.happening
            && due <= now
        {
            // Before they are read: what changes from here on makes an event.
            self.follow(&files.borrow());
            let files = files.borrow();
            let differ = files.differ();
            if differ && files.is_written(SystemTime::now()) && now < since + LONGEST {
                self.happens(now);
                return false;
            }
            (self.happening, self.look) = (None, now + LOOK);
            return differ;
        }
        self.look = now + LOOK;
        if files.borrow().look_different(SystemTime::now()) {
            self.happens(now);
        }
        false
    }

    fn happens(&mut self, now: Instant) {
        let (since, _) = self.happening.unwrap_or((now, now));
        self.happening = Some((since, (now + QUIET).min(since + LONGEST)));
    }

    fn note(&mut self, event: Option<io::Result<EventOwned>>) {
        let matters = match &event {
            Some(Ok(event)) => self.matters(event),
            Some(Err(_)) => true,
            None => false,
        };
        if matters {
            self.happens(Instant::now());
        }
        if !matches!(event, Some(Ok(_))) {
            // From here on it is looked now and then.
            self.events = None;
        }
    }

    fn matters(&mut self, event: &EventOwned) -> bool {
        if event.mask.contains(EventMask::Q_OVERFLOW) {
            return true;
        }
        let folder = self.folders.iter().find(|(_, watched)| **watched == event.wd);
        let Some(folder) = folder.map(|(folder, _)| folder.clone()) else { return false };
        if event.mask.contains(EventMask::IGNORED) {
            // The folder is gone.
            self.folders.remove(&folder);
            return true;
        }
        let Some(name) = &event.name else { return false };
        let path = folder.join(name);
        // A new file is yet to be written, and tells when it is; a new link is whole.
        let is_whole = !event.mask.contains(EventMask::CREATE) || path.is_symlink();
        is_whole && self.steps.contains(&path)
    }

    /// Watches the folders of these files, and of the links on the way to them.
    fn follow(&mut self, files: &Files) {
        self.steps = files.0.keys().flat_map(|path| steps(path)).collect();
        let Some(events) = &self.events else { return };
        let mut watches = events.watches();
        let folders: BTreeSet<&Path> = self.steps.iter().filter_map(|path| path.parent()).collect();
        let gone: Vec<PathBuf> =
            self.folders.keys().filter(|known| !folders.contains(&***known)).cloned().collect();
        for folder in gone {
            // A folder that does not exist any more is not watched either.
            self.folders.remove(&folder).map(|watched| watches.remove(watched).ok());
        }
        // A file that is opened for writing tells when it is closed: before, it is not whole.
        let mask = WatchMask::CLOSE_WRITE
            | WatchMask::MOVED_TO
            | WatchMask::CREATE
            | WatchMask::DELETE
            | WatchMask::ATTRIB
            | WatchMask::ONLYDIR;
        for folder in folders {
            // The same folder under its name may be another one now: adding it again is how to know.
            match watches.add(folder, mask) {
                Ok(watched) => drop(self.folders.insert(folder.to_owned(), watched)),
                Err(_) => drop(self.folders.remove(folder)),
            }
        }
    }
}

async fn next(events: Option<&mut EventStream<[u8; BUFFER]>>) -> Option<io::Result<EventOwned>> {
    let Some(events) = events else { return std::future::pending().await };
    std::future::poll_fn(|context| Pin::new(&mut *events).poll_next(context)).await
}

/// The path of a file without links, each link on the way to it, and the file that they lead to.
fn steps(path: &Path) -> BTreeSet<PathBuf> {
    let mut steps = BTreeSet::new();
    let Ok(path) = std::path::absolute(path) else { return steps };
    let mut ahead: Vec<PathBuf> = pieces(&path);
    let mut at = PathBuf::new();
    let mut links = 0;
    while let Some(piece) = ahead.pop() {
        if piece == Path::new("..") {
            at.pop();
            continue;
        }
        let to = at.join(&piece);
        match fs::read_link(&to) {
            Ok(target) if links < LINKS => {
                links += 1;
                ahead.extend(pieces(&target));
                steps.insert(to);
            }
            _ => at = to,
        }
    }
    steps.insert(at);
    steps
}

/// The pieces of a path, the last one first.
fn pieces(path: &Path) -> Vec<PathBuf> {
    let pieces = path.components().filter(|piece| !matches!(piece, Component::CurDir));
    pieces.map(|piece| PathBuf::from(piece.as_os_str())).rev().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_on_the_way_to_a_file_matters() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        fs::create_dir(at("..1")).unwrap();
        fs::write(at("..1/gateway.toml"), "").unwrap();
        symlink("..1", at("..data")).unwrap();
        symlink("..data/gateway.toml", at("gateway.toml")).unwrap();
        let expected = [at("..1/gateway.toml"), at("..data"), at("gateway.toml")];
        assert_eq!(steps(&at("gateway.toml")), BTreeSet::from(expected));
        symlink("round", at("round")).unwrap();
        assert!(!steps(&at("round")).is_empty(), "a link to itself ends");
    }

    #[test]
    fn only_another_content_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.toml");
        let mut files = Files::default();
        assert!(files.read(&path).is_err());
        assert!(!files.differ(), "it is still not there");
        fs::write(&path, "one").unwrap();
        assert!(files.differ());
        files.read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "one").unwrap();
        assert!(!files.differ());
        let later = SystemTime::now() + SETTLED + SETTLED;
        fs::write(&path, "two words").unwrap();
        assert!(files.differ() && files.look_different(later));
        assert!(!files.look_different(SystemTime::UNIX_EPOCH), "it is just being written");
    }
}
