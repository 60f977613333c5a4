//! A scripted upstream on a real socket: it answers as Heify would, or fails as told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the upstream does with one request, once it has read it whole.
#[derive(Debug, Clone)]
pub enum Act {
    /// Writes these bytes; the connection lives on.
    Write(Vec<u8>),
    /// Writes these bytes and closes.
    WriteAndClose(Vec<u8>),
    /// Closes without a byte.
    Close,
    /// Never answers.
    Hang,
    /// Answers a plain 200 once it is notified.
    Await(Arc<Notify>),
    /// Writes the head, then one byte at a time, for good.
    Drip(Vec<u8>),
    /// Writes this over and over, for good.
    Repeat(Vec<u8>),
    /// Answers 200 with the whole request, head and body, as the answer's body.
    Echo,
}

impl Act {
    /// An answer with a JSON body.
    pub fn json(status: u16, body: &str) -> Self {
        Self::Write(
            format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        )
    }
}

/// The running upstream. Dropping it ends its task.
#[derive(Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    script: Mutex<VecDeque<Act>>,
    requests: Mutex<Vec<String>>,
    connections: Mutex<usize>,
}

impl Upstream {
    /// Starts on a free port. After the script's end every answer is a plain 200.
    pub async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        shared.script.lock().unwrap().extend(script);
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// Adds to the script.
    pub fn then(&self, act: Act) {
        self.shared.script.lock().unwrap().push_back(act);
    }

    /// All requests so far, heads and bodies.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub async fn asked(&self, count: usize) {
        while self.requests().len() < count {
            tokio::task::yield_now().await;
        }
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        *shared.connections.lock().unwrap() += 1;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = serve(stream, &shared).await;
        });
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read_request(&mut stream, &mut buffer).await? else { return Ok(()) };
        shared.requests.lock().unwrap().push(request.clone());
        let act = shared.script.lock().unwrap().pop_front();
        match act.unwrap_or_else(|| Act::json(200, r#"{"data":{"message":"ok"}}"#)) {
            Act::Write(bytes) => stream.write_all(&bytes).await?,
            Act::WriteAndClose(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Act::Close => return Ok(()),
            Act::Hang => std::future::pending().await,
            Act::Await(gate) => {
                gate.notified().await;
                let Act::Write(bytes) = Act::json(200, "{}") else { unreachable!() };
                stream.write_all(&bytes).await?;
            }
            Act::Drip(head) => {
                stream.write_all(&head).await?;
                loop {
                    stream.write_all(b" ").await?;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            Act::Repeat(bytes) => loop {
                stream.write_all(&bytes).await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            },
            Act::Echo => {
                let Act::Write(bytes) = Act::json(200, &request) else { unreachable!() };
                stream.write_all(&bytes).await?;
            }
        }
    }
}

/// One request, head and body; `None` when the connection ended between two.
async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> std::io::Result<Option<String>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end + 4]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap_or(0);
            if buffer.len() >= end + 4 + length {
                let rest = buffer.split_off(end + 4 + length);
                let request = std::mem::replace(buffer, rest);
                return Ok(Some(String::from_utf8_lossy(&request).into_owned()));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
