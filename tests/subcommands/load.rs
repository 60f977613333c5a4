//! Does everything add up after mixed load, restarts, reloads and a crash?

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use heify_gateway::records::{Sqlite, verify};
use heify_gateway::secret::Secret;
use heify_gateway::simulator::{Rates, Settings, start};
use serde_json::{Value, json};

use crate::process::{Running, gateway};

const KEYS: [&str; 2] = ["a-key-that-team-a-has", "a-key-that-team-b-has"];
const CENTRAL: &str = "the-central-key-of-the-test";
const PATIENCE: Duration = Duration::from_secs(60);
/// What is held for a job whose length is not known.
const HELD: u64 = 600_000;
const LISTS: [(&str, &str); 4] = [
    ("configuration", "/list-configurations"),
    ("evaluator", "/list-evaluators"),
    ("participant", "/list-participants"),
    ("transcription", "/list-transcriptions"),
];

/// A simulated Heify on a thread of its own; its address.
fn simulated() -> String {
    let (tell, told) = channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut settings = Settings::with_key(Secret::new(CENTRAL));
            settings.accounts[0].rates = Rates::Off;
            settings.accounts[0].balance_millis = i64::MAX / 2;
            settings.processing = Duration::from_millis(500);
            let simulator = start(settings).await.unwrap();
            tell.send(simulator.url()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
}

fn configure(folder: &Path, upstream: &str, contact: &str) -> String {
    let rate = |path| format!("\"/{path}\" = {{ per_minute = 1000000000, burst = 1000000 }}");
    let rates = [
        "create-configuration",
        "delete-configuration",
        "create-participant",
        "submit",
        "get-participant",
        "get-transcription",
        "list-configurations",
        "list-participants",
        "list-transcriptions",
        "list-evaluators",
        "request-upload-url",
    ]
    .map(rate)
    .join(", ");
    let tenant = |(id, key): (&str, &str)| {
        format!(
            "[[tenants]]\nid = \"{id}\"\nkeys = [{{ key = \"{key}\" }}]\n\
             minutes = {{ monthly = 1000000 }}\n\
             caps = {{ configuration = 8, participant = 90 }}\nrate = {{ {rates} }}\n"
        )
    };
    let tenants = ["team-a", "team-b"].into_iter().zip(KEYS).map(tenant);
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ncontact = \"{contact}\"\n[status]\nlisten = \"127.0.0.1:0\"\n\
         [upstream]\nurl = \"{upstream}\"\napi_key = \"{CENTRAL}\"\n\
         [records]\nurl = \"sqlite:gateway.db\"\n[account]\npace = \"off\"\n\
         [minutes]\nsettle_per_minute = 500\n{}",
        tenants.collect::<String>()
    );
    let path = folder.join("gateway.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn serve(path: &str, address: &Mutex<String>) -> Running {
    let running = Running::start(gateway(&["serve", "-c", path, "--log-format", "json"], &[]));
    let ready: Value = serde_json::from_str(&running.line_with("gateway ready")).unwrap();
    *address.lock().unwrap() = ready["listen"].as_str().unwrap().to_owned();
    running
}

/// One call; `None` when no whole answer came.
fn ask(address: &str, key: &str, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-api-key: {key}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
    Some((status, body))
}

/// What all clients share.
struct Load {
    address: Mutex<String>,
    stops: AtomicBool,
    /// Participants by tenant.
    made: Mutex<[Vec<Value>; 2]>,
}

/// Calls until told to stop; how many calls got no answer.
fn client(load: &Load, tenant: usize, seed: u64, ticks: &Sender<()>) -> u64 {
    let mut rng = Rng::with_seed(seed);
    let mut configurations: Vec<Value> = Vec::new();
    let mut unanswered = 0;
    // A deletion without an answer is sent again, as a client would.
    let mut again = None;
    while !load.stops.load(Ordering::Relaxed) {
        let foreign = rng.choice(load.made.lock().unwrap()[1 - tenant].clone());
        let configuration = configurations.last().cloned().unwrap_or_default();
        let url = format!(
            "https://example.org/{}.mp3?duration={}.25",
            ["a", "fail"][rng.usize(0..2)],
            rng.u32(1..900)
        );
        let deletion = again.take();
        let (path, body) = match rng.u32(0..12) {
            _ if deletion.is_some() => ("/delete-configuration", deletion.unwrap_or_default()),
            0 | 1 => ("/create-configuration", json!({ "tag": "c" })),
            2 | 3 => ("/create-participant", json!({ "tag": "p" })),
            4 if configurations.len() > 3 => {
                ("/delete-configuration", json!({ "configuration_id": configurations.remove(0) }))
            }
            5 => ("/list-participants", json!({})),
            6 => ("/list-transcriptions", json!({})),
            7 | 8 => ("/get-participant", json!({ "participant_id": foreign })),
            9 if !configuration.is_null() => {
                ("/request-upload-url", json!({ "configuration_id": configuration }))
            }
            _ if configuration.is_null() => ("/list-configurations", json!({})),
            _ => ("/submit", json!({ "configuration_id": configuration, "url": url })),
        };
        let address = load.address.lock().unwrap().clone();
        let Some((status, answer)) = ask(&address, KEYS[tenant], "POST", path, &body.to_string())
        else {
            unanswered += 1;
            again = (path == "/delete-configuration").then_some(body);
            thread::yield_now();
            continue;
        };
        assert!([200, 201, 400, 404].contains(&status), "{path} {body}: {status} {answer}");
        match (path, status) {
            ("/create-configuration", 201) => {
                configurations.push(answer["data"]["configuration_id"].clone());
            }
            ("/create-participant", 201) => {
                let id = answer["data"]["participant"]["participant_id"].clone();
                load.made.lock().unwrap()[tenant].push(id);
            }
            ("/get-participant", _) if body["participant_id"].is_string() => {
                assert_eq!(status, 404, "another's participant was shown: {answer}");
            }
            _ => {}
        }
        let _ = ticks.send(());
    }
    unanswered
}

/// Waits until so many calls were answered.
fn progress(ticks: &Receiver<()>, calls: usize) {
    // What was answered before belongs to what came before.
    while ticks.try_recv().is_ok() {}
    for _ in 0..calls {
        ticks.recv_timeout(PATIENCE).unwrap();
    }
}

/// Load over two reloads, two restarts and a crash; what each tenant's clients got no answer to.
fn loaded(load: &Arc<Load>, folder: &Path, upstream: &str) -> (Running, [u64; 2]) {
    let path = configure(folder, upstream, "one@example.org");
    let mut running = serve(&path, &load.address);
    let (tell, ticks) = channel();
    let start = |number: usize| {
        let (load, tell) = (Arc::clone(load), tell.clone());
        thread::spawn(move || client(&load, number % 2, number as u64, &tell))
    };
    let clients: Vec<_> = (0..4).map(start).collect();
    progress(&ticks, 150);
    configure(folder, upstream, "two@example.org");
    running.signal("HUP");
    running.line_with("configuration reloaded");
    progress(&ticks, 100);
    let (code, lines) = running.end("TERM");
    assert_eq!(code, Some(0), "{lines:#?}");
    running = serve(&path, &load.address);
    progress(&ticks, 150);
    assert_eq!(running.end("KILL").0, None);
    running = serve(&path, &load.address);
    progress(&ticks, 100);
    configure(folder, upstream, "three@example.org");
    running.signal("HUP");
    running.line_with("configuration reloaded");
    progress(&ticks, 50);
    assert_eq!(running.end("TERM").0, Some(0));
    running = serve(&path, &load.address);
    progress(&ticks, 50);
    load.stops.store(true, Ordering::Relaxed);
    let mut unanswered = [0; 2];
    for (number, client) in clients.into_iter().enumerate() {
        unanswered[number % 2] += client.join().unwrap();
    }
    (running, unanswered)
}

struct Tenant<'l> {
    load: &'l Load,
    number: usize,
}

impl Tenant<'_> {
    fn data(&self, method: &str, path: &str, body: &str) -> Value {
        let address = self.load.address.lock().unwrap().clone();
        let (status, mut answer) = ask(&address, KEYS[self.number], method, path, body).unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        answer["data"].take()
    }

    fn usage(&self) -> Value {
        self.data("GET", "/_gateway/usage", "")
    }

    fn listed(&self, kind: &str, path: &str) -> BTreeSet<String> {
        let data = self.data("POST", path, "{}");
        let items = data.as_object().unwrap().values().find_map(Value::as_array).unwrap().clone();
        let id = |item: &Value| item[format!("{kind}_id")].as_str().unwrap().to_owned();
        items.iter().map(id).collect()
    }

    /// Looks at its jobs until all are settled; the milliseconds of audio in them.
    fn settled(&self, unanswered: u64) -> u64 {
        let jobs = self.listed("transcription", "/list-transcriptions");
        let until = Instant::now() + PATIENCE;
        loop {
            let mut millis = 0;
            for id in &jobs {
                let body = json!({ "transcription_id": id }).to_string();
                let seconds = &self.data("POST", "/get-transcription", &body)["duration"];
                millis += (seconds.as_f64().unwrap_or_default() * 1000.0).round() as u64;
            }
            let minutes = &self.usage()["minutes"];
            let held = minutes["reserved"].as_u64().unwrap();
            // What got no answer stays held: nobody knows what became of it.
            if minutes["used"] == millis && held.is_multiple_of(HELD) && held <= unanswered * HELD {
                return millis;
            }
            assert!(Instant::now() < until, "{millis} ms in {} jobs: {minutes}", jobs.len());
        }
    }
}

#[test]
fn after_load_restarts_and_a_crash_everything_adds_up_for_each_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = simulated();
    let load = Arc::new(Load {
        address: Mutex::default(),
        stops: AtomicBool::new(false),
        made: Mutex::default(),
    });
    let (running, unanswered) = loaded(&load, folder.path(), &upstream);
    let tenants = [0, 1].map(|number| Tenant { load: &load, number });
    for (tenant, unanswered) in tenants.iter().zip(unanswered) {
        assert!(tenant.settled(unanswered) > 0);
        let usage = tenant.usage();
        for (kind, path) in LISTS {
            let listed = tenant.listed(kind, path);
            let lines = usage["objects"].as_array().unwrap();
            let line = lines.iter().find(|line| line["kind"] == kind).unwrap();
            assert_eq!(line["used"], listed.len(), "{kind}: {usage}");
            assert!(line["reserved"].as_u64().unwrap() <= unanswered, "{kind}: {usage}");
            let others = tenants[1 - tenant.number].listed(kind, path);
            assert!(listed.is_disjoint(&others), "{kind}");
        }
        let made = &load.made.lock().unwrap()[tenant.number];
        let listed = tenant.listed("participant", "/list-participants");
        assert!(made.iter().all(|id| listed.contains(id.as_str().unwrap())), "one was lost");
    }
    assert_eq!(running.end("TERM").0, Some(0));
    let mut store = Sqlite::read_only(&folder.path().join("gateway.db")).unwrap();
    let (recount, differences) = verify(&mut store).unwrap();
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(recount.lines > 500, "{}", recount.lines);
}
