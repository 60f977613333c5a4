//! Does `check --live` find out what is wrong with an upstream, without ever showing the key?

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::process::{Running, gateway, run, text};

const KEY: &str = "the-central-key-of-the-test";

/// Exit code and findings of a check against an upstream.
fn check(url: &str, key: &str) -> (Option<i32>, Vec<String>) {
    let environment = [
        ("HEIFY_API_KEY", key),
        ("HEIFY_GATEWAY_TENANT_KEY", "any-old-key-of-16"),
        ("HEIFY_GATEWAY__UPSTREAM__URL", url),
    ];
    let output = run(&["check", "--live"], &environment);
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(printed.starts_with("The configuration is valid."), "{printed}");
    assert!(!printed.contains(key), "{printed}");
    let finding = |line: &&str| ["ok ", "warn ", "FAIL "].iter().any(|word| line.starts_with(word));
    (output.status.code(), printed.lines().filter(finding).map(str::to_owned).collect())
}

/// An upstream that gives this answer to every request, and its address.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(&stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|n| n > 0) {}
            let field = |name| head.lines().find_map(|line| line.strip_prefix(name));
            // An unread body would turn the end of the connection into a reset.
            let length = field("content-length: ").map_or(0, |length| length.parse().unwrap());
            reader.read_exact(&mut vec![0; length]).unwrap();
            let answer = answer.replace("KEY", field("x-api-key: ").unwrap_or_default());
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

fn simulator() -> (Running, String) {
    let arguments = ["simulator", "--listen", "127.0.0.1:0", "--key", KEY];
    let simulator = Running::start(gateway(&arguments, &[]));
    let lines = simulator.read_until("# Ctrl-C");
    let url = lines.iter().find_map(|line| line.strip_prefix("url=")).unwrap().to_owned();
    (simulator, url)
}

#[test]
fn a_good_key_and_heifys_envelope_are_fine() {
    let (_simulator, url) = simulator();
    let (exit, findings) = check(&url, KEY);
    assert_eq!(exit, Some(0), "{findings:#?}");
    assert_eq!(
        findings,
        [
            &format!("ok   {url}/ answers"),
            "ok   the central key is accepted",
            "ok   a missing field is named with the published text, in Heify's envelope",
            "ok   an unknown path gets 404, in Heify's envelope",
        ]
    );
}

#[test]
fn a_rejected_key_fails() {
    let (_simulator, url) = simulator();
    let (exit, findings) = check(&url, "a-key-that-nobody-has");
    assert_eq!((exit, findings.len()), (Some(1), 2), "{findings:#?}");
    assert_eq!(findings[1], "FAIL the central key is rejected: 403 \"Invalid API key\"");
}

#[test]
fn a_dead_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (exit, findings) = check(&url, KEY);
    assert_eq!((exit, findings.len()), (Some(69), 1), "{findings:#?}");
    assert!(findings[0].starts_with(&format!("FAIL {url}/ cannot be reached: ")), "{findings:#?}");
}

#[test]
fn a_silent_upstream_is_unreachable() {
    // Never accepts: the connection waits in the queue.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let environment = [
        ("HEIFY_API_KEY", KEY),
        ("HEIFY_GATEWAY__UPSTREAM__URL", &url),
        ("HEIFY_GATEWAY__UPSTREAM__TIMEOUT", "50ms"),
    ];
    let output = run(&["check", "--live"], &environment);
    assert_eq!(output.status.code(), Some(69));
    assert!(text(&output.stdout).ends_with("does not answer in time\n"), "{output:?}");
}

#[test]
fn an_error_outside_the_envelope_is_a_warning_where_the_key_is_proven_otherwise() {
    let envelope = "HTTP/1.1 404 Not Found\r\ncontent-length: 45\r\nconnection: close\r\n\r\n\
        {\"error\":{\"message\":\"No such id\",\"code\":404}} ";
    let (exit, findings) = check(&answering(envelope), KEY);
    assert_eq!(exit, Some(0), "{findings:#?}");
    assert!(findings[1].starts_with("ok ") && findings[2].starts_with("warn "), "{findings:#?}");
}

#[test]
fn another_server_is_not_taken_for_heify() {
    let page = "HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>";
    let (exit, findings) = check(&answering(page), KEY);
    assert_eq!(exit, Some(1));
    assert!(findings[1].starts_with("FAIL this does not look like Heify"), "{findings:#?}");
    let (exit, findings) = check(&answering("220 mail.example.com ESMTP\r\n"), KEY);
    assert_eq!(exit, Some(1), "{findings:#?}");
}

#[test]
fn an_upstream_that_echoes_the_key_does_not_make_it_visible() {
    let echo = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n\
        {\"error\":{\"message\":\"KEY is unknown\",\"code\":403}}";
    // `check` itself asserts that the key is nowhere in the output.
    let (exit, findings) = check(&answering(echo), KEY);
    assert_eq!(exit, Some(1));
    assert!(findings[1].contains("the central key is rejected"), "{findings:#?}");
}
