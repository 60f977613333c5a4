//! The load: so many keep-alive connections, each with one request at a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What running a load gives.
pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

/// One request, over and over.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// What the request is an example of.
    pub(crate) name: &'static str,
    /// How each answer begins but the first on a connection, which may be the last that passes.
    begins: Arc<[u8]>,
    bytes: Arc<[u8]>,
}

impl Load {
    /// Prepares the request's bytes.
    pub(crate) fn new(
        name: &'static str,
        status: u16,
        (path, key, body): (&str, &str, &str),
    ) -> Self {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: gateway\r\naccept: */*\r\nuser-agent: load\r\n\
             x-api-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let begins = format!("HTTP/1.1 {status} ").into_bytes().into();
        Self { name, begins, bytes: request.into_bytes().into() }
    }

    /// Sends so many requests over so many connections.
    pub(crate) fn run(&self, address: SocketAddr, connections: usize, requests: usize) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let left = Arc::new(AtomicUsize::new(requests));
        let outcome = runtime.block_on(async {
            let tasks: Vec<_> = (0..connections)
                .map(|_| tokio::spawn(connection(address, self.clone(), left.clone())))
                .collect();
            for task in tasks {
                task.await??;
            }
            Ok::<_, Box<dyn std::error::Error>>(())
        });
        outcome.map_err(|error| format!("{} at {address}: {error}", self.name).into())
    }
}

async fn connection(
    address: SocketAddr,
    load: Load,
    left: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    let take = |left: usize| left.checked_sub(1);
    let mut first = true;
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        stream.write_all(&load.bytes).await?;
        buffer.clear();
        while !complete(&buffer) {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        if !std::mem::take(&mut first) && !buffer.starts_with(&load.begins) {
            let answer = String::from_utf8_lossy(&buffer).into_owned();
            return Err(std::io::Error::other(answer));
        }
    }
    Ok(())
}

/// Whether the buffer holds one whole answer with a `Content-Length`.
fn complete(buffer: &[u8]) -> bool {
    let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    buffer.len() >= end + 4 + length.unwrap_or(0)
}

/// Opens connections that have done one request and then stay idle.
pub(crate) fn open(address: SocketAddr, connections: usize) -> std::io::Result<Vec<TcpStream>> {
    let request = b"GET /nothing HTTP/1.1\r\nhost: gateway\r\n\r\n";
    (0..connections)
        .map(|_| {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(request)?;
            let mut buffer = [0; 4096];
            let mut length = 0;
            while !complete(&buffer[..length]) {
                length += stream.read(&mut buffer[length..])?;
            }
            Ok(stream)
        })
        .collect()
}
