//! A configuration, a database, and an upstream, for one test.

use std::path::PathBuf;

use heify_gateway::records::{Moment, Object, Recount, Reservation, Sqlite, State, Store, verify};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::client::{self, Reply};
use super::process::{Served, Started, serve};
use super::upstream::{Answering, Seen, Upstream};

/// The keys of the tenants.
pub const KEYS: [&str; 2] = ["a-key-that-team-a-has", "a-key-that-team-b-has"];
/// Their ids.
pub const TENANTS: [&str; 2] = ["team-a", "team-b"];
/// What is reserved for a job, in milliseconds.
pub const ESTIMATE: i64 = 600_000;

pub const CREATE: &str = "/create-configuration";
pub const SUBMIT: &str = "/submit";
pub const ANALYZE: &str = "/analytics";
pub const READ: &str = "/get-configuration";

pub struct World {
    folder: TempDir,
    pub upstream: Upstream,
}

impl World {
    pub async fn start(plan: impl Fn(Seen) -> Answering + Send + Sync + 'static) -> Self {
        let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::start(plan).await);
        let world = Self { folder, upstream };
        world.configure("", "");
        world
    }

    /// Writes the configuration; lines can be added to `[records]` and at the front.
    pub fn configure(&self, front: &str, records: &str) {
        let limits = "caps = { configuration = 1000000 }";
        let status =
            if front.contains("[status]") { "" } else { "[status]\nlisten = \"127.0.0.1:0\"\n" };
        let mut text = format!(
            "{front}\n{status}[server]\nlisten = \"127.0.0.1:0\"\nworkers = 2\ndrain_timeout = \"20s\"\n\
             [upstream]\nurl = \"http://{}\"\napi_key = \"the-central-key-of-the-test\"\n\
             [records]\nurl = \"sqlite://{}\"\n{records}\n\
             [account]\npace = \"off\"\nmonthly = {{ \"{ANALYZE}\" = 1000000 }}\n{limits}\n\
             [minutes]\nsettle_per_minute = 500\n",
            self.upstream.address,
            self.database().display(),
        );
        let roomy = "{ per_minute = 100000, burst = 10000 }";
        for (id, key) in TENANTS.iter().zip(KEYS) {
            text.push_str(&format!(
                "[[tenants]]\nid = \"{id}\"\nkeys = [{{ key = \"{key}\" }}]\n\
                 minutes = {{ monthly = 100000000 }}\nquota = {{ \"{ANALYZE}\" = 1000000 }}\n{limits}\n\
                 rate = {{ \"{CREATE}\" = {roomy}, \"{SUBMIT}\" = {roomy}, \"{ANALYZE}\" = {roomy}, \
                 \"/delete-configuration\" = {roomy}, \"/delete-transcription\" = {roomy} }}\n"
            ));
        }
        std::fs::write(self.configuration(), text).unwrap();
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("gateway.db")
    }

    /// Starts the binary and waits until it serves.
    pub async fn serve(&self) -> Served {
        Started::new(serve(&self.configuration())).ready().await
    }

    /// Creates a configuration as the first tenant.
    pub async fn made(&self, served: &Served) -> Uuid {
        self.made_as(served, "made").await
    }

    /// Creates a configuration under a name.
    pub async fn made_as(&self, served: &Served, name: &str) -> Uuid {
        let reply = self.call(served, CREATE, name, &json!({})).await;
        reply.created().unwrap_or_else(|| panic!("{reply:?}"))
    }

    /// A call of the first tenant under a name.
    pub async fn call(&self, served: &Served, path: &str, name: &str, body: &Value) -> Reply {
        let body = named(path, name, body);
        client::call(served.listen, path, KEYS[0], name, &body).await.unwrap()
    }

    /// The records as they are on the disk.
    pub fn records(&self) -> Sqlite {
        Sqlite::read_only(&self.database()).unwrap()
    }

    /// Checks the chain, and that the tables are what the journal says.
    #[track_caller]
    pub fn verified(&self) -> Recount {
        let (recount, differences) = verify(&mut self.records()).unwrap();
        assert_eq!(differences, Vec::<String>::new());
        recount
    }

    /// All reservations that were ever made, the oldest first.
    pub fn reservations(&self) -> Vec<Reservation> {
        self.records().opened(Moment(0), Moment(i64::MAX)).unwrap()
    }

    /// The one reservation of a named call.
    pub fn reservation(&self, name: &str) -> Option<Reservation> {
        let mut own = self.reservations().into_iter().filter(|one| &*one.opening.request == name);
        let first = own.next();
        assert!(own.next().is_none(), "{name} was reserved twice");
        first
    }

    /// How far a named call is.
    pub fn state(&self, name: &str) -> Option<State> {
        self.reservation(name).map(|one| one.state)
    }

    pub fn object(&self, id: &Uuid) -> Option<Object> {
        self.records().object(id).unwrap()
    }
}

/// A body that names the call, wherever its endpoint has a place for that.
pub fn named(path: &str, name: &str, body: &Value) -> Value {
    let mut body = body.clone();
    body["note"] = name.into();
    match path {
        CREATE => body["tag"] = name.into(),
        SUBMIT => body["url"] = format!("https://media.example.org/{name}.mp3").into(),
        _ => {}
    }
    body
}
