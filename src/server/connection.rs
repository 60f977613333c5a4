//! How does one connection run, from its first byte to its end?
//!
//! hyper does HTTP; this drives it beside the connection's clock and the signal to drain, and
//! takes the socket back at the end.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;
use tower::Service;

use super::Server;
use super::activity::Activity;
use super::answer::Answering;
use super::deadline::{Deadline, Overdue};
use super::farewell::{Linger, part};
use super::guard::{Guard, Protocol};
use super::request_body::RequestBody;
use crate::body::BoxError;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::timer::Timer;

/// How long an idle HTTP/2 client has to acknowledge that the connection is closed.
const GOODBYE: Duration = Duration::from_secs(5);

/// How a connection came to its end.
#[derive(Debug)]
enum End {
    /// hyper is done, perhaps with an error.
    Done(Option<hyper::Error>),
    /// A deadline has passed.
    Overdue(Overdue),
}

/// What a connection listens to beside its bytes.
struct Signals<'a, D> {
    activity: &'a Arc<Activity>,
    deadline: Deadline<'a>,
    timer: Pin<&'a mut Timer>,
    drained: Pin<&'a mut D>,
    /// The listener drains.
    noticed: bool,
    /// The connection was told.
    draining: bool,
    drain: Receiver<Option<Duration>>,
    /// Who is woken by the drain.
    waiter: Option<Waker>,
}

impl<D: Future> Signals<'_, D> {
    /// Tells, once, that the listener drains; not before the first byte has come: for that there is a
    /// deadline, and until then whoever has just connected is not closed upon.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> bool {
        self.notice_drain(context);
        if self.draining || !self.noticed || !self.activity.heard() {
            return false;
        }
        self.draining = true;
        true
    }

    fn notice_drain(&mut self, context: &mut Context<'_>) {
        if self.noticed {
            return;
        }
        // One load instead of a lock each time that something happens on the connection.
        let waits = self.waiter.as_ref().is_some_and(|waiter| waiter.will_wake(context.waker()));
        if waits && !self.drain.has_changed().unwrap_or(true) {
            return;
        }
        self.noticed = self.drained.as_mut().poll(context).is_ready();
        self.waiter = Some(context.waker().clone());
        if self.noticed {
            self.deadline.drains();
        }
    }

    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<Overdue> {
        self.deadline.poll(self.timer.as_mut(), context)
    }
}

impl<S, B> Server<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// Serves one connection to its end, in any tokio runtime with timers: HTTP/1.0, HTTP/1.1 or,
    /// where the client begins with its preface, HTTP/2.
    ///
    /// Malformed heads on HTTP/1 get the envelope. When the service answers without having read
    /// the body, up to 64 KiB of it that keep coming are discarded; otherwise the answer closes
    /// the connection or, on HTTP/2, the stream. An answer's extensions end here: hyper hears nothing of
    /// them. The future ends after the listener's shutdown, when the request in progress is answered.
    pub async fn serve_connection<I>(&self, io: I, peer: Peer)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.talk(io, peer, None).await;
    }

    /// Serves a connection whose protocol is, or is not, already known.
    pub(super) async fn talk<I>(&self, io: I, peer: Peer, known: Option<Protocol>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::default());
        let deadline = Deadline::start(&self.inner.settings, &activity);
        let timer = pin!(Timer::at(deadline.first()));
        let mut drain = self.inner.drain.subscribe();
        let unseen = drain.clone();
        let drained = pin!(drain.wait_for(Option::is_some));
        let mut signals = Signals {
            activity: &activity,
            deadline,
            timer,
            drained,
            noticed: false,
            draining: false,
            drain: unseen,
            waiter: None,
        };
        let protocol = known.unwrap_or(Protocol::Http1);
        let mut guard = Guard::new(io, Arc::clone(&activity), protocol);
        let protocol = match known {
            Some(protocol) => protocol,
            None => match detect(&mut guard, &mut signals).await {
                Ok(protocol) => protocol,
                Err(Some(word)) => {
                    self.inner.connections.refused(&word);
                    return part(guard.into_inner(), Some(word), Linger::Yes).await;
                }
                Err(None) => return,
            },
        };
        signals.deadline.speaks(protocol);
        let service = Answering::new(Arc::clone(&self.inner.current), Arc::clone(&activity), peer);
        let io = TokioIo::new(guard);
        match protocol {
            Protocol::Http1 => self.http1(io, service, signals).await,
            // Rare and large: in a box, so that HTTP/1 connections stay small.
            Protocol::Http2 => Box::pin(self.http2(io, service, signals)).await,
        }
    }

    async fn http1<I, D>(
        &self,
        io: TokioIo<Guard<I>>,
        service: Answering<S>,
        mut signals: Signals<'_, D>,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        D: Future,
    {
        let mut connection = match signals.noticed {
            false => self.inner.http1.serve_connection(io, service),
            // Whoever came late is answered, and told that this was all.
            true => self.inner.http1.clone().keep_alive(false).serve_connection(io, service),
        };
        let end = poll_fn(|context| {
            loop {
                match Pin::new(&mut connection).poll(context) {
                    // After a request with `Upgrade`, hyper ends before its buffer is written.
                    Poll::Ready(Ok(())) if !signals.activity.finished() => continue,
                    Poll::Ready(result) => return Poll::Ready(End::Done(result.err())),
                    Poll::Pending => {}
                }
                if signals.poll_drain(context) {
                    Pin::new(&mut connection).graceful_shutdown();
                    continue;
                }
                return signals.poll_overdue(context).map(End::Overdue);
            }
        })
        .await;
        let parts = connection.into_parts();
        let Some((word, linger)) = last_word(&end, signals.activity, &parts.read_buf) else {
            tracing::debug!(?end, "connection dropped");
            return;
        };
        let io = parts.io.into_inner().into_inner();
        drop((parts.service, parts.read_buf));
        if let Some(word) = &word {
            self.inner.connections.refused(word);
            tracing::debug!(?end, reason = word.reason(), "connection refused");
        }
        part(io, word, linger).await;
    }

    async fn http2<I, D>(
        &self,
        io: TokioIo<Guard<I>>,
        service: Answering<S>,
        mut signals: Signals<'_, D>,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        D: Future,
    {
        let mut connection = pin!(self.inner.http2.serve_connection(io, service));
        let mut goodbye = false;
        poll_fn(|context| {
            loop {
                if connection.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                if signals.poll_drain(context) {
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
                // A call that crosses the goodbye on its way is answered.
                if goodbye && !signals.activity.busy() {
                    return signals.timer.as_mut().poll(context);
                }
                match signals.poll_overdue(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Overdue::Idle) => {
                        goodbye = true;
                        connection.as_mut().graceful_shutdown();
                        signals.timer.as_mut().reset(Instant::now() + GOODBYE);
                    }
                    Poll::Ready(_) => return Poll::Ready(()),
                }
            }
        })
        .await;
    }
}

/// Finds out the protocol. An error ends the connection, perhaps with a last word.
async fn detect<I, D>(
    guard: &mut Guard<I>,
    signals: &mut Signals<'_, D>,
) -> Result<Protocol, Option<Refusal>>
where
    I: AsyncRead + AsyncWrite + Unpin,
    D: Future,
{
    poll_fn(|context| {
        if let Poll::Ready(detected) = guard.poll_detect(context) {
            return Poll::Ready(match detected {
                Ok(_) if !signals.activity.heard() => Err(None),
                detected => detected.map_err(|_: io::Error| None),
            });
        }
        signals.notice_drain(context);
        signals
            .poll_overdue(context)
            .map(|overdue| Err((overdue == Overdue::Head).then_some(Refusal::HeadTooSlow)))
    })
    .await
}

/// Decides what an HTTP/1 client still hears. `None`: nothing, and the connection is dropped.
fn last_word(end: &End, activity: &Activity, unparsed: &[u8]) -> Option<(Option<Refusal>, Linger)> {
    // Empty lines before a request mean nothing (RFC 9112, section 2.2).
    let in_head = unparsed.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
    let linger = match (activity.ended(), activity.unread() || in_head) {
        (false, true) => Linger::Yes,
        _ => Linger::No,
    };
    match end {
        End::Done(None) => Some((None, linger)),
        // In the middle of an answer nothing can be said that would be understood.
        End::Done(Some(_)) if !activity.writes_unasked() => None,
        End::Done(Some(error)) if error.is_parse_too_large() => {
            Some((Some(Refusal::HeadTooLarge), Linger::Yes))
        }
        End::Done(Some(error)) if error.is_parse() || error.is_incomplete_message() => {
            Some((Some(Refusal::MalformedHttp), Linger::Yes))
        }
        End::Done(Some(_)) => None,
        // A head that began together with the request before it counts as idle to the clock; and
        // an empty line after a body, as old clients send it, begins no head.
        End::Overdue(Overdue::Head | Overdue::Idle) if in_head => {
            Some((Some(Refusal::HeadTooSlow), Linger::Yes))
        }
        End::Overdue(Overdue::Head | Overdue::Idle | Overdue::FirstByte) => {
            Some((None, Linger::No))
        }
        End::Overdue(Overdue::Write) => None,
    }
}
