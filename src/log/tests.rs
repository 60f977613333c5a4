//! Does a log lose nothing silently, tear no line, and hold nobody up?

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::observation::{Caller, Observation};
use crate::trace::TraceId;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn line(number: usize) -> String {
    format!("{{\"number\":{number},\"more\":\"{}\"}}\n", "x".repeat(400))
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_nobody_takes_away_is_counted_and_told_once_somebody_does() {
    let (mut reader, writer) = io::pipe().unwrap();
    let lines = Lines::start(writer, Form::Json).unwrap();
    // Buffer and pipe take less than this; if anything waited for the reader, this would never end.
    for number in 0..8_000 {
        lines.push(line(number).as_bytes());
    }
    let lost = lines.lost();
    assert!((2_500..8_000).contains(&lost), "{lost}");
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    assert!(lines.flush(PATIENCE));
    lines.push(line(8_000).as_bytes());
    assert!(lines.flush(PATIENCE));
    drop(lines);
    let written = objects(&reading.join().unwrap());
    let numbers: Vec<u64> = written.iter().filter_map(|line| line["number"].as_u64()).collect();
    assert!(numbers.is_sorted(), "out of order");
    assert_eq!(numbers.last(), Some(&8_000));
    let told: u64 = written.iter().filter_map(|line| line["lost"].as_u64()).sum();
    assert_eq!((numbers.len() as u64 + lost, told), (8_001, lost));
}

#[test]
fn a_reader_that_has_gone_ends_nothing() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let lines = Lines::start(writer, Form::Json).unwrap();
    for number in 0..10 {
        lines.push(line(number).as_bytes());
        assert!(lines.flush(PATIENCE));
    }
    assert_eq!(lines.lost(), 10);
}

#[test]
fn whoever_ends_waits_no_longer_than_it_has_patience() {
    let (reader, writer) = io::pipe().unwrap();
    let lines = Lines::start(writer, Form::Json).unwrap();
    lines.push(line(0).repeat(400).as_bytes());
    assert!(!lines.flush(Duration::from_millis(1)));
    drop(reader);
}

#[test]
fn lines_of_many_threads_are_all_there_and_whole() {
    let (mut reader, writer) = io::pipe().unwrap();
    let lines = Lines::start(writer, Form::Json).unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let lines = &lines;
            scope.spawn(move || {
                for number in 0..500 {
                    lines.push(line(thread * 500 + number).as_bytes());
                }
            });
        }
    });
    assert!(lines.flush(PATIENCE));
    let lost = lines.lost();
    drop(lines);
    let written = objects(&reading.join().unwrap());
    let numbers: BTreeSet<u64> =
        written.iter().filter_map(|line| line["number"].as_u64()).collect();
    assert_eq!((numbers, lost), ((0..2_000).collect(), 0));
}

/// Takes five bytes, fails twice, and takes everything from then on.
#[derive(Clone, Default)]
struct Flaky(Arc<Mutex<(usize, Vec<u8>)>>);

impl Write for Flaky {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inside = self.0.lock().unwrap();
        inside.0 += 1;
        let taken = match inside.0 {
            1 => 5,
            2 | 3 => return Err(io::ErrorKind::StorageFull.into()),
            4 => return Err(io::ErrorKind::Interrupted.into()),
            _ => bytes.len(),
        };
        inside.1.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn half_a_line_does_not_spoil_the_next_one() {
    let flaky = Flaky::default();
    let lines = Lines::start(flaky.clone(), Form::Text).unwrap();
    for text in ["the first line\n", "the second line\n", "the third line\n"] {
        lines.push(text.as_bytes());
        assert!(lines.flush(PATIENCE));
    }
    let text = String::from_utf8(flaky.0.lock().unwrap().1.clone()).unwrap();
    let written: Vec<_> = text.lines().collect();
    assert_eq!(written[..2], ["the f", "the third line"], "{text}");
    assert!(written[2].ends_with(" WARN heify_gateway::log: lines of this log were lost lost=2"));
    assert_eq!((written.len(), lines.lost()), (3, 2));
}

/// The one line of a request, as it is written.
fn access_line(form: Form, access: &Access<'_>) -> String {
    let (mut reader, writer) = io::pipe().unwrap();
    let log = AccessLog::new(Lines::start(writer, form).unwrap());
    log.write(access, SystemTime::UNIX_EPOCH);
    drop(log);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

fn access(observation: &Observation) -> Access<'_> {
    Access {
        observation,
        trace: TraceId::new([0xab; 16]),
        method: "POST",
        client: Some("192.0.2.10".parse().unwrap()),
        status: Some(429),
        reason: Some("rate_limited"),
        bytes_out: 97,
        complete: true,
        took: Duration::from_micros(1_234_567),
    }
}

#[test]
fn a_line_has_all_fields_in_their_order() {
    let started = Instant::now();
    let observation = Observation::new(HeaderValue::from_static("order-17"), started);
    observation.set_endpoint(0, &"/work".into());
    observation.set_caller(Caller { index: 0, tenant: "acme".into(), key: "acme-1".into() });
    observation.set_body_bytes(118);
    observation.set_sent(false, started + Duration::from_micros(500));
    observation.set_answered(started + Duration::from_micros(2_506));
    let text = access_line(Form::Json, &access(&observation));
    let wanted = "{\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"level\":\"INFO\",\"type\":\"access\",\
        \"target\":\"heify_gateway::access\",\"message\":\"request\",\"request_id\":\"order-17\",\
        \"trace_id\":\"abababababababababababababababab\",\"tenant\":\"acme\",\"key_id\":\"acme-1\",\
        \"method\":\"POST\",\"endpoint\":\"/work\",\"status\":429,\"reason\":\"rate_limited\",\
        \"forwarded\":true,\"duration_ms\":1234.567,\"upstream_ms\":2.006,\"bytes_in\":118,\
        \"bytes_out\":97,\"complete\":true,\"client_ip\":\"192.0.2.10\"}\n";
    assert_eq!(text, wanted);
    let places: Vec<_> = FIELDS.iter().map(|field| text.find(&format!("\"{field}\":"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert_eq!(objects(&text)[0].as_object().unwrap().len(), FIELDS.len());
    let text = access_line(Form::Text, &access(&observation));
    let wanted = "1970-01-01T00:00:00.000Z  INFO 429 POST /work                             \
        1234.567 ms  acme  rate_limited  order-17\n";
    assert_eq!(text, wanted);
}

#[test]
fn what_is_not_known_is_left_out() {
    let observation = Observation::new(HeaderValue::from_static("r"), Instant::now());
    let client = Some("2001:db8::1".parse().unwrap());
    let unknown =
        Access { trace: None, client, status: None, reason: None, ..access(&observation) };
    let line = objects(&access_line(Form::Json, &unknown)).remove(0);
    assert_eq!((&line["status"], &line["client_ip"]), (&json!(499), &json!("2001:db8::1")));
    for absent in ["trace_id", "tenant", "key_id", "endpoint", "reason", "upstream_ms"] {
        assert!(line.get(absent).is_none(), "{line}");
    }
}

proptest! {
    // Each case starts a thread.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_leaves_its_field(
        id in "[ -~]{0,40}", tenant in any::<String>(), key in any::<String>(),
        endpoint in "(\\PC|[\u{0}-\u{9f}]){0,20}",
    ) {
        let observation = Observation::new(HeaderValue::from_str(&id).unwrap(), Instant::now());
        observation.set_endpoint(0, &endpoint.as_str().into());
        let (tenant, key) = (tenant.as_str().into(), key.as_str().into());
        observation.set_caller(Caller { index: 0, tenant, key });
        let text = access_line(Form::Json, &access(&observation));
        prop_assert_eq!(text.lines().count(), 1);
        let line = objects(&text).remove(0);
        let caller = observation.caller().unwrap();
        prop_assert_eq!(line["request_id"].as_str(), Some(id.as_str()));
        prop_assert_eq!(line["tenant"].as_str(), Some(&*caller.tenant));
        prop_assert_eq!(line["key_id"].as_str(), Some(&*caller.key));
        prop_assert_eq!(line["endpoint"].as_str(), Some(endpoint.as_str()));
        let text = access_line(Form::Text, &access(&observation));
        prop_assert!(!text.trim_end_matches('\n').contains(char::is_control), "{:?}", text);
    }
}
