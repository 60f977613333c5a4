//! A scripted site on a real socket, and a room that may look at it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::outcome::{Counts, Outcome};
use super::super::room::Preflights;
use super::super::{Mode, Network, Resolver, Settings};

/// What a site does once it has read the head of a request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Writes these bytes and closes.
    Write(Vec<u8>),
    /// Writes these bytes, and then this over and over.
    Repeat(Vec<u8>, Vec<u8>),
    /// Writes these bytes, and then nothing.
    Hang(Vec<u8>),
}

impl Act {
    /// An answer without a body.
    pub(super) fn head(status: u16, fields: &[&str]) -> Self {
        Self::Write(answer(status, fields, b""))
    }

    /// An answer with a body and its length.
    pub(super) fn body(status: u16, fields: &[&str], body: &[u8]) -> Self {
        let length = format!("content-length: {}", body.len());
        let fields: Vec<_> = fields.iter().copied().chain([&*length]).collect();
        Self::Write(answer(status, &fields, body))
    }

    pub(super) fn redirect(to: &str) -> Self {
        Self::head(302, &[&format!("location: {to}"), "content-length: 0"])
    }
}

pub(super) fn answer(status: u16, fields: &[&str], body: &[u8]) -> Vec<u8> {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let mut answer = format!("HTTP/1.1 {status} X\r\n{fields}\r\n").into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// A running site; dropping it ends it.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Site {
    /// Answers each head of a request, in lower case, as told.
    pub(super) async fn start(act: impl Fn(&str) -> Act + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), act).await
    }

    pub(super) async fn start_at(
        address: SocketAddr,
        act: impl Fn(&str) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, act) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(act));
        let noted = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (act, noted) = (Arc::clone(&act), Arc::clone(&noted));
                tokio::spawn(async move { serve(stream, &*act, &noted).await });
            }
        });
        Self { address, asked, task }
    }

    /// A file, served in parts where they are asked for.
    pub(super) async fn file(file: Vec<u8>) -> Self {
        Self::start(move |request| part(&file, request)).await
    }

    /// All heads of requests so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of a path, by a name that the room's resolver knows.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://media.example:{}{path}", self.port())
    }

    /// A room that may look at this site.
    pub(super) fn room(&self, mode: Mode) -> Preflights {
        self.room_with(mode, |_| {})
    }

    pub(super) fn room_with(&self, mode: Mode, change: impl FnOnce(&mut Settings)) -> Preflights {
        let mut settings = Settings::new(mode);
        settings.timeout = Duration::from_secs(30);
        settings.ports = vec![self.port()];
        settings.networks = vec![Network::parse("127.0.0.1").unwrap()];
        settings.resolver = known(&[("media.example", "127.0.0.1")]);
        change(&mut settings);
        Preflights::new(settings, 2, Arc::new(Counts::default()), None)
    }

    /// How a look at a path of this site ends.
    pub(super) async fn ends(&self, mode: Mode) -> Outcome {
        self.room(mode).look(&self.url("/call"), 0).await.0
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A resolver that knows these names.
pub(super) fn known(names: &[(&str, &str)]) -> Resolver {
    let known = |(name, address): &(&str, &str)| -> (String, IpAddr) {
        ((*name).to_owned(), address.parse().unwrap())
    };
    let names: Vec<_> = names.iter().map(known).collect();
    Resolver::new(move |name| {
        let found: Vec<_> =
            names.iter().filter(|(known, _)| known == name).map(|(_, address)| *address).collect();
        if found.is_empty() { Err(io::Error::other("no such name")) } else { Ok(found) }
    })
}

/// What a server with parts answers to a request for a file.
pub(super) fn part(file: &[u8], request: &str) -> Act {
    let size = file.len();
    if request.starts_with("head") {
        return Act::head(200, &[&format!("content-length: {size}")]);
    }
    let range = request.lines().find_map(|line| line.strip_prefix("range: bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return Act::body(200, &[], file);
    };
    let first: usize = first.parse().unwrap();
    let last = last.parse::<usize>().unwrap().min(size - 1);
    Act::body(206, &[&format!("content-range: bytes {first}-{last}/{size}")], &file[first..=last])
}

async fn serve(
    mut stream: TcpStream,
    act: &(impl Fn(&str) -> Act + ?Sized),
    asked: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    asked.lock().unwrap().push(head.clone());
    match act(&head) {
        Act::Write(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::Repeat(bytes, again) => {
            let _ = stream.write_all(&bytes).await;
            while stream.write_all(&again).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
        Act::Hang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending().await
        }
    }
}
