//! A simulated Heify, a configuration with records and two tenants, and commands that work on it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Running, gateway, run, text};

pub(crate) const CENTRAL: &str = "the-central-key-of-the-test";
/// The key that the file gives to the tenant `acme`.
pub(crate) const ACME: &str = "a-key-that-acme-has";
/// The key that the file gives to the tenant `globex`.
pub(crate) const GLOBEX: &str = "a-key-that-globex-has";
const TOKEN: &str = "the-token-of-the-test";

pub(crate) struct World {
    pub(crate) folder: TempDir,
    /// The configuration file.
    pub(crate) path: String,
    /// Where the simulated Heify listens.
    pub(crate) heify: String,
    _simulator: Running,
}

/// What a server said: the status, the reason of a refusal, and the body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) body: Value,
}

impl World {
    pub(crate) fn new() -> Self {
        let arguments = ["simulator", "--listen", "127.0.0.1:0", "--rates", "off"];
        let given = ["--key", CENTRAL, "--token", TOKEN, "--processing", "1ms"];
        let simulator = Running::start(gateway(&[&arguments[..], &given].concat(), &[]));
        let lines = simulator.read_until("# Ctrl-C");
        let url = lines.iter().find_map(|line| line.strip_prefix("url=http://")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[status]\nlisten = \"127.0.0.1:0\"\n\
             [auth]\nfailed_attempts = \"off\"\n\
             [upstream]\nurl = \"http://{url}\"\napi_key = \"{CENTRAL}\"\n\
             [account]\npace = \"off\"\n[records]\nurl = \"sqlite:gateway.db\"\n\
             [[tenants]]\nid = \"acme\"\nlabel = \"=cost, center\"\n\
             keys = [{{ id = \"acme-file\", key = \"{ACME}\" }}]\nminutes = {{ monthly = 600 }}\n\
             [[tenants]]\nid = \"globex\"\nkeys = [{{ key = \"{GLOBEX}\" }}]\n"
        );
        std::fs::write(&file, text).unwrap();
        let path = file.to_str().unwrap().to_owned();
        Self { folder, path, heify: url.to_owned(), _simulator: simulator }
    }

    /// A running gateway and its address.
    pub(crate) fn serve(&self) -> (Running, String) {
        let arguments = ["serve", "-c", &self.path, "--log-format", "json"];
        let running = Running::start(gateway(&arguments, &[]));
        let ready: Value = serde_json::from_str(&running.line_with("gateway ready")).unwrap();
        let listen = ready["listen"].as_str().unwrap().to_owned();
        (running, listen)
    }

    /// Runs a command on this configuration to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run(&[&["-c", &self.path], arguments].concat(), &[])
    }

    /// What a command prints that succeeds.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        text(&output.stdout)
    }

    /// The JSON that a command prints that succeeds.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--output", "json"]].concat())).unwrap()
    }

    /// What a command says that fails with this exit code, and prints nothing.
    pub(crate) fn refused(&self, arguments: &[&str], exit: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        text(&output.stderr)
    }

    /// Lets the simulated Heify break off the answer to the next call of an endpoint.
    pub(crate) fn break_off(&self, path: &str) {
        let fault = format!(r#"{{"endpoint":"{path}","fault":{{"kind":"close"}}}}"#);
        let field = format!("x-simulator-token: {TOKEN}");
        assert_eq!(ask(&self.heify, "/_simulator/faults", &field, &fault).status, 201);
    }
}

/// A call with a key.
pub(crate) fn call(address: &str, path: &str, key: &str, body: &str) -> Answer {
    ask(address, path, &format!("x-api-key: {key}"), body)
}

fn ask(address: &str, path: &str, field: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\n{field}\r\n");
    stream.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let reason = head.lines().find_map(|line| line.strip_prefix("x-gateway-reason: "));
    // A chunked body has its lengths around it.
    let (start, end) = (body.find(['{', '[']).unwrap(), body.rfind(['}', ']']).unwrap());
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        reason: reason.unwrap_or_default().to_owned(),
        body: serde_json::from_str(&body[start..=end]).unwrap(),
    }
}

/// Makes a configuration, at the gateway or behind it.
pub(crate) fn configuration(address: &str, key: &str) -> String {
    let answer = call(address, "/create-configuration", key, r#"{"tag":"calls"}"#);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["data"]["configuration_id"].as_str().unwrap().to_owned()
}

/// Submits a recording.
pub(crate) fn submit(address: &str, key: &str, configuration: &str) -> Answer {
    let body =
        format!(r#"{{"configuration_id":"{configuration}","url":"https://example.com/call.mp3"}}"#);
    call(address, "/submit", key, &body)
}
