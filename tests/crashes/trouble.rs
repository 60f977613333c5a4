//! What if the records cannot be written: locked, full, read-only, damaged, or another's?

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use heify_gateway::records::{Missing, Sqlite, State, Store};
use serde_json::json;
use tokio::process::Command;

use super::client::{get, text};
use super::process::{Served, Started, serve, until};
use super::upstream::well;
use super::world::{ANALYZE, CREATE, READ, SUBMIT, World};

/// The longest that a call waits for the records, and time for the rest of it.
const BOUND: Duration = Duration::from_secs(12);

async fn world() -> World {
    World::start(|seen| Box::pin(async move { well(&seen) })).await
}

async fn is_ready(served: &Served) -> bool {
    get(served.status, "/readyz").await == Some(200)
}

/// Asserts what every trouble with the records means: what is counted is refused and not sent, and
/// nothing of that looks like the tenant's fault; all else goes on.
async fn assert_refused(world: &World, served: &Served, configuration: uuid::Uuid, name: &str) {
    let body = json!({ "configuration_id": configuration });
    let names = [SUBMIT, ANALYZE, CREATE].map(|path| (path, format!("{name}{path}")));
    let calls = names.iter().map(|(path, name)| world.call(served, path, name, &body));
    let began = Instant::now();
    for refused in futures_util::future::join_all(calls).await {
        refused.assert_refused(500, "records_unavailable");
    }
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    for (_, name) in &names {
        assert_eq!(world.upstream.count(name), 0, "{name} was sent without a reserve");
        assert_eq!(world.state(name), None, "{name} is counted");
    }
    let read = world.call(served, READ, "unmetered", &body).await;
    assert_eq!(read.status, 200, "{read:?}");
    until("unready", async || !is_ready(served).await).await;
    assert_eq!(get(served.status, "/livez").await, Some(200));
}

/// Asserts that all is well again, without a restart.
async fn assert_recovered(world: &World, served: Served, configuration: uuid::Uuid) {
    until("ready again", async || is_ready(&served).await).await;
    let body = json!({ "configuration_id": configuration });
    let again = world.call(&served, SUBMIT, "again", &body).await;
    assert_eq!(again.status, 201, "{again:?}");
    assert_eq!(served.stop().await.0, Some(0));
    assert!(world.records().in_state(State::Open, 9).unwrap().is_empty());
    world.verified();
}

#[tokio::test]
async fn while_another_process_holds_the_file_counted_calls_are_refused_and_all_others_go_on() {
    let world = world().await;
    let served = world.serve().await;
    let configuration = world.made(&served).await;
    let mut holder = Sqlite::beside(&world.database(), Missing::Refuse).unwrap();
    holder.begin().unwrap();
    assert_refused(&world, &served, configuration, "locked").await;
    holder.rollback();
    assert_recovered(&world, served, configuration).await;
}

#[tokio::test]
async fn calls_that_only_count_against_a_month_pass_where_the_configuration_wants_it_so() {
    let world = world().await;
    world.configure("[quota]\nwhen_records_fail = \"open\"", "");
    let served = world.serve().await;
    let configuration = world.made(&served).await;
    let mut holder = Sqlite::beside(&world.database(), Missing::Refuse).unwrap();
    holder.begin().unwrap();
    let body = json!({ "configuration_id": configuration });
    let call = async |path, name| world.call(&served, path, name, &body).await;
    let (first, submit, create) = futures_util::join!(
        call(ANALYZE, "first"),
        call(SUBMIT, "minutes"),
        call(CREATE, "creates"),
    );
    assert_eq!(first.status, 200, "{first:?}");
    // What spends minutes or makes something is refused whatever the policy.
    submit.assert_refused(500, "records_unavailable");
    create.assert_refused(500, "records_unavailable");
    until("unready", async || !is_ready(&served).await).await;
    let began = Instant::now();
    assert_eq!(call(ANALYZE, "second").await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(3), "it waited for what is known to fail");
    for (name, sent) in [("first", 1), ("second", 1), ("minutes", 0), ("creates", 0)] {
        assert_eq!(world.upstream.count(name), sent, "{name}");
        assert_eq!(world.state(name), None, "{name} is counted");
    }
    let metrics = text(served.status, "/metrics").await.unwrap();
    let told = metrics.contains("heify_gateway_records_uncounted_calls_total 2\n");
    assert!(told, "{metrics}");
    holder.rollback();
    until("ready again", async || is_ready(&served).await).await;
    assert_eq!(call(ANALYZE, "counted").await.status, 200);
    assert_eq!(world.state("counted"), Some(State::Settled));
    let (exit, talk) = served.stop().await;
    assert_eq!(exit, Some(0));
    let told = talk.iter().filter(|line| line.contains("a call passes uncounted")).count();
    assert_eq!(told, 2, "{talk:?}");
    world.verified();
}

// Elsewhere no limit of a running process can be raised from outside.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn while_the_disk_is_full_counted_calls_are_refused_and_all_others_go_on() {
    let world = world().await;
    world.serve().await.stop().await;
    // A file that may not grow is what a full disk is to whoever writes it.
    let limit = std::fs::metadata(world.database()).unwrap().len() / 1024 + 256;
    let mut command = Command::new("bash");
    let script = "trap '' XFSZ; ulimit -S -f \"$1\"; exec \"$0\" serve --log-format json -c \"$2\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_heify-gateway"), &limit.to_string()]);
    command.arg(world.configuration());
    let served = Started::new(command).ready().await;
    let configuration = world.made(&served).await;
    let filled = fill(&world, &served, configuration).await;
    assert_refused(&world, &served, configuration, "full").await;
    let raise = ["--pid", &served.id().to_string(), "--fsize=unlimited"];
    assert!(Command::new("prlimit").args(raise).status().await.unwrap().success());
    assert_recovered(&world, served, configuration).await;
    assert_kept(&world, filled);
}

/// Submits until the log finds no more space; gives how many calls were answered.
async fn fill(world: &World, served: &Served, configuration: uuid::Uuid) -> usize {
    let body = json!({ "configuration_id": configuration });
    for filled in 0..2000 {
        let reply = world.call(served, SUBMIT, &format!("fill-{filled}"), &body).await;
        if !reply.is_success() {
            reply.assert_refused(500, "records_unavailable");
            return filled;
        }
    }
    panic!("the disk is never full");
}

fn assert_kept(world: &World, filled: usize) {
    let done = (0..filled).filter(|number| world.state(&format!("fill-{number}")).is_some());
    assert_eq!(done.count(), filled, "what was answered is kept");
}

/// A small disk in the place of a folder, as long as it is needed.
struct Disk(std::path::PathBuf);

impl Disk {
    /// `None` where this user may not mount anything.
    fn mount(folder: &std::path::Path) -> Option<Self> {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs"]).arg(folder);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whatever still runs on it after a failed test goes on without it.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_small_disk_that_is_full_refuses_counted_calls_until_there_is_space() {
    let world = world().await;
    let Some(disk) = Disk::mount(world.folder()) else {
        // The limit on the size of a file, above, stands in for it.
        eprintln!("nothing can be mounted here");
        return;
    };
    world.configure("", "");
    let served = world.serve().await;
    let configuration = world.made(&served).await;
    let ballast = world.folder().join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[7; 4096]).is_ok() {}
    drop(file);
    let filled = fill(&world, &served, configuration).await;
    assert_refused(&world, &served, configuration, "full").await;
    std::fs::remove_file(ballast).unwrap();
    assert_recovered(&world, served, configuration).await;
    assert_kept(&world, filled);
    drop(disk);
}

#[tokio::test]
async fn a_file_that_can_only_be_read_stops_the_start() {
    let world = world().await;
    world.serve().await.stop().await;
    let own = |mode| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(world.database(), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let mut command = serve(&world.configuration());
    own(0o444);
    // To root, no file is read-only: there the gateway runs as a user that owns all but the file.
    let is_root = std::fs::OpenOptions::new().write(true).open(world.database()).is_ok();
    if is_root {
        let mut chown = Command::new("chown");
        chown.args(["-R", "65534", "."]).current_dir(world.folder());
        assert!(chown.status().await.unwrap().success());
        let mut chown = Command::new("chown");
        assert!(chown.arg("0").arg(world.database()).status().await.unwrap().success());
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--clear-groups"]).arg(env!("CARGO_BIN_EXE_heify-gateway"));
        command.args(["serve", "--log-format", "json", "-c"]).arg(world.configuration());
    }
    let (exit, talk) = Started::new(command).ended().await;
    assert_eq!(exit, Some(1), "{talk}");
    assert!(talk.contains("cannot be written: let the gateway's user write the file"), "{talk}");
}

#[tokio::test]
async fn a_damaged_file_stops_the_start_and_stays_as_it_is() {
    let world = world().await;
    let served = world.serve().await;
    let configuration = world.made(&served).await;
    let body = json!({ "configuration_id": configuration });
    for number in 0..40 {
        world.call(&served, SUBMIT, &format!("call-{number}"), &body).await;
    }
    assert_eq!(served.stop().await.0, Some(0));
    // Closing moves the log into the file.
    drop(Sqlite::beside(&world.database(), Missing::Refuse).unwrap());
    let mut file =
        std::fs::OpenOptions::new().read(true).write(true).open(world.database()).unwrap();
    // Two pages: in less there may be no byte that means anything.
    let (middle, mut bytes) = (file.metadata().unwrap().len() / 2, [0; 8192]);
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.read_exact(&mut bytes).unwrap();
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.write_all(&bytes.map(|byte| !byte)).unwrap();
    drop(file);
    let before = std::fs::read(world.database()).unwrap();
    let (exit, talk) = Started::new(serve(&world.configuration())).ended().await;
    assert_eq!(exit, Some(1), "{talk}");
    assert!(talk.contains("damaged") && talk.contains("put a backup in its place"), "{talk}");
    assert!(std::fs::read(world.database()).unwrap() == before, "it was changed");
}

/// A port that was free a moment ago: the second gateway has to tell its state before it serves, and
/// so cannot say which one it chose.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_second_gateway_waits_unready_and_takes_over_when_the_first_has_ended() {
    let world = world().await;
    let first = world.serve().await;
    let configuration = world.made(&first).await;
    let status = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    world.configure(&format!("[status]\nlisten = \"{status}\""), "");
    let second = Started::new(serve(&world.configuration()));
    until("alive", async || get(status, "/livez").await == Some(200)).await;
    assert_eq!(get(status, "/readyz").await, Some(503));
    assert!(is_ready(&first).await);
    let body = json!({ "configuration_id": configuration });
    assert_eq!(world.call(&first, SUBMIT, "by-the-first", &body).await.status, 201);
    first.kill().await;
    let second = second.ready().await;
    assert_eq!(get(status, "/readyz").await, Some(200));
    assert_eq!(world.call(&second, SUBMIT, "by-the-second", &body).await.status, 201);
    assert_eq!(second.stop().await.0, Some(0));
    assert_eq!(world.state("by-the-first"), Some(State::Bound));
    world.verified();
}

#[tokio::test]
async fn a_second_gateway_gives_up_when_the_first_goes_on() {
    let world = world().await;
    let first = world.serve().await;
    world.configure("", "lock_wait = \"300ms\"");
    let (exit, talk) = Started::new(serve(&world.configuration())).ended().await;
    assert_eq!(exit, Some(1), "{talk}");
    assert!(talk.contains("another gateway uses the records in"), "{talk}");
    assert!(talk.contains("stop it, or give this one records of its own"), "{talk}");
    assert_eq!(first.stop().await.0, Some(0));
}
