//! A whole gateway on a real socket, in the test's own runtime.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use heify_gateway::authenticate::{KeySettings, Switch, TenantSettings};
use heify_gateway::contract::Contract;
use heify_gateway::key::KeyDigest;
use heify_gateway::log::AccessLog;
use heify_gateway::quota::TenantBudget;
use heify_gateway::rate::Rate;
use heify_gateway::rate_limit::TenantRates;
use heify_gateway::records::Records;
use heify_gateway::secret::Secret;
use heify_gateway::server::{self, Listener, LocalAddr, Server};
use heify_gateway::stack::{Rooms, Settings, Stack};
use heify_gateway::traffic::Traffic;
use heify_gateway::{authenticate, pace, quota, rate_limit, upstream, validate};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{CENTRAL, KEY};

/// The running gateway. Dropping it ends its task.
#[derive(Debug)]
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its rooms, for a reload.
    pub rooms: Rooms,
    server: Server<Stack>,
    records: Option<Records>,
    task: tokio::task::JoinHandle<()>,
}

/// One answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header fields in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The first field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// Asserts that this is the gateway's envelope, whole, with this reason.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, reason: &str) {
        assert_eq!(self.header("x-gateway-reason"), Some(reason), "{self:?}");
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.header("x-request-id").is_some(), "{self:?}");
        let body = self.json();
        let envelope = serde_json::json!({
            "error": { "message": body["error"]["message"].as_str().unwrap(), "code": status }
        });
        assert_eq!(body, envelope);
    }

    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let chunked = headers.iter().any(|(name, value)| {
            name == "transfer-encoding" && value.eq_ignore_ascii_case("chunked")
        });
        let body = if chunked { unchunk(body) } else { body.to_owned() };
        Self { status: status.unwrap_or(0), headers, body }
    }
}

fn unchunk(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size.split(';').next().unwrap(), 16).unwrap_or(0);
        if size == 0 || rest.len() < size {
            break;
        }
        body.push_str(&rest[..size]);
        text = rest[size..].trim_start_matches("\r\n");
    }
    body
}

/// One tenant with one key and roomy rates.
pub fn settings(upstream: SocketAddr) -> Settings {
    let mut upstream = upstream::Settings::new(
        format!("http://{upstream}").parse().unwrap(),
        Secret::new(CENTRAL),
    );
    upstream.connect_timeout = Duration::from_secs(2);
    let mut settings = Settings {
        authenticate: authenticate::Settings::default(),
        rate_limit: rate_limit::Settings::default(),
        validate: validate::Settings::default(),
        upstream,
        isolate: None,
        preflight: None,
        relay: None,
        quota: quota::Settings::default(),
        pace: pace::Settings::default(),
        max_in_flight: 1000,
        contact: Some("ops@example.org".into()),
    };
    add_tenant(&mut settings, "team-a", KEY);
    settings
}

/// Adds a tenant with one key and rates that no test reaches by accident.
pub fn add_tenant(settings: &mut Settings, id: &str, key: &str) {
    settings.authenticate.tenants.push(TenantSettings {
        id: id.into(),
        state: Switch::Enabled,
        keys: vec![KeySettings {
            id: format!("{id}-1").into(),
            digest: KeyDigest::of(key.as_bytes()),
            expires: None,
            state: Switch::Enabled,
        }],
        endpoints: None,
    });
    let budget = TenantBudget { id: id.into(), ..TenantBudget::default() };
    settings.quota.tenants.push(budget);
    let roomy = Rate::new(1_000_000, 1_000_000).unwrap();
    let contract = Contract::built_in().unwrap();
    settings.rate_limit.tenants.push(TenantRates {
        id: id.into(),
        total: None,
        endpoints: contract.endpoints().iter().map(|one| (Box::from(&*one.path), roomy)).collect(),
        shadow: Default::default(),
    });
}

impl Gateway {
    /// Starts on a free port.
    pub async fn start(settings: Settings) -> Self {
        Self::start_with(settings, server::Settings::default()).await
    }

    /// Starts with other bounds of the listener.
    pub async fn start_with(settings: Settings, bounds: server::Settings) -> Self {
        Self::start_on(settings, bounds, None).await
    }

    /// Starts with records.
    pub async fn start_recorded(settings: Settings, records: &Records) -> Self {
        Self::start_on(settings, server::Settings::default(), Some(records.clone())).await
    }

    /// Starts with records, and counts what passes.
    pub async fn start_counted(
        settings: Settings,
        records: &Records,
        traffic: &Arc<Traffic>,
    ) -> Self {
        let ids: Vec<_> = settings.quota.tenants.iter().map(|one| Arc::clone(&one.id)).collect();
        let contract = Arc::new(Contract::built_in().unwrap());
        let rooms = Rooms::new(settings, contract, Some(records), None);
        let rooms = rooms.counted(traffic, &ids, 1);
        Self::serve(rooms, server::Settings::default(), Some(records.clone()))
    }

    /// Starts, and writes a line about each request.
    pub async fn start_logged(settings: Settings, log: AccessLog) -> Self {
        let contract = Arc::new(Contract::built_in().unwrap());
        let rooms = Rooms::new(settings, contract, None, None).logged(Some(log));
        Self::serve(rooms, server::Settings::default(), None)
    }

    async fn start_on(
        settings: Settings,
        bounds: server::Settings,
        records: Option<Records>,
    ) -> Self {
        let contract = Arc::new(Contract::built_in().unwrap());
        Self::serve(Rooms::new(settings, contract, records.as_ref(), None), bounds, records)
    }

    /// Serves these rooms on a free port.
    pub fn serve(rooms: Rooms, bounds: server::Settings, records: Option<Records>) -> Self {
        let server = Server::new(rooms.stack(rooms.upstream().unwrap()), bounds);
        let listener = Listener::tcp(([127, 0, 0, 1], 0).into()).unwrap();
        let LocalAddr::Tcp(address) = listener.local_addr().unwrap() else { unreachable!() };
        let serving = server.clone();
        let task = tokio::spawn(async move {
            serving.serve(listener).await.unwrap();
        });
        Self { address, rooms, server, task, records }
    }

    /// Changes to other settings, as a reload does.
    pub fn reload(&mut self, settings: Settings) {
        let rooms = {
            let contract = Arc::clone(self.rooms.contract());
            Rooms::new(settings, contract, self.records.as_ref(), Some(&self.rooms))
        };
        self.server.replace(rooms.stack(rooms.upstream().unwrap()));
        self.rooms = rooms;
    }

    /// A POST with the tenant's key.
    pub async fn call(&self, path: &str, body: &str) -> Answer {
        self.post(path, &[("x-api-key", KEY)], body).await
    }

    /// A POST with these fields.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        post(self.address, path, fields, body).await
    }

    /// Writes these bytes and reads until the gateway closes.
    pub async fn raw(&self, request: &[u8]) -> Answer {
        raw(self.address, request).await
    }
}

/// A POST with these fields to whoever listens there.
pub async fn post(address: SocketAddr, path: &str, fields: &[(&str, &str)], body: &str) -> Answer {
    let fields: String =
        fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n{fields}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    raw(address, request.as_bytes()).await
}

async fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A refusal may come, and the connection end, before all is written.
    let _ = stream.write_all(request).await;
    read(&mut stream).await
}

/// Reads until the gateway closes.
pub async fn read(stream: &mut TcpStream) -> Answer {
    let mut answer = Vec::new();
    // A reset after the answer is still an answer.
    let _ = stream.read_to_end(&mut answer).await;
    Answer::parse(&answer)
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}
