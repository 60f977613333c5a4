//! The tower part of isolation.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, EXPIRES, HeaderMap,
    HeaderName, HeaderValue, PRAGMA, SERVER, STRICT_TRANSPORT_SECURITY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use uuid::Uuid;

use super::isolation::{Case, Isolation, Way};
use super::list::Unreadable;
use crate::body::BoxError;
use crate::budget::Hold;
use crate::document::table_bytes;
use crate::observation::X_REQUEST_ID;
use crate::refusal::Refusal;

/// Makes [`Isolate`].
#[derive(Debug, Clone)]
pub struct IsolateLayer {
    isolation: Option<Arc<Isolation>>,
}

impl IsolateLayer {
    /// Isolates the tenants of one account; `None` passes everything, for one tenant or for several
    /// that share all objects on purpose.
    pub fn new(isolation: Option<Arc<Isolation>>) -> Self {
        Self { isolation }
    }
}

impl<S> Layer<S> for IsolateLayer {
    type Service = Isolate<S>;

    fn layer(&self, inner: S) -> Isolate<S> {
        Isolate { inner, isolation: self.isolation.clone() }
    }
}

/// Passes on what concerns the tenant's own objects only.
#[derive(Debug, Clone)]
pub struct Isolate<S> {
    inner: S,
    isolation: Option<Arc<Isolation>>,
}

impl<S, A, B> Service<Request<A>> for Isolate<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: 'static,
    A: Send + 'static,
    B: From<Bytes> + HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = IsolateFuture<S::Future, B, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let Some(isolation) = &self.isolation else {
            return State::Passed { future: self.inner.call(request), job: None }.into();
        };
        match isolation.look(&request) {
            Ok(Way::Passes(job)) => {
                let job = job.map(|job| (Arc::clone(isolation), job));
                State::Passed { future: self.inner.call(request), job }.into()
            }
            Ok(Way::Waits(case)) => {
                // The service that was polled ready goes along; its clone stays here.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                State::Waits { waiting: Box::pin(wait(case, ready, request)) }.into()
            }
            Err(refusal) => {
                let response = Some(Box::new(refusal.into_response()));
                State::Answered { response }.into()
            }
        }
    }
}

/// Asks the store, then the inner service, and filters its answer if it is a list.
async fn wait<S, A, B>(
    case: Case,
    mut ready: S,
    request: Request<A>,
) -> Result<Response<B>, S::Error>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<Bytes> + HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let job = match case.judge().await {
        Ok(job) => job,
        Err(refusal) => return Ok(refusal.into_response()),
    };
    let response = ready.call(request).await?;
    if !response.status().is_success() {
        return Ok(response);
    }
    if let Some(job) = job {
        case.nudge(&job);
    }
    let Some(limit) = case.list_limit() else { return Ok(response) };
    Ok(filter(&case, response, limit).await.unwrap_or_else(Refusal::into_response))
}

async fn filter<B>(case: &Case, response: Response<B>, limit: usize) -> Result<Response<B>, Refusal>
where
    B: From<Bytes> + HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (mut parts, body) = response.into_parts();
    let encodings = parts.headers.get_all(CONTENT_ENCODING);
    if encodings.iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(case.withhold(Unreadable::Encoded, None));
    }
    let mut held = Held { case, hold: case.hold() };
    let mut bytes = read(&mut held, body, limit).await?;
    // What filtering takes besides: the table of the list, and the part of it that is left.
    held.add(table_bytes(&bytes) + bytes.len())?;
    if let Some(filtered) = case.filter(&bytes).await? {
        bytes = filtered;
    }
    held.hold.shrink_to(bytes.len());
    // Also where nothing was cut: that fields are missing must not tell of others.
    parts.headers = harmless(parts.headers);
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    // Whoever takes long to read a list holds its place for as long.
    Ok(Response::from_parts(parts, B::from(held.hold.keep(bytes))))
}

/// What a list holds of the memory for lists.
struct Held<'c> {
    case: &'c Case,
    hold: Hold,
}

impl Held<'_> {
    fn add(&mut self, bytes: usize) -> Result<(), Refusal> {
        if !self.hold.could_add(bytes) {
            return Err(self.case.withhold(Unreadable::TooLarge, None));
        }
        self.hold.add(bytes)
    }
}

/// Reads a list whole. No deadline here: the body that comes from the upstream has its own, for each
/// wait and in all.
async fn read<B>(held: &mut Held<'_>, body: B, limit: usize) -> Result<Bytes, Refusal>
where
    B: HttpBody<Data = Bytes>,
{
    let expected = body.size_hint().lower();
    if expected > limit as u64 {
        return Err(held.case.withhold(Unreadable::TooLarge, None));
    }
    // All that is announced at once: half a list that finds no room for the rest is of no use.
    let mut free = usize::try_from(expected).unwrap_or(limit);
    held.add(free)?;
    let mut whole = BytesMut::with_capacity(free);
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        // It broke off, or was too slow: the next one may not.
        let Ok(data) = frame.map_err(|_| Refusal::UpstreamBroken)?.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(held.case.withhold(Unreadable::TooLarge, None));
        }
        match free.checked_sub(data.len()) {
            Some(left) => free = left,
            None => {
                // A buffer that grows has room for twice what is in it.
                held.add((data.len() - free) * 2)?;
                free = 0;
            }
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// What an upstream may say beside a list. All else may tell of the whole account: how many objects
/// there are, where its pages end, when one changed last, a digest.
fn harmless(told: HeaderMap) -> HeaderMap {
    const HARMLESS: [HeaderName; 12] = [
        CACHE_CONTROL,
        CONTENT_TYPE,
        DATE,
        EXPIRES,
        PRAGMA,
        SERVER,
        STRICT_TRANSPORT_SECURITY,
        VARY,
        X_CONTENT_TYPE_OPTIONS,
        HeaderName::from_static("x-amzn-requestid"),
        HeaderName::from_static("x-amzn-trace-id"),
        X_REQUEST_ID,
    ];
    let mut kept = HeaderMap::with_capacity(told.len());
    for (name, value) in &told {
        if HARMLESS.contains(name) || name.as_str().starts_with("access-control-allow-") {
            kept.append(name, value.clone());
        }
    }
    kept
}

pin_project! {
    /// Waits for the inner service, on the longer way for the store and for the answer's body too.
    pub struct IsolateFuture<F, B, E> {
        #[pin]
        state: State<F, B, E>,
    }
}

/// Boxed once, only where the store has to be asked or a list to be read.
type Waiting<B, E> = Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>;

pin_project! {
    #[project = StateProjection]
    enum State<F, B, E> {
        // Boxed: the few calls that are refused must not make the future of all others larger.
        Answered { response: Option<Box<Response<B>>> },
        Passed { #[pin] future: F, job: Option<(Arc<Isolation>, Uuid)> },
        Waits { waiting: Waiting<B, E> },
    }
}

impl<F, B, E> From<State<F, B, E>> for IsolateFuture<F, B, E> {
    fn from(state: State<F, B, E>) -> Self {
        Self { state }
    }
}

impl<F, B, E> std::fmt::Debug for IsolateFuture<F, B, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IsolateFuture").finish_non_exhaustive()
    }
}

impl<F, B, E> Future for IsolateFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { future, job } => {
                let polled = future.poll(context);
                if let Poll::Ready(Ok(response)) = &polled
                    && let Some((isolation, job)) = job.take()
                    && response.status().is_success()
                {
                    isolation.nudge(&job);
                }
                polled
            }
            StateProjection::Waits { waiting } => waiting.as_mut().poll(context),
            // Polled after its end, which no caller does: pending for good beats a panic.
            StateProjection::Answered { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(*response)))
            }
        }
    }
}
