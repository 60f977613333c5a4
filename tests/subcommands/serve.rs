//! Does `serve` start, reload and end as an operator expects?

use std::io::{Read, Write};
use std::net::TcpStream;

use tempfile::TempDir;

use crate::process::{Running, gateway, run, text};

const FIRST: &str = "the-first-key-of-a-team";
const SECOND: &str = "the-second-key-of-a-team";

/// A configuration with these keys, in a folder of its own; the upstream is never reached.
fn configuration(folder: &TempDir, keys: &[&str], more: &str) -> String {
    let path = folder.path().join("gateway.toml");
    let keys: Vec<String> = keys.iter().map(|key| format!("{{ key = \"{key}\" }}")).collect();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[status]\nlisten = \"127.0.0.1:0\"\n\
         [upstream]\nurl = \"http://127.0.0.1:9\"\napi_key = \"the-central-key-of-the-test\"\n\
         {more}\n[[tenants]]\nid = \"a\"\nkeys = [{}]\n",
        keys.join(", ")
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn serve(path: &str) -> (Running, String, String) {
    let running = Running::start(gateway(&["serve", "-c", path, "--log-format", "json"], &[]));
    let ready: serde_json::Value =
        serde_json::from_str(&running.line_with("gateway ready")).unwrap();
    let address = |name: &str| ready[name].as_str().unwrap().to_owned();
    let (listen, status) = (address("listen"), address("status"));
    (running, listen, status)
}

/// Sends a request and reads the answer to its end.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The reason that a call with this key is refused for.
fn reason(address: &str, path: &str, key: &str) -> String {
    let head = format!("POST {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\n");
    let answer = ask(address, &format!("{head}x-api-key: {key}\r\ncontent-length: 2\r\n\r\n{{}}"));
    let field = answer.lines().find_map(|line| line.strip_prefix("x-gateway-reason: "));
    field.unwrap_or_else(|| panic!("no reason in {answer}")).to_owned()
}

#[test]
fn a_changed_file_is_read_on_sighup_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = configuration(&folder, &[FIRST], "");
    let (running, listen, _) = serve(&path);
    assert_eq!(reason(&listen, "/submit", FIRST), "missing_field");
    assert_eq!(reason(&listen, "/submit", SECOND), "unknown_key");

    configuration(&folder, &[FIRST, SECOND], "");
    running.signal("HUP");
    running.line_with("configuration reloaded");
    assert_eq!(reason(&listen, "/submit", SECOND), "missing_field");

    configuration(&folder, &[FIRST], "[server]");
    running.signal("HUP");
    running.line_with("not reloaded");
    assert_eq!(reason(&listen, "/submit", SECOND), "missing_field");
    assert_eq!(running.end("TERM").0, Some(0));
}

#[test]
fn the_status_port_says_ready_and_sigterm_ends_with_zero() {
    let folder = tempfile::tempdir().unwrap();
    let (running, _, status) = serve(&configuration(&folder, &[FIRST], ""));
    for path in ["/livez", "/readyz"] {
        let answer = ask(&status, &format!("GET {path} HTTP/1.0\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    }
    let url = format!("http://{status}");
    let output = run(&["healthcheck", "--url", &url], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let (exit, lines) = running.end("TERM");
    assert_eq!(exit, Some(0), "{lines:#?}");
    assert!(lines.last().unwrap().contains("stopped"), "{lines:#?}");
}

#[test]
fn another_contract_in_the_file_is_the_one_that_is_enforced() {
    let folder = tempfile::tempdir().unwrap();
    let contract = "openapi: 3.1.0\ninfo: { title: Library, version: \"1\" }\npaths:\n  \
        /lend:\n    post:\n      x-gateway-effect: { kind: changes }\n      requestBody:\n        \
        required: true\n        content:\n          application/json:\n            schema:\n              \
        type: object\n              required: [isbn]\n      responses:\n        \
        \"200\": { description: Lent. }\n";
    std::fs::write(folder.path().join("library.yaml"), contract).unwrap();
    let more = "[contract]\nfile = \"library.yaml\"";
    let (running, listen, _) = serve(&configuration(&folder, &[FIRST], more));
    assert_eq!(reason(&listen, "/lend", FIRST), "missing_field");
    assert_eq!(reason(&listen, "/submit", FIRST), "unknown_endpoint");
    assert_eq!(running.end("TERM").0, Some(0));
}

#[test]
fn what_no_build_knows_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let more = "[metrics]\npush = \"x\"\n[relay]\nlisten = \"127.0.0.1:0\"";
    let path = configuration(&folder, &[FIRST], more);
    let output = run(&["serve", "-c", &path], &[]);
    let talk = text(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{talk}");
    assert!(
        talk.contains("metrics: unknown key") && talk.contains("relay.listen: unknown key"),
        "{talk}"
    );
    assert!(talk.trim_end().ends_with("2 mistakes"), "{talk}");
}
