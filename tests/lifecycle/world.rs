//! A simulated Heify that takes several keys, and the files of a gateway in front of it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread;

use heify_gateway::secret::Secret;
use heify_gateway::simulator::{Rates, Settings, start};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Running, gateway};

/// The central key at the beginning, the one after it, and one that Heify does not take.
pub(crate) const FIRST: &str = "the-first-central-key";
pub(crate) const SECOND: &str = "the-second-central-key";
pub(crate) const REVOKED: &str = "a-central-key-that-was-revoked";
/// The tenant's key.
pub(crate) const KEY: &str = "a-key-that-the-team-has";
pub(crate) const OPERATOR: &str = "the-token-of-an-operator";
const TOKEN: &str = "the-token-of-the-simulator";

/// A simulated Heify, for as long as the test runs.
pub(crate) struct Heify {
    pub(crate) url: String,
}

impl Heify {
    pub(crate) fn start() -> Self {
        let (tell, told) = channel();
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut settings = Settings::with_key(Secret::new(FIRST));
                settings.token = Some(Secret::new(TOKEN));
                settings.accounts[0].keys.push(Secret::new(SECOND));
                settings.accounts[0].deactivated_keys.push(Secret::new(REVOKED));
                settings.accounts[0].rates = Rates::Off;
                let simulator = start(settings).await.unwrap();
                tell.send(simulator.url()).unwrap();
                std::future::pending::<()>().await;
            });
        });
        Self { url: told.recv().unwrap() }
    }

    fn steer(&self, line: &str, body: &Value) -> Value {
        let address = self.url.strip_prefix("http://").unwrap();
        let field = format!("x-simulator-token: {TOKEN}");
        let answer = ask(address, line, &field, &body.to_string());
        assert!(answer.status < 300, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Lets the next calls of an endpoint fail.
    pub(crate) fn fault(&self, path: &str, times: u32, fault: &Value) {
        let script = json!({ "endpoint": path, "times": times, "fault": fault });
        self.steer("POST /_simulator/faults", &script);
    }

    pub(crate) fn deactivate(&self, key: &str) {
        self.steer("PUT /_simulator/account", &json!({ "deactivate_key": key }));
    }

    /// The paths of the last calls.
    pub(crate) fn calls(&self) -> Vec<String> {
        let shown = self.steer("GET /_simulator/requests", &json!({}));
        let calls = shown["requests"].as_array().unwrap_or_else(|| panic!("{shown}"));
        let paths = calls.iter().map(|call| call["path"].as_str().unwrap().to_owned());
        paths.filter(|path| !path.starts_with("/_simulator/")).collect()
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

/// One request on a connection of its own.
pub(crate) fn ask(address: &str, line: &str, field: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request(line, field, body, "close").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    Answer::parse(&answer).unwrap_or_else(|| panic!("{answer}"))
}

pub(crate) fn request(line: &str, field: &str, body: &str, connection: &str) -> String {
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: {connection}\r\n{field}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// The files of a gateway: its configuration, and the file of its central key.
pub(crate) struct World {
    pub(crate) heify: Heify,
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) key_file: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.toml");
        let key_file = folder.path().join("heify");
        fs::write(&key_file, FIRST).unwrap();
        let world = Self { heify: Heify::start(), folder, path, key_file };
        world.write(&world.text(&[]));
        world
    }

    /// The configuration, with pieces replaced by others.
    pub(crate) fn text(&self, changes: &[(&str, &str)]) -> String {
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ncontact = \"one@example.org\"\nworkers = 2\n\
             [admin]\nlisten = \"127.0.0.1:0\"\ntoken = \"{OPERATOR}\"\n\
             [upstream]\nurl = \"{}\"\napi_key_file = \"heify\"\n\
             [records]\nurl = \"sqlite:gateway.db\"\n\
             [[tenants]]\nid = \"team\"\nkeys = [{{ key = \"{KEY}\" }}]\n\
             rate = {{ \"/list-participants\" = {{ per_minute = 1000000, burst = 100000 }} }}\n",
            self.heify.url
        );
        changes.iter().fold(text, |text, (piece, other)| {
            assert!(text.contains(piece), "{piece}: {text}");
            text.replace(piece, other)
        })
    }

    /// Writes the configuration as an editor does: a new file, renamed.
    pub(crate) fn write(&self, text: &str) {
        replace(&self.path, text);
    }

    pub(crate) fn serve(&self) -> Served {
        let path = self.path.to_str().unwrap();
        Served::ready(Running::start(gateway(&["serve", "-c", path, "--log-format", "json"], &[])))
    }
}

pub(crate) fn replace(path: &std::path::Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// A running gateway.
pub(crate) struct Served {
    pub(crate) running: Running,
    pub(crate) listen: String,
    pub(crate) status: String,
    pub(crate) admin: String,
}

impl Served {
    pub(crate) fn ready(running: Running) -> Self {
        let ready: Value = serde_json::from_str(&running.line_with("gateway ready")).unwrap();
        let of = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { listen: of("listen"), status: of("status"), admin: of("admin"), running }
    }

    pub(crate) fn call(&self, path: &str) -> Answer {
        ask(&self.listen, &format!("POST {path}"), &format!("x-api-key: {KEY}"), "{}")
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> Option<String> {
        let text = ask(&self.status, "GET /metrics", "accept: */*", "").body;
        text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
    }

    /// Whether the last configuration that was read is in use.
    pub(crate) fn last_reload(&self) -> Option<String> {
        self.metric("heify_gateway_config_last_reload_successful")
    }
}
