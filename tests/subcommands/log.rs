//! Is what `serve` logs whole, free of secrets, and nobody's burden?

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::process::{Running, gateway};
use crate::world::{ACME, CENTRAL, World, call, configuration, submit};

fn access(lines: &[String]) -> Vec<Value> {
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == "access").collect()
}

#[test]
fn the_log_of_a_gateway_that_ends_has_a_line_for_each_request() {
    let world = World::new();
    let (running, address) = world.serve();
    for _ in 0..25 {
        assert_eq!(call(&address, "/list-configurations", "a-key-of-nobody", "{}").status, 403);
    }
    let (exit, lines) = running.end("TERM");
    assert_eq!(exit, Some(0));
    assert_eq!(access(&lines).len(), 25, "{lines:#?}");
    let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!((&last["message"], &last["type"]), (&json!("stopped"), &json!("log")));
}

#[test]
fn without_access_lines_there_are_none_also_after_a_reload() {
    let world = World::new();
    let (running, address) = world.serve();
    assert_eq!(call(&address, "/list-configurations", ACME, "{}").status, 200);
    running.line_with(r#""type":"access""#);
    let text = std::fs::read_to_string(&world.path).unwrap();
    std::fs::write(&world.path, text + "[log]\naccess = \"off\"\n").unwrap();
    running.signal("HUP");
    let reloaded = running.line_with("reload");
    assert!(reloaded.contains("configuration reloaded"), "{reloaded}");
    assert_eq!(call(&address, "/list-configurations", ACME, "{}").status, 200);
    let (_, lines) = running.end("TERM");
    assert!(access(&lines).is_empty(), "{lines:#?}");
}

#[test]
fn no_key_query_body_or_url_is_in_the_log() {
    let world = World::new();
    let arguments = ["serve", "-c", &world.path, "--log-format", "json", "--log-level", "trace"];
    let running = Running::start(gateway(&arguments, &[]));
    let ready: Value = serde_json::from_str(&running.line_with("gateway ready")).unwrap();
    let address = ready["listen"].as_str().unwrap();
    let id = configuration(address, ACME);
    let url = "https://media.example/MARKER/call.mp3?signature=MARKER";
    let body = format!(r#"{{"configuration_id":"{id}","url":"{url}"}}"#);
    for (path, key, body) in [
        ("/submit", ACME, &*body),
        ("/submit?token=MARKER", ACME, &body),
        ("/submit/MARKER?MARKER", ACME, &body),
        ("/%22%0aMARKER", "a-key-of-nobody-MARKER", "{}"),
        ("/submit", "a-key-of-nobody-MARKER", "{\"MARKER\":"),
        ("/create-configuration", ACME, r#"{"tag":"MARKER"}"#),
        ("/get-transcription", ACME, r#"{"transcription_id":"MARKER"}"#),
    ] {
        call(address, path, key, body);
    }
    // Fields that a client may choose freely, and a method that is none.
    for head in [
        format!("POST /submit HTTP/1.1\r\nx-request-id: MARKER\"{{}}\r\nx-api-key: {ACME}\r\n"),
        "MARKER /submit HTTP/1.1\r\nuser-agent: MARKER\r\nauthorization: Bearer MARKER\r\n".into(),
        "POST /submit HTTP/1.1\r\ntraceparent: 00-MARKER\r\ntracestate: a=MARKER\r\n".into(),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(format!("{head}host: g\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    world.break_off("/list-configurations");
    call(address, "/list-configurations", ACME, "{}");
    let (exit, lines) = running.end("TERM");
    assert_eq!((exit, access(&lines).len()), (Some(0), 12), "{lines:#?}");
    for secret in ["MARKER", ACME, CENTRAL, "media.example"] {
        let found: Vec<_> = lines.iter().filter(|line| line.contains(secret)).collect();
        assert!(found.is_empty(), "{secret}: {found:#?}");
    }
}

#[test]
fn a_log_whose_reader_has_gone_changes_nothing_but_a_number() {
    let world = World::new();
    let mut command = gateway(&["serve", "-c", &world.path, "--log-format", "json"], &[]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = output.find_map(|line| {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        (line["message"] == "gateway ready").then_some(line)
    });
    let ready = ready.unwrap();
    let address = |name: &str| ready[name].as_str().unwrap().to_owned();
    let (listen, status) = (address("listen"), address("status"));
    drop(output);
    let id = configuration(&listen, ACME);
    for _ in 0..5 {
        assert_eq!(submit(&listen, ACME, &id).status, 201);
    }
    let lost = || {
        let mut stream = TcpStream::connect(&status).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let name = "heify_gateway_log_dropped_lines_total ";
        let value = text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        value.unwrap_or_else(|| panic!("{name} is not in {text}")).parse::<u64>().unwrap()
    };
    // A line is written within a tenth of a second: asked again, and not waited for.
    while lost() < 6 {
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    assert!(
        std::process::Command::new("bash")
            .args(["-c", "kill -TERM \"$0\"", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
