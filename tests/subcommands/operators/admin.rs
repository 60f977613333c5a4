//! What does the admin API of a running gateway answer?

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::process::{Running, gateway};
use crate::world::World;

pub(super) const OPERATOR: &str = "the-token-of-an-operator";
pub(super) const VIEWER: &str = "the-token-of-a-viewer";

/// The admin API of a running gateway.
pub(super) struct Admin {
    pub(super) address: String,
    pub(super) running: Running,
    pub(super) listen: String,
}

/// What it said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) text: String,
}

impl Said {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(super) fn message(&self) -> String {
        let body = self.json();
        let error = &body["error"];
        assert_eq!(error["code"], self.status, "{self:?}");
        assert_eq!(error.as_object().unwrap().len(), 2);
        error["message"].as_str().unwrap().to_owned()
    }
}

impl Admin {
    pub(super) fn start(world: &World, more: &str) -> Self {
        let text = std::fs::read_to_string(&world.path).unwrap();
        let tokens = format!(
            "[admin]\nlisten = \"127.0.0.1:0\"\ntoken = \"{OPERATOR}\"\n\
             [[admin.tokens]]\nname = \"eye\"\ntoken = \"{VIEWER}\"\n"
        );
        std::fs::write(
            &world.path,
            text.replace("[records]", &format!("{tokens}[records]")) + more,
        )
        .unwrap();
        let arguments = ["serve", "-c", &world.path, "--log-format", "json"];
        let running = Running::start(gateway(&arguments, &[]));
        let ready: Value = serde_json::from_str(&running.line_with("gateway ready")).unwrap();
        let of = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { address: of("admin"), listen: of("listen"), running }
    }

    pub(super) fn raw(&self, request: &str) -> Said {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A server that has said no may reset what it did not read.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Said { status, head: head.to_owned(), text: text.to_owned() }
    }

    pub(super) fn ask(&self, line: &str, fields: &str, body: &str) -> Said {
        let length = body.len();
        let host = &self.address;
        let (method, path) = line.split_once(' ').unwrap();
        self.raw(&format!(
            "{method} /admin/v1{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{fields}\
             content-length: {length}\r\n\r\n{body}"
        ))
    }

    pub(super) fn with(&self, token: &str, line: &str, body: Option<&Value>) -> Said {
        let fields = format!("authorization: Bearer {token}\r\n");
        match body {
            None => self.ask(line, &fields, ""),
            Some(body) => {
                let fields = format!("{fields}content-type: application/json\r\n");
                self.ask(line, &fields, &body.to_string())
            }
        }
    }

    /// What an operator is shown.
    pub(super) fn see(&self, path: &str) -> Value {
        let said = self.with(OPERATOR, &format!("GET {path}"), None);
        assert_eq!(said.status, 200, "{path}: {said:?}");
        said.json()
    }

    pub(super) fn change(&self, line: &str, body: &Value) -> Said {
        self.with(OPERATOR, line, Some(body))
    }

    pub(super) fn audited(&self) -> usize {
        self.see("/audit?most=1000")["lines"].as_array().unwrap().len()
    }
}
