//! What has arrived?

use std::collections::{BTreeMap, VecDeque};

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::request::Parts;
use serde_json::{Value, json};

use super::account::KEY_HEADER;
use super::answer::Rejection;
use super::endpoints;

const MOST: usize = 1000;
/// What a count is kept under when the path is none of Heify's: anyone can invent paths.
const OTHER: &str = "other";

/// The last requests, and how many there were in all.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    received: VecDeque<Received>,
    total: u64,
    counts: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
struct Received {
    number: u64,
    method: String,
    path: String,
    key: &'static str,
    headers: Vec<(String, String)>,
    body_bytes: Option<usize>,
}

impl Journal {
    /// Writes down a request whose head has arrived, and gives its number.
    pub(crate) fn write(&mut self, head: &Parts, key: Result<usize, Rejection>) -> u64 {
        self.total += 1;
        let known = endpoints::find(head.uri.path()).map(|(_, endpoint)| endpoint.path);
        *self.counts.entry(known.unwrap_or(OTHER)).or_default() += 1;
        if self.received.len() == MOST {
            self.received.pop_front();
        }
        let key = word_for(key);
        self.received.push_back(Received {
            number: self.total,
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            key,
            headers: shown(head, key),
            body_bytes: None,
        });
        self.total
    }

    /// Adds the length of a body that has arrived whole.
    pub(crate) fn add_body(&mut self, number: u64, bytes: usize) {
        let mut latest = self.received.iter_mut().rev();
        if let Some(received) = latest.find(|received| received.number == number) {
            received.body_bytes = Some(bytes);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn show(&self) -> Value {
        let row = |received: &Received| {
            json!({
                "method": received.method,
                "path": received.path,
                "key": received.key,
                "headers": received.headers,
                "body_bytes": received.body_bytes,
            })
        };
        let rows: Vec<_> = self.received.iter().map(row).collect();
        json!({ "total": self.total, "counts": self.counts, "requests": rows })
    }
}

/// Keys are secrets even here: what was sent is told by its state, never by its value.
fn word_for(key: Result<usize, Rejection>) -> &'static str {
    match key {
        Ok(_) => "valid",
        Err(Rejection::MissingKey) => "missing",
        Err(Rejection::DeactivatedKey) => "deactivated",
        Err(_) => "unknown",
    }
}

fn shown(head: &Parts, key: &'static str) -> Vec<(String, String)> {
    let value = |name: &http::HeaderName, value: &http::HeaderValue| {
        if name == KEY_HEADER {
            key.to_owned()
        } else if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(name) {
            "hidden".to_owned()
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        }
    };
    head.headers.iter().map(|(name, sent)| (name.to_string(), value(name, sent))).collect()
}
