//! How does a request travel from the connection to its answer, faults included?

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::answer::Rejection;
use super::control;
use super::faults::{Fault, Place, headers_of, status_of};
use super::paced::PacedBody;
use super::storage;
use super::wire::{Breakage, Switch};
use super::world::World;
use crate::body::Body;

/// Heify's own limit is not published.
const LARGEST_BODY: usize = 1024 * 1024;
/// From the head to the end of the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const OVERSIZED_HEADER: HeaderName = HeaderName::from_static("x-oversized");

/// An answer, whole or paced.
pub(crate) type Answer = Response<Body<PacedBody>>;

/// The answer is that the connection breaks.
#[derive(Debug, thiserror::Error)]
#[error("the simulator broke the connection as scripted")]
pub(crate) struct Broken;

pub(crate) async fn answer(
    world: Arc<World>,
    switch: Switch,
    request: Request<Incoming>,
) -> Result<Answer, Broken> {
    let (head, body) = request.into_parts();
    if head.uri.path().starts_with(control::PREFIX) {
        let body = read(body).await;
        let (status, value) = control::answer(&world, &head, &body);
        return Ok(whole(status, &value));
    }
    if head.uri.path().starts_with(storage::PREFIX) {
        return Ok(storage::answer(&world, &head, body).await);
    }
    let (number, script) = {
        let mut state = world.state();
        let key = state.keys.open(&head.headers);
        (state.journal.write(&head, key), state.scripts.strike(head.uri.path()))
    };
    let body = read(body).await;
    if let Ok(body) = &body {
        world.state().journal.add_body(number, body.len());
    }
    let Some(script) = script else {
        let (status, value) = world.perform(&head, &body);
        return Ok(whole(status, &value));
    };
    let true_answer = (script.perform || script.fault.shows_the_true_answer())
        .then(|| world.perform(&head, &body));
    play(script.fault, true_answer.unwrap_or_default(), &head, &body, switch).await
}

impl Fault {
    fn shows_the_true_answer(&self) -> bool {
        match self {
            Self::Delay { .. } | Self::Drip { .. } | Self::OversizedHeader { .. } => true,
            Self::Close { at } | Self::Reset { at } => *at == Place::Body,
            Self::Status { .. } | Self::Hang | Self::Garbage | Self::Echo => false,
        }
    }
}

async fn play(
    fault: Fault,
    true_answer: (StatusCode, Value),
    head: &Parts,
    body: &Result<Bytes, Rejection>,
    switch: Switch,
) -> Result<Answer, Broken> {
    let (status, value) = true_answer;
    let (breakage, at) = match fault {
        Fault::Status { status, headers, body } => {
            let (status, headers) = (status_of(status), headers_of(&headers));
            let mut answer = replacement(status.unwrap_or_default(), &body);
            answer.headers_mut().extend(headers.unwrap_or_default());
            return Ok(answer);
        }
        Fault::Delay { millis } => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            return Ok(whole(status, &value));
        }
        Fault::Drip { bytes, interval_millis } => {
            let pause = Duration::from_millis(interval_millis);
            let body = PacedBody::drip(text(&value), bytes.get(), pause);
            return Ok(json_answer(status, Body::Stream(body)));
        }
        Fault::Hang => {
            let never: Infallible = std::future::pending().await;
            match never {}
        }
        Fault::OversizedHeader { bytes } => {
            let mut answer = whole(status, &value);
            if let Ok(long) = HeaderValue::from_maybe_shared(Bytes::from(vec![b'a'; bytes])) {
                answer.headers_mut().insert(OVERSIZED_HEADER, long);
            }
            return Ok(answer);
        }
        Fault::Echo => return Ok(whole(StatusCode::OK, &echo(head, body))),
        Fault::Garbage => (Breakage::Garbage, Place::Head),
        Fault::Close { at } => (Breakage::Close, at),
        Fault::Reset { at } => (Breakage::Reset, at),
    };
    match at {
        Place::Head => {
            switch.throw(breakage);
            Err(Broken)
        }
        Place::Body => {
            let body = PacedBody::break_off(text(&value), switch, breakage);
            Ok(json_answer(status, Body::Stream(body)))
        }
    }
}

/// Everything as it arrived, the key included: to see that it is the only place to look for it.
fn echo(head: &Parts, body: &Result<Bytes, Rejection>) -> Value {
    let headers = head.headers.iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let body = body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned());
    json!({
        "method": head.method.as_str(),
        "uri": head.uri.to_string(),
        "version": format!("{:?}", head.version),
        "headers": headers.collect::<Vec<_>>(),
        "body": body.ok(),
    })
}

/// Reads a body, bounded in size and time.
async fn read(body: Incoming) -> Result<Bytes, Rejection> {
    let whole = Limited::new(body, LARGEST_BODY).collect();
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Rejection::BodyTooLarge)
        }
        Ok(Err(_)) | Err(_) => Err(Rejection::InvalidJson),
    }
}

fn text(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

fn whole(status: StatusCode, value: &Value) -> Answer {
    json_answer(status, Body::from(text(value)))
}

fn json_answer(status: StatusCode, body: Body<PacedBody>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

/// A scripted body: a text goes out as it is, without a content type of ours.
fn replacement(status: StatusCode, body: &Value) -> Answer {
    let bytes = match body {
        Value::Null => Bytes::new(),
        Value::String(text) => Bytes::from(text.clone()),
        other => return whole(status, other),
    };
    let mut answer = Response::new(Body::from(bytes));
    *answer.status_mut() = status;
    answer
}
