//! How does a test start a simulator and talk to it?

use std::time::Duration;

use bytes::Bytes;
use heify_gateway::secret::Secret;
use heify_gateway::simulator::{Rates, Settings, Simulator, start};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

pub(crate) const KEY: &str = "simulated-key-0001";
pub(crate) const OLD_KEY: &str = "simulated-key-0000";
const TOKEN: &str = "simulator-token";

/// A running simulator and a client of it.
pub(crate) struct Heify {
    pub(crate) simulator: Simulator,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn settings(processing: Duration) -> Settings {
    let mut settings = Settings::with_key(Secret::new(KEY));
    settings.token = Some(Secret::new(TOKEN));
    settings.processing = processing;
    settings.accounts[0].rates = Rates::Off;
    settings.accounts[0].deactivated_keys.push(Secret::new(OLD_KEY));
    settings
}

impl Heify {
    pub(crate) async fn start(settings: Settings) -> Self {
        let simulator = start(settings).await.unwrap();
        // One connection per call: a pooled one may end while the clock is moved, and a client that
        // repeats a call on another connection would strike a fault twice.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { simulator, client }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Reply, Failure> {
        let uri = format!("{}{path}", self.simulator.url());
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned()))?;
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    pub(crate) async fn call(&self, path: &str, body: &Value) -> Result<Reply, Failure> {
        self.send("POST", path, &[("x-api-key", KEY)], &body.to_string()).await
    }

    /// A call that must succeed, and its answer.
    pub(crate) async fn data(&self, path: &str, body: Value) -> Value {
        let reply = self.call(path, &body).await.unwrap();
        assert!(reply.status.is_success(), "{path} {body}: {reply:?}");
        reply.json()["data"].take()
    }

    pub(crate) async fn steer(&self, method: &str, path: &str, body: &Value) -> Reply {
        let headers = [("x-simulator-token", TOKEN)];
        let path = format!("/_simulator/{path}");
        self.send(method, &path, &headers, &body.to_string()).await.unwrap()
    }

    /// Scripts a fault.
    pub(crate) async fn script(&self, script: Value) {
        let reply = self.steer("POST", "faults", &script).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    }
}
