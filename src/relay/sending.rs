//! How does a file get to storage, with a deadline for every wait?

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use tokio::time::{Instant, sleep_until};

use super::address::Address;
use super::passing::{Passing, Stage, Watch};
use crate::refusal::Refusal;
use crate::upstream::Upstream;

/// What may wait in the connection's own buffer: the client's connection has another, and hundreds of
/// slow uploads have both.
const BUFFER: usize = 8 * 1024;

/// One file that goes to storage.
pub(super) struct Sending<'s, A> {
    pub(super) upstream: &'s Upstream,
    pub(super) address: &'s Address,
    pub(super) fields: HeaderMap,
    /// In a box: hyper keeps room for many requests on each connection, of which there is one.
    pub(super) file: Box<Passing<A>>,
    pub(super) watch: &'s Arc<Watch>,
    /// Between two pieces, on either side.
    pub(super) idle: Duration,
    /// When all of it must be over.
    pub(super) end: Instant,
}

impl<A> Sending<'_, A>
where
    A: HttpBody<Data = Bytes> + Unpin + Send + 'static,
{
    /// Sends the file on a connection of its own, which is closed when this is dropped: storage then
    /// has an upload that broke off, and keeps nothing. The status and the fields of storage's answer.
    pub(super) async fn run(self) -> Result<(StatusCode, HeaderMap), Refusal> {
        let (watch, idle, end) = (self.watch, self.idle, self.end);
        let answer_timeout = self.upstream.settings().timeout;
        let origin = self.address.origin().ok_or(Refusal::StorageFailed)?;
        // It has a deadline of its own.
        let io = self.upstream.dial(origin).await.map_err(|error| {
            tracing::warn!(error = &*error, "storage cannot be reached");
            Refusal::StorageFailed
        })?;
        let handshake = http1::Builder::new().max_buf_size(BUFFER).handshake(io).await;
        let (mut sender, connection) = handshake.map_err(|_| Refusal::StorageFailed)?;
        let mut request = Request::new(self.file);
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = Uri::from(self.address.path().clone());
        *request.headers_mut() = self.fields;
        let (mut connection, mut answer) = (pin!(connection), pin!(sender.send_request(request)));
        let mut timer = pin!(sleep_until((Instant::now() + idle).min(end)));
        let mut is_open = true;
        let sent = poll_fn(|context| {
            if is_open && connection.as_mut().poll(context).is_ready() {
                is_open = false;
            }
            if let Poll::Ready(answer) = answer.as_mut().poll(context) {
                return Poll::Ready(Some(answer));
            }
            while timer.as_mut().poll(context).is_ready() {
                // Looked at only now: a timer that is moved with each piece costs more than the piece.
                let wait = if watch.stage() == Stage::Whole { answer_timeout } else { idle };
                let deadline = (watch.moved() + wait).min(end);
                if deadline <= Instant::now() {
                    return Poll::Ready(None);
                }
                timer.as_mut().reset(deadline);
            }
            Poll::Pending
        });
        judge(sent.await, watch.stage())
    }
}

/// What became of a file, by how its sending ended.
fn judge(
    sent: Option<hyper::Result<Response<Incoming>>>,
    stage: Stage,
) -> Result<(StatusCode, HeaderMap), Refusal> {
    match (sent, stage) {
        (Some(Ok(answer)), _) if !answer.status().is_success() => {
            let status = answer.status().as_u16();
            tracing::warn!(status, "storage did not take a file");
            Err(Refusal::StorageRefused { status })
        }
        (Some(Ok(answer)), Stage::Whole) => {
            let (parts, _) = answer.into_parts();
            Ok((parts.status, parts.headers))
        }
        (Some(Err(_)), Stage::Broken) => Err(Refusal::BodyUnreadable),
        (None, Stage::AtClient) => Err(Refusal::BodyTooSlow),
        // A success before the end of the file is none that could be believed.
        (Some(Ok(_) | Err(_)) | None, _) => {
            tracing::warn!(?stage, "storage did not answer, or broke off");
            Err(Refusal::StorageFailed)
        }
    }
}
