//! How does one request get its answer?
//!
//! Between hyper and the service: the request gets its [`Peer`] and [`RequestBody`], the service
//! is awaited, and what it left unread decides whether the connection can live on.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, HeaderValue};
use http::{Method, Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::Service;

use super::activity::{Activity, Turn};
use super::current::{Current, Held};
use super::discard::{Discard, Discarded};
use super::guard::Protocol;
use super::request_body::{Left, RequestBody, Rest};
use crate::body::BoxError;
use crate::peer::Peer;

/// The service of one connection, as hyper wants it.
#[derive(Debug)]
pub(super) struct Answering<S> {
    current: Arc<Current<S>>,
    /// hyper calls through a shared reference, one call after the other; no borrow outlives one.
    held: RefCell<Held<S>>,
    activity: Arc<Activity>,
    peer: Peer,
}

impl<S: Clone> Answering<S> {
    pub(super) fn new(current: Arc<Current<S>>, activity: Arc<Activity>, peer: Peer) -> Self {
        let held = RefCell::new(current.hold());
        Self { current, held, activity, peer }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Answering<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<AnswerBody<B>>;
    type Error = Infallible;
    type Future = AnswerFuture<S, B>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let turn = Turn::begin(&self.activity);
        let (mut parts, incoming) = request.into_parts();
        // hyper says nothing there that a room asks for.
        parts.extensions = self.activity.take_spare();
        parts.extensions.insert(self.peer);
        let protocol =
            if parts.version < Version::HTTP_2 { Protocol::Http1 } else { Protocol::Http2 };
        // HTTP/1 leaves the body of an answer to HEAD out by itself.
        let head_only = protocol == Protocol::Http2 && parts.method == Method::HEAD;
        let (body, rest) = RequestBody::new(incoming, parts.headers.contains_key(EXPECT));
        let request = Request::from_parts(parts, body);
        let mut held = self.held.borrow_mut();
        self.current.refresh(&mut held);
        // Mostly the service is ready at once, and no clone is needed. If not, this look wakes
        // nobody, and a clone of its own waits for the request.
        let stage = match held.service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Stage::Working { future: held.service.call(request) },
            Poll::Ready(Err(never)) => match never {},
            Poll::Pending => {
                Stage::Waiting { waiting: Some(Box::new((held.service.clone(), request))) }
            }
        };
        AnswerFuture { stage, turn: Some(turn), rest, protocol, head_only }
    }
}

pin_project! {
    /// The way of one request to its answer.
    pub(super) struct AnswerFuture<S, B>
    where
        S: Service<Request<RequestBody>>,
    {
        #[pin]
        stage: Stage<S, S::Future, B>,
        turn: Option<Turn>,
        rest: Option<Arc<Rest>>,
        protocol: Protocol,
        head_only: bool,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, F, B> {
        // Boxed where it is rare: hyper moves the whole future once per request.
        /// For the service to take the request.
        Waiting { waiting: Option<Box<(S, Request<RequestBody>)>> },
        /// For the service to answer.
        Working { #[pin] future: F },
        /// For the rest of the body, before the answer goes out.
        Discarding { discarding: Option<Box<(Discard, Response<B>)>> },
    }
}

impl<S, B> Future for AnswerFuture<S, B>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
{
    type Output = Result<Response<AnswerBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.stage.as_mut().project() {
                StageProjection::Waiting { waiting } => {
                    let Some((service, _)) = waiting.as_deref_mut() else {
                        return Poll::Pending; // polled after it was ready
                    };
                    let Ok(()) = ready!(service.poll_ready(context));
                    if let Some(waited) = waiting.take() {
                        let (mut service, request) = *waited;
                        let future = service.call(request);
                        this.stage.set(Stage::Working { future });
                    }
                }
                StageProjection::Working { future } => {
                    let Ok(response) = ready!(future.poll(context));
                    // The body that the service has dropped; the future may hold more of it.
                    this.stage.set(Stage::Discarding { discarding: None });
                    match this.rest.take().map(|rest| rest.take()) {
                        None | Some(Left::Nothing | Left::Held) => {
                            return finish(this.turn, response, *this.head_only);
                        }
                        Some(Left::Broken | Left::Unasked) => {
                            let response = unread(this.turn, response, *this.protocol);
                            return finish(this.turn, response, *this.head_only);
                        }
                        Some(Left::Unread(incoming)) => {
                            let discarding = Some(Box::new((Discard::new(incoming), response)));
                            this.stage.set(Stage::Discarding { discarding });
                        }
                    }
                }
                StageProjection::Discarding { discarding } => {
                    let Some((discard, _)) = discarding.as_deref_mut() else {
                        return Poll::Pending;
                    };
                    let discarded = ready!(discard.poll(context));
                    let Some(done) = discarding.take() else { return Poll::Pending };
                    let (discard, mut response) = *done;
                    drop(discard);
                    if discarded == Discarded::Unfinished {
                        response = unread(this.turn, response, *this.protocol);
                    }
                    return finish(this.turn, response, *this.head_only);
                }
            }
        }
    }
}

/// Closes the connection after an answer that leaves body bytes unread. On HTTP/2 only the stream
/// ends.
fn unread<B>(turn: &Option<Turn>, mut response: Response<B>, protocol: Protocol) -> Response<B> {
    if let (Some(turn), Protocol::Http1) = (turn, protocol) {
        turn.activity().left_unread();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Hands the answer to hyper, with the turn, which lasts until its body is written.
fn finish<B>(
    turn: &mut Option<Turn>,
    mut response: Response<B>,
    head_only: bool,
) -> Poll<Result<Response<AnswerBody<B>>, Infallible>> {
    if let Some(turn) = turn {
        turn.activity().answering();
        turn.activity().give_spare(std::mem::take(response.extensions_mut()));
    }
    let turn = turn.take();
    Poll::Ready(Ok(response.map(|body| AnswerBody { body, turn, head_only, broken: None })))
}

pin_project! {
    /// The body of an answer: the service's own, watched.
    #[derive(Debug)]
    pub(super) struct AnswerBody<B> {
        #[pin]
        body: B,
        turn: Option<Turn>,
        // The answer to HEAD on HTTP/2: hyper would send the body, and clients take that for a
        // protocol error (RFC 9110, section 9.3.2).
        head_only: bool,
        // Why the body broke off, until what came before it is written.
        broken: Option<BoxError>,
    }
}

impl<B> Body for AnswerBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if *this.head_only {
            return Poll::Ready(None);
        }
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(turn) = this.turn {
            turn.asked();
        }
        let frame = ready!(this.body.poll_frame(context));
        match frame {
            // At an error hyper drops what it has not written yet, the head as well; when there is
            // nothing for a moment, it writes. A client that gets no byte takes the connection for one
            // that was old, and sends the call again.
            Some(Err(error)) => {
                *this.broken = Some(error.into());
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Ok(frame)) => {
                if let Some(turn) = this.turn {
                    turn.gave();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.head_only || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
