//! Do the lines that `demo` prints do what they say?

use std::net::TcpListener;

use heify_gateway::key::{KeyShape, shape};

use crate::process::{Running, Shell, commands, gateway, run, text};

const FREE: [&str; 5] = ["demo", "--listen", "127.0.0.1:0", "--status", "127.0.0.1:0"];
const END: &str = "# Ctrl-C";

fn demo() -> (Running, Vec<String>) {
    let demo = Running::start(gateway(&FREE, &[]));
    let lines = demo.read_until(END);
    (demo, lines)
}

/// The last answer of `curl -i`: status, reason and text.
fn last(output: &str) -> (u16, String, String) {
    let answer = &output[output.rfind("HTTP/1.1 ").unwrap()..];
    let (head, body) = answer.split_once("\n\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let reason = head.lines().find_map(|line| line.strip_prefix("x-gateway-reason: "));
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"]["code"], status, "{answer}");
    let text = body["error"]["message"].as_str().unwrap();
    (status, reason.unwrap().to_owned(), text.to_owned())
}

#[test]
fn every_printed_command_does_what_it_says() {
    let (demo, lines) = demo();
    let commands = commands(&lines);
    let [
        api,
        faults,
        token,
        configuration,
        json,
        transcription,
        shown,
        ask,
        wav,
        put,
        refusals @ ..,
    ] = &commands[..]
    else {
        panic!("{commands:#?}")
    };
    let mut shell = Shell::start();
    for assignment in [api, faults, token, json] {
        if assignment == json {
            assert_eq!(shell.paste(configuration).len(), 36);
        }
        assert_eq!(shell.paste(assignment), "");
    }
    assert_eq!(shell.paste(transcription).len(), 36);
    let shown = shell.paste(shown);
    assert!(shown.contains(r#""status":"COMPLETED""#), "{shown}");
    assert!(shell.paste(ask).starts_with("http://127.0.0.1:"));
    assert_eq!(shell.paste(wav), "");
    let put = shell.paste(put);
    assert!(put.starts_with("HTTP/1.1 200 OK"), "{put}");
    let expected = [
        (400, "missing_field", "Missing required field: configuration_id"),
        (402, "account_minutes_exhausted", "minutes"),
        (403, "wrong_key_header", "x-api-key header, not in Authorization"),
        (404, "unknown_endpoint", "does not exist"),
        (429, "rate_limited", "/create-participant: 10 requests per minute, at most 2 at once"),
        (500, "outcome_unknown", "may or may not have been done"),
    ];
    assert_eq!(refusals.len(), expected.len(), "{refusals:#?}");
    for (command, (status, reason, part)) in refusals.iter().zip(expected) {
        let place = lines.iter().position(|line| Some(line.as_str()) == command.lines().next());
        let above = &lines[place.unwrap() - 1];
        assert!(above.starts_with(&format!("# {status}: ")), "{above}");
        let output = shell.paste(command);
        let (got, why, text) = last(&output);
        assert_eq!((got, why.as_str()), (status, reason), "{output}");
        assert!(text.contains(part), "{text}");
        if status == 404 {
            assert!(output.contains("x-gateway-hint: did you mean /list-configurations?"));
        }
    }
    assert_eq!(demo.end("TERM"), (Some(0), Vec::new()));
}

#[test]
fn all_of_it_can_be_pasted_at_once_and_is_narrow() {
    let (demo, lines) = demo();
    let mut shell = Shell::start();
    let output = shell.paste(&lines.join("\n"));
    let statuses: Vec<_> = output
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 ")?.split(' ').next())
        .collect();
    assert_eq!(
        statuses,
        ["200", "400", "402", "403", "404", "201", "201", "429", "500"],
        "{output}"
    );
    for line in &lines {
        assert!(line.len() <= 100, "{} characters: {line}", line.len());
    }
    assert_eq!(demo.end("INT").0, Some(0));
}

#[test]
fn the_demo_has_a_key_of_the_gateways_own_and_a_status() {
    let (demo, lines) = demo();
    let key = lines.iter().find_map(|line| line.split_once(" key=")).unwrap().1;
    assert_eq!(shape(key.as_bytes()), KeyShape::Gateway);
    let status = lines.iter().find_map(|line| line.strip_prefix("#   status     ")).unwrap();
    let answer = run(&["healthcheck", "--url", status], &[]);
    assert_eq!(answer.status.code(), Some(0), "{answer:?}");
    assert_eq!(demo.end("TERM").0, Some(0));
}

#[test]
fn the_demo_has_a_dashboard_that_its_token_opens_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let demo = Running::start(gateway(&FREE, &[("TMPDIR", place)]));
    let lines = demo.read_until(END);
    let line = lines.iter().find_map(|line| line.strip_prefix("#   dashboard  ")).unwrap();
    let (url, token) = line.split_once("/   sign in with ").unwrap();
    let mut shell = Shell::start();
    assert!(shell.paste(&format!("curl -s {url}/")).starts_with("<!doctype html>"));
    let tenants = format!("curl -s {url}/admin/v1/tenants -H 'authorization: Bearer {token}'");
    assert!(shell.paste(&tenants).contains(r#""id":"demo""#));
    let kept = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(kept(), 1);
    assert_eq!(demo.end("TERM").0, Some(0));
    assert_eq!(kept(), 0);
}

#[test]
fn a_usual_port_that_is_in_use_is_replaced_and_an_asked_one_is_not() {
    let held = [8080, 8081].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let demo = Running::start(gateway(&["demo"], &[]));
    let lines = demo.read_until(END);
    // What another program has, it may have given up in between.
    for held in held.iter().flatten() {
        let address = held.local_addr().unwrap();
        let said = format!("# {address} is in use: a free port was taken in its place.");
        assert!(lines.contains(&said), "{lines:#?}");
        assert!(!lines.iter().any(|line| line.contains(&format!("http://{address}"))));
    }
    assert_eq!(demo.end("TERM").0, Some(0));
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    for flag in ["--listen", "--status"] {
        let free = if flag == "--listen" { "--status" } else { "--listen" };
        let output = run(&["demo", flag, &address, free, "127.0.0.1:0"], &[]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stdout), "");
        assert!(text(&output.stderr).contains(&address), "{output:?}");
    }
}
