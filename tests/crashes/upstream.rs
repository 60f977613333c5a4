//! A fake Heify that remembers every request that it has read whole.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use super::process::until;

/// One request that was read whole.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub body: Value,
}

impl Seen {
    /// The name that the test gave to this call; empty for what the gateway asks by itself.
    pub fn name(&self) -> &str {
        self.body["note"].as_str().unwrap_or_default()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Turn {
    Answer(u16, String),
    /// The connection ends without an answer.
    Lose,
}

pub type Answering = Pin<Box<dyn Future<Output = Turn> + Send>>;
type Plan = Arc<dyn Fn(Seen) -> Answering + Send + Sync>;

/// The running upstream. Dropping it ends its task.
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Upstream {
    /// Answers as the plan says.
    pub async fn start(plan: impl Fn(Seen) -> Answering + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) =
            (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicUsize>::default());
        let plan: Plan = Arc::new(plan);
        let (all, open) = (Arc::clone(&seen), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (all, open, plan) = (Arc::clone(&all), Arc::clone(&open), Arc::clone(&plan));
                open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let _ = serve(stream, &all, &*plan).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen, connections, task }
    }

    /// How often each named call was read whole.
    pub fn sent(&self) -> HashMap<String, usize> {
        let mut sent = HashMap::new();
        for seen in self.seen.lock().unwrap().iter().filter(|seen| !seen.name().is_empty()) {
            *sent.entry(seen.name().to_owned()).or_default() += 1;
        }
        sent
    }

    /// How many calls were read whole, with and without a name.
    pub fn asked(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// How often a call was read whole.
    pub fn count(&self, name: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| seen.name() == name).count()
    }

    /// Waits until a call was read whole.
    pub async fn has(&self, name: &str) {
        until("read by the upstream", async || self.count(name) > 0).await;
    }

    /// Waits until all has been read of what a gateway has sent that is gone.
    pub async fn idle(&self) {
        until("idle", async || self.connections.load(Ordering::SeqCst) == 0).await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What Heify answers when all is well.
pub fn well(seen: &Seen) -> Turn {
    let id = Uuid::now_v7();
    let (status, data) = match &*seen.path {
        "/create-configuration" => (201, format!(r#"{{"configuration_id":"{id}"}}"#)),
        "/submit" => (201, format!(r#"{{"transcription_id":"{id}"}}"#)),
        "/get-transcription" => {
            let job = seen.body["transcription_id"].as_str().unwrap().parse().unwrap();
            let millis = length(&job);
            let seconds = format!("{}.{:03}", millis / 1000, millis % 1000);
            (200, format!(r#"{{"status":"COMPLETED","duration":{seconds}}}"#))
        }
        _ => (200, r#"{"message":"ok"}"#.to_owned()),
    };
    Turn::Answer(status, format!(r#"{{"data":{data}}}"#))
}

/// An error in Heify's envelope.
pub fn error(status: u16) -> Turn {
    Turn::Answer(status, format!(r#"{{"error":{{"message":"no","code":{status}}}}}"#))
}

/// How many milliseconds of audio a job has: each its own, so that none passes for another.
pub fn length(job: &Uuid) -> i64 {
    60_000 + i64::try_from(job.as_u128() % 100_000).unwrap()
}

async fn serve(
    mut stream: TcpStream,
    all: &Mutex<Vec<Seen>>,
    plan: &(dyn Fn(Seen) -> Answering + Send + Sync),
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(seen) = read(&mut stream, &mut buffer).await? else { return Ok(()) };
        all.lock().unwrap().push(seen.clone());
        let Turn::Answer(status, body) = plan(seen).await else { return Ok(()) };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await?;
    }
}

/// One request; `None` when the connection ended before it was whole.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Seen>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
            let length = |line: &str| line.strip_prefix("content-length:")?.trim().parse().ok();
            let length: usize = head.lines().find_map(length).unwrap_or(0);
            if buffer.len() >= end + 4 + length {
                let rest = buffer.split_off(end + 4 + length);
                let request = std::mem::replace(buffer, rest);
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let body = serde_json::from_slice(&request[end + 4..]).unwrap_or_default();
                return Ok(Some(Seen { path, body }));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
