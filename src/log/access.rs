//! What does the log say about one request?

use std::cell::RefCell;
use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::clock::timestamp;
use super::lines::{Form, Lines};
use super::words::{json_text, plain_text};
use crate::observation::Observation;
use crate::trace::TraceId;

/// The fields of an access line, in their order; `docs/log.md` says what they mean.
pub const FIELDS: [&str; 20] = [
    "timestamp",
    "level",
    "type",
    "target",
    "message",
    "request_id",
    "trace_id",
    "tenant",
    "key_id",
    "method",
    "endpoint",
    "status",
    "reason",
    "forwarded",
    "duration_ms",
    "upstream_ms",
    "bytes_in",
    "bytes_out",
    "complete",
    "client_ip",
];

/// The status of a request whose client went away before there was an answer.
const GONE: u16 = 499;
/// More than any line has; a tenant's id and a request's are bounded.
const USUAL: usize = 512;
/// The column of the endpoint, in a line for people.
const ENDPOINT: usize = 32;

/// Writes one line per request.
#[derive(Debug, Clone)]
pub struct AccessLog {
    lines: Lines,
}

/// What is known when a request has ended.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// What the rooms noted.
    pub observation: &'a Observation,
    /// The trace that it belongs to.
    pub trace: Option<TraceId>,
    /// The method, of those that are known.
    pub method: &'static str,
    /// The nearest hop.
    pub client: Option<IpAddr>,
    /// The status of the answer; `None`: the client went away before there was one.
    pub status: Option<u16>,
    /// The reason of a refusal.
    pub reason: Option<&'static str>,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Whether the answer was passed on to its end.
    pub complete: bool,
    /// From the head of the request to the end of the answer.
    pub took: Duration,
}

thread_local! {
    /// The line in the making: memory that is used again and again.
    static LINE: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(USUAL));
}

impl AccessLog {
    /// Writes into this log, in its form.
    pub fn new(lines: Lines) -> Self {
        Self { lines }
    }

    /// Writes the line of a request that has ended now.
    pub fn write(&self, access: &Access<'_>, now: SystemTime) {
        LINE.with_borrow_mut(|line| {
            line.clear();
            match self.lines.form() {
                Form::Json => json(line, access, now),
                Form::Text => text(line, access, now),
            }
            self.lines.push(line);
        });
    }
}

fn json(line: &mut Vec<u8>, access: &Access<'_>, now: SystemTime) {
    let observation = access.observation;
    line.extend_from_slice(b"{\"timestamp\":\"");
    timestamp(line, now);
    line.extend_from_slice(
        b"\",\"level\":\"INFO\",\"type\":\"access\",\"target\":\"heify_gateway::access\",\
          \"message\":\"request\",\"request_id\":",
    );
    json_text(line, std::str::from_utf8(observation.request_id.as_bytes()).unwrap_or_default());
    if let Some(trace) = access.trace {
        line.extend_from_slice(b",\"trace_id\":\"");
        line.extend_from_slice(&trace.hex());
        line.push(b'"');
    }
    if let Some(caller) = observation.caller() {
        line.extend_from_slice(b",\"tenant\":");
        json_text(line, &caller.tenant);
        line.extend_from_slice(b",\"key_id\":");
        json_text(line, &caller.key);
    }
    line.extend_from_slice(b",\"method\":\"");
    line.extend_from_slice(access.method.as_bytes());
    line.push(b'"');
    // What is no endpoint of the contract is the client's own text: it is not repeated.
    if let Some(endpoint) = observation.endpoint() {
        line.extend_from_slice(b",\"endpoint\":");
        json_text(line, endpoint);
    }
    line.extend_from_slice(b",\"status\":");
    number(line, access.status.unwrap_or(GONE));
    if let Some(reason) = access.reason {
        line.extend_from_slice(b",\"reason\":\"");
        line.extend_from_slice(reason.as_bytes());
        line.push(b'"');
    }
    line.extend_from_slice(b",\"forwarded\":");
    line.extend_from_slice(truth(observation.is_sent()));
    line.extend_from_slice(b",\"duration_ms\":");
    millis(line, access.took);
    if let Some(upstream) = observation.upstream_time() {
        line.extend_from_slice(b",\"upstream_ms\":");
        millis(line, upstream);
    }
    line.extend_from_slice(b",\"bytes_in\":");
    number(line, observation.body_bytes());
    line.extend_from_slice(b",\"bytes_out\":");
    number(line, access.bytes_out);
    line.extend_from_slice(b",\"complete\":");
    line.extend_from_slice(truth(access.complete));
    if let Some(client) = access.client {
        line.extend_from_slice(b",\"client_ip\":\"");
        address(line, client);
        line.push(b'"');
    }
    line.extend_from_slice(b"}\n");
}

/// `TIME  INFO 201 POST /submit   12.345 ms  acme  reason  id`, with a dash for what is not known.
fn text(line: &mut Vec<u8>, access: &Access<'_>, now: SystemTime) {
    let observation = access.observation;
    timestamp(line, now);
    let (status, took) = (access.status.unwrap_or(GONE), access.took.as_secs_f64() * 1e3);
    // Writing to memory cannot fail.
    let _ = write!(line, "  INFO {status} {:<4} ", access.method);
    let endpoint = line.len();
    plain_text(line, observation.endpoint().unwrap_or("-"));
    line.resize(line.len().max(endpoint + ENDPOINT), b' ');
    let _ = write!(line, " {took:9.3} ms  ");
    plain_text(line, observation.caller().map_or("-", |caller| &caller.tenant));
    let _ = write!(line, "  {}  ", access.reason.unwrap_or("-"));
    plain_text(line, observation.request_id.to_str().unwrap_or_default());
    line.push(b'\n');
}

fn truth(is: bool) -> &'static [u8] {
    if is { b"true" } else { b"false" }
}

fn number(line: &mut Vec<u8>, number: impl itoa::Integer) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Milliseconds with three decimals.
fn millis(line: &mut Vec<u8>, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    number(line, micros / 1000);
    let rest = micros % 1000;
    let digit = |number: u64| b'0' + (number % 10) as u8;
    line.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest)]);
}

fn address(line: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            number(line, a);
            for octet in [b, c, d] {
                line.push(b'.');
                number(line, octet);
            }
        }
        // Writing to memory cannot fail.
        IpAddr::V6(address) => drop(write!(line, "{address}")),
    }
}
