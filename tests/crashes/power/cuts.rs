//! What if the power fails at any moment of what a gateway does with its records?

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::super::process::until;
use super::super::rounds::number;
use super::super::upstream::well;
use super::super::world::{TENANTS, World};
use super::disk::{Disk, Landing, Lie};
use super::promises::{GRANT, Known, Promised};
use super::rebuilt::{Opened, Rebuilt};
use super::session::{Session, can_trace};
use super::trace::{Event, What, read};

/// How often the power fails in the long record, where nobody asks for more.
const CUTS: usize = 200;
/// Clients at once.
const CLIENTS: usize = 50;

/// What happened, and what it was to lead to.
struct Record {
    world: World,
    before: BTreeMap<String, Vec<u8>>,
    told: Promised,
    events: Vec<Event>,
    known: Arc<Known>,
}

async fn world() -> World {
    let world = World::start(|seen| Box::pin(async move { well(&seen) })).await;
    world.configure("[log]\naccess = \"off\"", "");
    world
}

/// The files of the records that are there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        name.starts_with("gateway.db").then(|| (name, std::fs::read(entry.path()).unwrap()))
    });
    files.collect()
}

fn sizes(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<&str, usize> {
    files.iter().map(|(name, bytes)| (&**name, bytes.len())).collect()
}

impl Record {
    fn new(world: World, record: &str, known: Known) -> Option<Self> {
        Self::after(world, BTreeMap::new(), Promised::default(), record, known)
    }

    /// What happened to files that were there before.
    fn after(
        world: World,
        before: BTreeMap<String, Vec<u8>>,
        told: Promised,
        record: &str,
        mut known: Known,
    ) -> Option<Self> {
        // Before anybody looks into them: even that makes files.
        let left = files(world.folder());
        let folder = world.folder().canonicalize().unwrap();
        let events = read(record, folder.to_str().unwrap(), "gateway.db")?;
        let mut all = told.clone();
        events.iter().for_each(|event| all.add(&event.what));
        known.conclude(&world, &all);
        let record = Self { world, before, told, events, known: Arc::new(known) };
        record.assert_leads_to(left);
        Some(record)
    }

    /// What was seen is all that was done: it leads to the files that are there.
    fn assert_leads_to(&self, mut real: BTreeMap<String, Vec<u8>>) {
        let mut disk = Disk::new(&self.before, Lie::None);
        self.events.iter().for_each(|event| disk.apply(event));
        let folder = tempfile::tempdir().unwrap();
        disk.rebuild(Landing::ALL, &mut Rng::with_seed(0), folder.path());
        let mut rebuilt = files(folder.path());
        rebuilt.remove("gateway.db-shm");
        real.remove("gateway.db-shm");
        assert!(rebuilt == real, "{:?} is not {:?}", sizes(&rebuilt), sizes(&real));
    }

    /// Logs that are begun anew and removed, and commits that many calls share.
    fn assert_covers_what_it_is_for(&self) {
        let (mut begun, mut removed, mut synced, mut answered) = (0, 0, 0, 0);
        for event in &self.events {
            match &event.what {
                What::Write { name, offset: 0, .. } if name.ends_with("-wal") => begun += 1,
                What::Remove { name } if name.ends_with("-wal") => removed += 1,
                What::Sync { .. } => synced += 1,
                What::Answered(_) => answered += 1,
                _ => {}
            }
        }
        println!("{answered} answers, {synced} syncs, {begun} logs, {removed} of them removed");
        assert!(removed >= 2 && begun >= removed + 2 && answered > 3 * synced);
    }

    /// Moments right before or after each sync and after promises, and some between, so many of them.
    fn moments(&self, cuts: usize, rng: &mut Rng) -> Vec<usize> {
        let (mut moments, mut promises) = (Vec::new(), Vec::new());
        for (place, event) in self.events.iter().enumerate() {
            match event.what {
                What::Sync { .. } => moments.push(place + rng.usize(..2)),
                _ if event.what.is_promise() => promises.push(place + 1),
                _ => {}
            }
        }
        for moments in [&mut moments, &mut promises] {
            rng.shuffle(moments);
        }
        moments.truncate(cuts * 3 / 4);
        promises.truncate(cuts / 8);
        moments.append(&mut promises);
        while moments.len() < cuts {
            moments.push(rng.usize(..=self.events.len()));
        }
        moments.sort_unstable();
        moments
    }

    /// Cuts, and what did not hold; at most a few of it.
    async fn cut(&self, cuts: usize, lie: Lie, mut rng: Rng) -> Vec<String> {
        let mut disk = Disk::new(&self.before, lie);
        let (mut promised, mut place) = (self.told.clone(), 0);
        // Enough for the processors, and few folders at once.
        let room = Arc::new(Semaphore::new(4));
        let mut checks: JoinSet<Result<(), String>> = JoinSet::new();
        let mut wrong = Vec::new();
        for moment in self.moments(cuts, &mut rng) {
            for event in &self.events[place..moment] {
                disk.apply(event);
                promised.add(&event.what);
            }
            place = moment;
            let permit = Arc::clone(&room).acquire_owned().await.unwrap();
            let rebuilt = Rebuilt::new(&self.world);
            let landing = Landing::any(&mut rng);
            disk.rebuild(landing, &mut rng, rebuilt.folder.path());
            let (known, promised) = (Arc::clone(&self.known), promised.clone());
            let opened = Opened::any(&mut rng);
            let last = place.checked_sub(1).map(|last| describe(&self.events[last].what));
            checks.spawn(async move {
                let checked = rebuilt.check(&known, &promised, opened).await;
                drop(permit);
                checked.map_err(|wrong| {
                    let left = files(rebuilt.folder.path());
                    let left = sizes(&left);
                    format!("cut at {moment} after {last:?}, {landing:?}, {left:?}: {wrong}")
                })
            });
            while let Some(checked) = checks.try_join_next() {
                wrong.extend(checked.unwrap_or_else(|panic| Err(panic.to_string())).err());
            }
            // A few of them tell as much as all.
            if wrong.len() >= 3 {
                break;
            }
        }
        while let Some(checked) = checks.join_next().await {
            wrong.extend(checked.unwrap_or_else(|panic| Err(panic.to_string())).err());
        }
        wrong
    }
}

/// Records again where a kill has hit the process in the act of writing.
async fn recorded(record: impl AsyncFn() -> Option<Record>) -> Record {
    for _ in 0..9 {
        if let Some(record) = record().await {
            return record;
        }
    }
    panic!("every kill has hit a write")
}

fn describe(what: &What) -> String {
    match what {
        What::Write { name, offset, bytes } => {
            format!("{} bytes at {offset} of {name}", bytes.len())
        }
        what => format!("{what:?}"),
    }
}

fn cuts(usual: usize) -> usize {
    number("HEIFY_POWER_CUTS").map_or(usual, |cuts| cuts.try_into().unwrap())
}

fn choices() -> Rng {
    let seed = number("HEIFY_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("HEIFY_CRASH_SEED={seed}");
    Rng::with_seed(seed)
}

/// The first start, many calls at once, commands beside them, a kill, a start, an end, and another.
async fn long() -> Option<Record> {
    let world = world().await;
    let (mut session, mut known) = (Session::start(&world).await, Known::default());
    let gateway = session.serve().await;
    known.load(gateway, "a", CLIENTS).await;
    let grant = format!("minutes grant --tenant {} --minutes {GRANT}", TENANTS[0]);
    let key = format!("key issue --tenant {}", TENANTS[1]);
    session.command(&grant, "grant-1").await;
    let beside = async {
        session.command(&key, "key-1").await;
        session.command(&grant, "grant-2").await;
    };
    tokio::join!(known.load(gateway, "b", CLIENTS), beside);
    let begun = world.upstream.asked();
    let killed = async {
        until("in the midst of calls", async || world.upstream.asked() > begun + CLIENTS).await;
        session.end("KILL").await;
    };
    tokio::join!(known.load(gateway, "c", CLIENTS), killed);
    let gateway = session.serve().await;
    known.load(gateway, "d", CLIENTS / 5).await;
    session.end("TERM").await;
    session.command(&grant, "grant-3").await;
    let gateway = session.serve().await;
    known.load(gateway, "e", CLIENTS / 5).await;
    // So that the log is not yet in the file.
    session.end("KILL").await;
    let record = session.finish().await;
    Record::new(world, &record, known)
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_power_fails_at_any_moment() {
    if !can_trace() {
        return;
    }
    let record = recorded(long).await;
    record.assert_covers_what_it_is_for();
    let wrong = record.cut(cuts(CUTS), Lie::None, choices()).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A first start, and calls.
async fn first() -> Option<Record> {
    let world = world().await;
    let (mut session, mut known) = (Session::start(&world).await, Known::default());
    let gateway = session.serve().await;
    known.load(gateway, "a", 2).await;
    session.end("KILL").await;
    let record = session.finish().await;
    Record::new(world, &record, known)
}

/// Records that a command makes, and no gateway.
async fn by_command() -> Option<Record> {
    let world = world().await;
    let mut session = Session::start(&world).await;
    session.command(&format!("key issue --tenant {}", TENANTS[1]), "key-1").await;
    let record = session.finish().await;
    Record::new(world, &record, Known::default())
}

#[tokio::test]
async fn a_power_cut_while_records_are_made_leaves_them_or_none() {
    if !can_trace() {
        return;
    }
    let mut rng = choices();
    for record in [recorded(first).await, recorded(by_command).await] {
        let wrong = record.cut(cuts(CUTS / 4), Lie::None, rng.fork()).await;
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// Records of a gateway that knew the first tables only.
async fn older() -> Option<Record> {
    let (world, mut known) = (world().await, Known::default());
    let served = world.serve().await;
    known.load(served.listen, "a", 8).await;
    assert_eq!(served.stop().await.0, Some(0));
    let old = rusqlite::Connection::open(world.database()).unwrap();
    old.execute_batch(
        "DROP TABLE upload; DROP TABLE alert; DROP TABLE changed_limit; DROP TABLE audit; \
         DROP INDEX reservation_by_request; DROP INDEX reservation_by_opened; \
         CREATE INDEX reservation_by_opened ON reservation (opened); \
         PRAGMA user_version = 1",
    )
    .unwrap();
    drop(old);
    let (before, told) = (files(world.folder()), Promised::all_of(&known));
    assert_eq!(before.keys().collect::<Vec<_>>(), ["gateway.db", "gateway.db.lock"]);
    let mut session = Session::start(&world).await;
    let gateway = session.serve().await;
    known.load(gateway, "b", 8).await;
    session.end("KILL").await;
    let record = session.finish().await;
    Record::after(world, before, told, &record, known)
}

#[tokio::test]
async fn a_power_cut_while_tables_are_added_loses_nothing() {
    if !can_trace() {
        return;
    }
    let record = recorded(older).await;
    let wrong = record.cut(cuts(CUTS / 4), Lie::None, choices()).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_disk_that_does_not_sync_is_found_out() {
    if !can_trace() {
        return;
    }
    let record = recorded(long).await;
    for lie in [Lie::All, Lie::Of("-wal"), Lie::Of(".db"), Lie::Folder] {
        let mut wrong = Vec::new();
        for _ in 0..10 {
            wrong = record.cut(CUTS / 4, lie, choices()).await;
            if !wrong.is_empty() {
                break;
            }
        }
        println!("{lie:?}: {}", wrong.first().unwrap_or_else(|| panic!("{lie:?} is not found")));
    }
}
