//! What do the tests of listeners share: a small service, a server around it, a raw client?

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use heify_gateway::peer::Peer;
use heify_gateway::refusal::{Refusal, is_envelope};
use heify_gateway::server::{Drained, Listener, LocalAddr, RequestBody, Server, Settings, Tls};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Far more than any test needs: a hang fails instead of blocking the run.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) const CANNED: &str =
    "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;

/// `/hello`, `/name`, `/peer`, `/read` (the length of the body), `/ignore` (without the body),
/// `/wait` (until the gate opens), `/large` (64 MiB in pieces), `/whole` (64 MiB at once).
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) gate: Arc<Semaphore>,
    /// One permit for each `/wait` that has begun.
    pub(crate) begun: Arc<Semaphore>,
    /// Closed when the body of a `/large` answer is dropped.
    pub(crate) large: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            gate: Arc::new(Semaphore::new(0)),
            begun: Arc::new(Semaphore::new(0)),
            large: Arc::new(Semaphore::new(0)),
        }
    }

    async fn answer(self, request: Request<RequestBody>) -> Response<AnswerBody> {
        let text = match request.uri().path() {
            "/ignore" => return Refusal::MissingKey.into_response::<Full<Bytes>>().map(boxed),
            "/name" => self.name,
            "/peer" => format!("{:?}", request.extensions().get::<Peer>()),
            "/wait" => {
                self.begun.add_permits(1);
                let _open = self.gate.acquire().await;
                "waited".to_owned()
            }
            "/large" => {
                return Response::new(Large { left: 1024, dropped: self.large }.boxed_unsync());
            }
            "/whole" => "x".repeat(64 * 1024 * 1024),
            // What hyper itself would write.
            "/canned" => CANNED.to_owned(),
            "/hello" => "hello".to_owned(),
            _ => match request.into_body().collect().await {
                Ok(body) => format!("read {}", body.to_bytes().len()),
                Err(_) => {
                    return Refusal::BodyUnreadable.into_response::<Full<Bytes>>().map(boxed);
                }
            },
        };
        Response::new(boxed(Full::from(text)))
    }
}

fn boxed(body: Full<Bytes>) -> AnswerBody {
    body.boxed_unsync()
}

impl tower::Service<Request<RequestBody>> for App {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let app = self.clone();
        Box::pin(async move { Ok(app.answer(request).await) })
    }
}

struct Large {
    left: usize,
    dropped: Arc<Semaphore>,
}

impl http_body::Body for Large {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(&[b'x'; 64 * 1024])))))
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.dropped.close();
    }
}

/// A server in the runtime of the test.
pub(crate) struct Running {
    pub(crate) app: App,
    pub(crate) server: Server<App>,
    pub(crate) address: SocketAddr,
    serving: JoinHandle<io::Result<Drained>>,
}

impl Running {
    pub(crate) fn start(settings: Settings) -> Self {
        let app = App::new("app");
        Self::run(app.clone(), Server::new(app, settings))
    }

    #[cfg_attr(not(feature = "tls"), expect(dead_code))]
    pub(crate) fn start_tls(settings: Settings, tls: Tls) -> Self {
        let app = App::new("app");
        Self::run(app.clone(), Server::with_tls(app, settings, tls))
    }

    fn run(app: App, server: Server<App>) -> Self {
        let listener = local();
        let LocalAddr::Tcp(address) = listener.local_addr().unwrap() else { unreachable!() };
        let serving = server.clone();
        let serving = tokio::spawn(async move { serving.serve(listener).await });
        Self { app, server, address, serving }
    }

    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Waits until the server is drained.
    pub(crate) async fn drained(self) -> Drained {
        soon(self.serving).await.unwrap().unwrap()
    }
}

pub(crate) fn local() -> Listener {
    Listener::tcp(([127, 0, 0, 1], 0).into()).unwrap()
}

/// Fails instead of hanging.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future).await.expect("hangs")
}

/// A client that writes and reads bytes.
pub(crate) struct Client<I> {
    pub(crate) io: I,
    unread: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Asserts that this is a whole refusal of the listener that ends the connection.
    #[track_caller]
    pub(crate) fn is_last_word(&self, reason: &str) {
        assert_eq!(self.status, 400, "{self:?}");
        assert_eq!(self.field("x-gateway-reason"), Some(reason), "{self:?}");
        assert_eq!(self.field("content-type"), Some("application/json"));
        assert_eq!(self.field("connection"), Some("close"));
        assert_eq!(self.field("x-request-id").map(str::len), Some(36));
        assert!(is_envelope(&self.body), "{self:?}");
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Client<I> {
    pub(crate) fn new(io: I) -> Self {
        Self { io, unread: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.io.write_all(bytes.as_ref())).await.unwrap();
        soon(self.io.flush()).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        self.answer().await
    }

    /// Reads one answer, whose length its head says.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("an answer, not the end")
    }

    /// Reads one answer; `None`: the connection ended instead.
    pub(crate) async fn try_answer(&mut self) -> Option<Answer> {
        let mut answer = self.try_head().await?;
        let length = answer.field("content-length").map_or(0, |value| value.parse().unwrap());
        while self.unread.len() < length {
            assert!(self.read().await, "the body breaks off");
        }
        answer.body = self.unread.drain(..length).collect();
        Some(answer)
    }

    /// Reads the answer to a HEAD request.
    pub(crate) async fn head(&mut self) -> Answer {
        self.try_head().await.expect("an answer, not the end")
    }

    async fn try_head(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !self.read().await {
                assert!(self.unread.is_empty(), "{}", self.unread.escape_ascii());
                return None;
            }
        };
        let head = String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer { status, head, body: Vec::new() })
    }

    /// Asserts that the server still takes what the client has to say, after its last word.
    pub(crate) async fn is_heard(&mut self) {
        for _ in 0..2 {
            self.send("more").await;
        }
    }

    /// Asserts that the connection ends without another byte, in order or not.
    pub(crate) async fn ends(&mut self) {
        assert!(self.try_answer().await.is_none());
    }

    /// Reads more; `false` at the end, in order or not.
    async fn read(&mut self) -> bool {
        soon(self.io.read_buf(&mut self.unread)).await.is_ok_and(|bytes| bytes > 0)
    }

    /// Closes the sending side, and reads all answers up to the end.
    pub(crate) async fn rest(&mut self) -> Vec<Answer> {
        // The server may have closed already.
        let _ = self.io.shutdown().await;
        let mut answers = Vec::new();
        while let Some(answer) = self.try_answer().await {
            answers.push(answer);
        }
        answers
    }
}
