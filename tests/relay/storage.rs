//! A scripted storage on a real socket: it takes files, or fails as told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What an address is signed with: it must be nowhere but here.
pub const SIGNATURE: &str = "X-Amz-Signature=presigned-secret";
/// An error as S3 says it.
pub const XML: &str = "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code></Error>";

/// What it does with one file.
#[derive(Debug, Clone)]
pub enum Act {
    /// Reads the file to its end, then answers with these bytes.
    Take(String),
    /// Answers with these bytes after the head of the request, and reads on.
    Early(String),
    /// Closes after the head.
    Close,
    /// Reads nothing after the head, and never answers.
    Stall,
    /// Reads the file to its end, and never answers.
    Hang,
    /// Waits for this, then goes on as if it were to take the file.
    Wait(Arc<Notify>),
}

/// What has arrived of one file.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The head of the request.
    pub head: String,
    /// The bytes of the file.
    pub body: Vec<u8>,
    /// Whether all of it came.
    pub whole: bool,
    /// Whether the connection has ended.
    pub ended: bool,
}

#[derive(Debug)]
pub struct Storage {
    pub address: SocketAddr,
    script: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

/// An answer with a body.
pub fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// S3's answer to a file that it has taken.
pub fn taken() -> Act {
    Act::Take("HTTP/1.1 200 OK\r\netag: \"abc\"\r\ncontent-length: 0\r\n\r\n".to_owned())
}

impl Storage {
    /// Starts on a free port. After the script's end every file is taken.
    pub async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(script.into_iter().collect::<VecDeque<_>>()));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (acts, files) = (Arc::clone(&script), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let act = acts.lock().unwrap().pop_front().unwrap_or_else(taken);
                let place = {
                    let mut files: std::sync::MutexGuard<'_, Vec<Seen>> = files.lock().unwrap();
                    files.push(Seen::default());
                    files.len() - 1
                };
                let files = Arc::clone(&files);
                tokio::spawn(async move {
                    let note =
                        |change: &dyn Fn(&mut Seen)| change(&mut files.lock().unwrap()[place]);
                    let _ = serve(stream, act, &note).await;
                    note(&|seen| seen.ended = true);
                });
            }
        });
        Self { address, script, seen, task }
    }

    pub fn then(&self, act: Act) {
        self.script.lock().unwrap().push_back(act);
    }

    /// All files so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until what has arrived is as it should be.
    pub async fn until(&self, is_so: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        loop {
            let seen = self.seen();
            if is_so(&seen) {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    mut act: Act,
    note: &(impl Fn(&dyn Fn(&mut Seen)) + Sync),
) -> std::io::Result<()> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8(read[..end].to_vec()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.unwrap().parse().unwrap();
    note(&|seen| seen.head.clone_from(&head));
    if let Act::Wait(gate) = &act {
        gate.notified().await;
        act = taken();
    }
    match &act {
        Act::Early(answer) => {
            stream.write_all(answer.as_bytes()).await?;
            while stream.read_buf(&mut read).await? > 0 {
                read.clear();
            }
            return Ok(());
        }
        Act::Close => return Ok(()),
        Act::Stall => std::future::pending().await,
        Act::Take(_) | Act::Hang | Act::Wait(_) => {}
    }
    let mut body = read.split_off(end);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            note(&|seen| seen.body.clone_from(&body));
            return Ok(());
        }
    }
    note(&|seen| {
        seen.body.clone_from(&body);
        seen.whole = true;
    });
    match act {
        Act::Take(answer) => stream.write_all(answer.as_bytes()).await?,
        _ => std::future::pending().await,
    }
    // Until the other side has had enough.
    while stream.read_buf(&mut body).await? > 0 {}
    Ok(())
}
