//! Does `[audio] preflight` of the file do what it says, and tell operators how it went?

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::process::{Running, gateway};

const KEY: &str = "the-key-of-a-team";

/// A site that answers every request with the beginning of a WAV of three hours.
fn site() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).unwrap();
            let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x07\0\x01\0".to_vec();
            file.extend_from_slice(b"\x01\0\0\0\x01\0\0\0\x01\0\x08\0data");
            file.extend_from_slice(&10_800_u32.to_le_bytes());
            file.resize(44 + 10_800, 0x55);
            let length = file.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all(&file);
        }
    });
    port
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn submit(address: &str, url: &str) -> String {
    let id = "3f0c1a52-7b1e-4d6a-9c55-0a1b2c3d4e5f";
    let body = format!(r#"{{"configuration_id":"{id}","url":"{url}"}}"#);
    let head = "POST /submit HTTP/1.1\r\nhost: g\r\nconnection: close\r\n";
    let length = body.len();
    ask(address, &format!("{head}x-api-key: {KEY}\r\ncontent-length: {length}\r\n\r\n{body}"))
}

#[test]
fn a_file_that_is_too_long_is_refused_and_counted_and_its_address_is_in_no_line() {
    let port = site();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[status]\nlisten = \"127.0.0.1:0\"\n\
         [upstream]\nurl = \"http://127.0.0.1:9\"\napi_key = \"the-central-key-of-the-test\"\n\
         [audio]\npreflight = \"probe\"\npreflight_timeout = \"30s\"\npreflight_ports = [{port}]\n\
         preflight_allow_networks = [\"127.0.0.1\"]\npreflight_deny_hosts = [\"*.example\"]\n\
         [[tenants]]\nid = \"a\"\nkeys = [{{ key = \"{KEY}\" }}]\n"
    );
    std::fs::write(&file, text).unwrap();
    let arguments = ["serve", "-c", file.to_str().unwrap(), "--log-format", "json"];
    let arguments = [&arguments[..], &["--log-level", "debug"]].concat();
    let running = Running::start(gateway(&arguments, &[]));
    let ready: Value = serde_json::from_str(&running.line_with("gateway ready")).unwrap();
    let (listen, status) = (ready["listen"].as_str().unwrap(), ready["status"].as_str().unwrap());

    let refused = submit(listen, &format!("http://127.0.0.1:{port}/call.wav?token=s3cret"));
    assert!(refused.contains("x-gateway-reason: unsupported_audio"), "{refused}");
    assert!(refused.contains("7200 seconds"), "{refused}");
    // What may not be looked at goes on to the upstream, which nobody is.
    for url in
        ["http://media.example/call.wav?token=s3cret", "http://127.0.0.1/call.wav?token=s3cret"]
    {
        let forwarded = submit(listen, url);
        assert!(forwarded.contains("x-gateway-reason: upstream_unreachable"), "{forwarded}");
    }

    let metrics = ask(status, "GET /metrics HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n");
    for (outcome, count) in [("too_long", 1), ("not_fetched", 2), ("measured", 0)] {
        let line = format!("heify_gateway_preflights_total{{outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
    let (exit, lines) = running.end("TERM");
    assert_eq!(exit, Some(0), "{lines:#?}");
    let ends = lines.iter().filter(|line| line.contains("a preflight ended")).count();
    assert_eq!(ends, 3, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("s3cret")), "{lines:#?}");
}
