//! A steady load of calls, and what became of each of them.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::world::{Answer, KEY, request};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// How a client gets its connections.
pub(crate) type Connect = Arc<dyn Fn() -> io::Result<Box<dyn Stream>> + Send + Sync>;
/// What a client makes of an answer: a word that is counted, or what is wrong with it.
pub(crate) type Judge = Arc<dyn Fn(&Answer) -> Result<String, String> + Send + Sync>;

/// Whether a client keeps its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Alive,
    /// Each call connects anew.
    None,
}

/// What became of all calls.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The words of the answers.
    pub(crate) answers: BTreeMap<String, usize>,
    pub(crate) failures: Vec<String>,
    /// Calls on a kept connection that was closed before a byte of the answer, which were made once
    /// more on a new one: as HTTP lets clients do (RFC 9112, section 9.3.1).
    pub(crate) again: usize,
}

pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    report: Arc<Mutex<Report>>,
    ticks: Receiver<()>,
    clients: Vec<JoinHandle<()>>,
}

/// Connections over plain TCP.
pub(crate) fn plain(address: &str) -> Connect {
    let address = address.to_owned();
    Arc::new(move || Ok(Box::new(TcpStream::connect(&address)?) as Box<dyn Stream>))
}

/// Every answer has to be a success.
pub(crate) fn succeeds() -> Judge {
    Arc::new(|answer| match answer.status {
        200 => Ok("200".to_owned()),
        status => Err(format!("{status} {}", answer.body)),
    })
}

impl Load {
    /// Starts clients that call this path without a pause: half of them keep their connections.
    pub(crate) fn start(clients: usize, path: &str, connect: &Connect, judge: &Judge) -> Self {
        let (stop, report) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (tell, ticks) = channel();
        let client = |number: usize| {
            let keep = if number.is_multiple_of(2) { Keep::Alive } else { Keep::None };
            let client = Client {
                path: path.to_owned(),
                keep,
                connect: Arc::clone(connect),
                judge: Arc::clone(judge),
                stop: Arc::clone(&stop),
                report: Arc::clone(&report),
                tell: tell.clone(),
            };
            thread::spawn(move || client.run())
        };
        let clients = (0..clients).map(client).collect();
        Self { stop, report, ticks, clients }
    }

    /// Waits until so many more calls have come to their end.
    pub(crate) fn progress(&self, calls: usize) {
        while self.ticks.try_recv().is_ok() {}
        for _ in 0..calls {
            self.ticks.recv_timeout(PATIENCE).unwrap();
        }
    }

    /// Ends it; whoever failed is named.
    pub(crate) fn end(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().for_each(|client| client.join().unwrap());
        std::mem::take(&mut *self.report.lock().unwrap())
    }
}

struct Client {
    path: String,
    keep: Keep,
    connect: Connect,
    judge: Judge,
    stop: Arc<AtomicBool>,
    report: Arc<Mutex<Report>>,
    tell: Sender<()>,
}

impl Client {
    fn run(self) {
        let mut kept = None;
        while !self.stop.load(Ordering::Relaxed) {
            let said = self.call(&mut kept);
            let mut report = self.report.lock().unwrap();
            match said.and_then(|answer| (self.judge)(&answer)) {
                Ok(word) => *report.answers.entry(word).or_default() += 1,
                Err(failure) => report.failures.push(failure),
            }
            drop(report);
            let _ = self.tell.send(());
        }
    }

    fn call(&self, kept: &mut Option<Box<dyn Stream>>) -> Result<Answer, String> {
        let connection = if self.keep == Keep::Alive { "keep-alive" } else { "close" };
        let line = format!("POST {}", self.path);
        let sent = request(&line, &format!("x-api-key: {KEY}"), "{}", connection);
        if let Some(mut stream) = kept.take() {
            match exchange(&mut stream, &sent) {
                Ok(answer) => {
                    self.put_back(kept, stream, &answer);
                    return Ok(answer);
                }
                Err(Broken::BeforeAnswer(_)) => self.report.lock().unwrap().again += 1,
                Err(Broken::Within(error)) => return Err(error),
            }
        }
        let mut stream = (self.connect)().map_err(|error| format!("connect: {error}"))?;
        match exchange(&mut stream, &sent) {
            Ok(answer) => {
                self.put_back(kept, stream, &answer);
                Ok(answer)
            }
            Err(Broken::BeforeAnswer(error) | Broken::Within(error)) => Err(error),
        }
    }

    fn put_back(
        &self,
        kept: &mut Option<Box<dyn Stream>>,
        stream: Box<dyn Stream>,
        answer: &Answer,
    ) {
        if self.keep == Keep::Alive && answer.field("connection") != Some("close") {
            *kept = Some(stream);
        }
    }
}

enum Broken {
    BeforeAnswer(String),
    Within(String),
}

/// Sends a request, and reads an answer whose length is told.
fn exchange(stream: &mut dyn Stream, request: &str) -> Result<Answer, Broken> {
    let broken = |read: &[u8], why: &str| match read {
        [] => Broken::BeforeAnswer(why.to_owned()),
        _ => Broken::Within(format!("{why} after {:?}", String::from_utf8_lossy(read))),
    };
    let sent = stream.write_all(request.as_bytes()).and_then(|()| stream.flush());
    sent.map_err(|error| Broken::BeforeAnswer(error.to_string()))?;
    let (mut read, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some(answer) = Answer::parse(&text)
            && let Some(length) = answer.field("content-length")
            && answer.body.len() >= length.parse().unwrap()
        {
            return Ok(answer);
        }
        match stream.read(&mut piece) {
            Ok(0) => return Err(broken(&read, "the connection ended")),
            Ok(bytes) => read.extend_from_slice(&piece[..bytes]),
            Err(error) => return Err(broken(&read, &error.to_string())),
        }
    }
}
