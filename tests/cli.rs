//! Does the real binary say what it should, where it should, with the right exit code?
// The default upstream is https.
#![cfg(all(feature = "cli", feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread;

use heify_gateway::key::{KeyDigest, KeyShape, shape};

const SIDECAR: [(&str, &str); 2] =
    [("HEIFY_API_KEY", "the-central-key"), ("HEIFY_GATEWAY_TENANT_KEY", "any-old-key-of-16")];

fn gateway(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heify-gateway"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    gateway(arguments, environment).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Serves one connection with these bytes; the address, and the request line once it is there.
fn answering(answer: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let request = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&stream);
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {}
        (&stream).write_all(answer.as_bytes()).unwrap();
        request.lines().next().unwrap_or_default().to_owned()
    });
    (address, request)
}

#[test]
fn a_file_with_three_mistakes_prints_three_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    let content = "[server]\nlisten = \"nowhere\"\n\n[upstream]\napi_key = \"x\"\ntimeout = 60\n\n\
        [[tenants]]\nid = \"acme\"\nrate = { \"/submit\" = { per_minute = 1, burst = 0 } }\n";
    std::fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap();
    let output = run(&["check", "--config", path], &[]);
    let messages = text(&output.stderr);
    let lines: Vec<_> = messages.lines().collect();
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(lines.len(), 4, "{messages}");
    assert!(lines[0].starts_with(&format!("{path}:2:10: server.listen: ")), "{messages}");
    assert!(lines[1].starts_with(&format!("{path}:6:11: upstream.timeout: ")), "{messages}");
    let last =
        format!("{path}:10:48: tenants[0].rate.\"/submit\".burst: must be at least 1, not 0");
    assert_eq!(lines[2], last);
    assert_eq!(lines[3], "3 mistakes");
}

#[test]
fn a_configuration_without_mistakes_is_summarized() {
    let output = run(&["check"], &SIDECAR);
    let summary = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    for part in [
        "127.0.0.1:8080 (http)",
        "127.0.0.1:8081",
        "https://api.heify.com",
        "(default)",
        "records:   none",
        "isolation: off",
    ] {
        assert!(summary.contains(part), "{part} in\n{summary}");
    }
    assert!(!summary.contains("oversubscribed"), "{summary}");
}

#[test]
fn a_summary_says_what_the_tenants_could_use_that_the_account_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    let tenant = |id: &str| {
        let key = format!("keys = [{{ key = \"a-key-for-{id}-of-ours\" }}]");
        format!("[[tenants]]\nid = \"{id}\"\n{key}\nminutes = {{ monthly = 600 }}\n")
    };
    let account = "[account]\ncaps = { configuration = 30 }\nminutes = { monthly = 1_000 }\n";
    let records = "[records]\nurl = \"sqlite:records.db\"\n";
    std::fs::write(&path, format!("{account}{records}{}{}", tenant("a"), tenant("b"))).unwrap();
    let output = run(&["check", "-c", path.to_str().unwrap()], &SIDECAR[..1]);
    let summary = text(&output.stdout);
    let records = folder.path().join("records.db");
    for line in [
        &*format!("records:   {}", records.display()),
        "isolation: strict",
        "oversubscribed: configurations: 2 tenants may hold 40, the account 30",
        "oversubscribed: minutes per month: 2 tenants may use 1200, the account 1000",
    ] {
        assert!(summary.lines().any(|found| found == line), "{line} in\n{summary}");
    }
    assert!(!records.exists(), "check opens no records");
}

#[test]
fn warnings_stand_below_the_summary() {
    let output = run(&["check"], &SIDECAR[..1]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).ends_with("set HEIFY_GATEWAY_TENANT_KEY\n"));
}

#[test]
fn the_file_is_named_by_the_argument_else_by_a_variable() {
    let named = [("HEIFY_GATEWAY_CONFIG", "/nowhere/variable.toml")];
    let output = run(&["check"], &named);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).starts_with("/nowhere/variable.toml: cannot read"));
    let output = run(&["check", "-c", "/nowhere/argument.toml"], &named);
    assert!(text(&output.stderr).starts_with("/nowhere/argument.toml: cannot read"));
    assert!(text(&output.stderr).ends_with("\n1 mistake\n"));
}

#[test]
fn a_new_key_fits_its_digest_and_the_file() {
    let output = run(&["key", "new"], &[]);
    let (data, talk) = (text(&output.stdout), text(&output.stderr));
    let (key, digest) = data.trim_end().split_once('\n').unwrap();
    assert_eq!(shape(key.as_bytes()), KeyShape::Gateway);
    assert!(!talk.contains(key));
    assert_eq!(digest, KeyDigest::of(key.as_bytes()).to_string());
    let line = talk.lines().last().unwrap();
    assert!(line.contains(digest));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    std::fs::write(&path, format!("[[tenants]]\nid = \"acme\"\n{line}")).unwrap();
    let output = run(&["check", "-c", path.to_str().unwrap()], &SIDECAR[..1]);
    assert!(text(&output.stdout).contains("tenants:   1, keys: 1 (acme)"), "{output:?}");
}

#[test]
fn a_ready_gateway_is_healthy() {
    let (address, request) = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let output = run(&["healthcheck", "--url", &format!("http://{address}/readyz")], &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(request.join().unwrap(), "GET /readyz HTTP/1.1");
}

#[test]
fn the_configuration_says_where_to_ask() {
    let (address, request) = answering("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    let status = [("HEIFY_GATEWAY__STATUS__LISTEN", address.as_str())];
    let output = run(&["healthcheck"], &[&SIDECAR[..], &status].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("answers 503"), "{output:?}");
    assert_eq!(request.join().unwrap(), "GET /readyz HTTP/1.1");
}

#[test]
fn a_gateway_that_does_not_answer_is_not_healthy() {
    let (address, _request) = answering("220 mail.example.com\r\n");
    // Never accepts: the connection waits in the queue.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    for (address, timeout) in [(address.as_str(), "5s"), (silent.as_str(), "50ms")] {
        let url = format!("http://{address}/readyz");
        let output = run(&["healthcheck", "--url", &url, "--timeout", timeout], &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).starts_with("not ready: "), "{output:?}");
    }
}

#[test]
fn a_broken_configuration_is_not_healthy() {
    let output = run(&["healthcheck"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("HEIFY_API_KEY"));
}

#[test]
fn wrong_usage_exits_with_2_and_help_with_0() {
    for arguments in [&["chekc"][..], &[], &["check", "--log-format", "xml"], &["completions", "x"]]
    {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["check", "--help"], &["key", "new", "-h"]]
    {
        assert_eq!(run(arguments, &[]).status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell], &[]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(text(&output.stdout).contains("healthcheck"), "{shell}");
    }
}

#[test]
fn editors_and_people_get_every_setting_described() {
    let schema = run(&["config", "schema"], &[]);
    assert_eq!(schema.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    let workers = &schema["properties"]["server"]["properties"]["workers"];
    assert_eq!(workers["maximum"], 1024, "{workers}");
    let reference = text(&run(&["config", "reference"], &[]).stdout);
    assert!(reference.contains("HEIFY_GATEWAY__SERVER__WORKERS"), "{reference}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    for arguments in [&["completions", "bash"][..], &["check"], &["key", "new"]] {
        let mut child = gateway(arguments, &SIDECAR)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!text(&output.stderr).contains("ipe"), "{output:?}");
    }
}
