//! Does the tower part wait, pass and read as the rules say?

mod memory;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt};

use super::super::{Isolate, IsolateLayer, Isolation, Settings};
use super::*;
use crate::body::{Body, BoxError};
use crate::budget::Budget;
use crate::checked::Checked;
use crate::tenant::Tenant;

/// A body of an upstream: pieces, and perhaps a break.
#[derive(Debug)]
struct Pieces(Vec<Option<Bytes>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.0.remove(0).map(Frame::data);
        Poll::Ready(Some(piece.ok_or_else(|| "it broke off".into())))
    }
}

/// An inner service that must be polled ready before each call, and answers with this.
#[derive(Debug)]
struct Inner {
    ready: bool,
    calls: Arc<Mutex<usize>>,
    status: StatusCode,
    fields: HeaderMap,
    pieces: Vec<Option<Bytes>>,
}

impl Clone for Inner {
    fn clone(&self) -> Self {
        let (calls, fields) = (Arc::clone(&self.calls), self.fields.clone());
        Self { ready: false, calls, fields, status: self.status, pieces: self.pieces.clone() }
    }
}

impl Inner {
    fn new(status: u16, body: impl ToString) -> Self {
        Self {
            ready: false,
            calls: Arc::default(),
            status: StatusCode::from_u16(status).unwrap(),
            fields: HeaderMap::new(),
            pieces: vec![Some(Bytes::from(body.to_string()))],
        }
    }

    fn calls(&self) -> usize {
        *self.calls.lock().unwrap()
    }
}

impl Service<Request<Full<Bytes>>> for Inner {
    type Response = Response<Body<Pieces>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "it was not polled ready");
        *self.calls.lock().unwrap() += 1;
        let mut response = Response::new(Body::Stream(Pieces(self.pieces.clone())));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.fields.clone();
        std::future::ready(Ok(response))
    }
}

/// The answer to a call, read to its end.
#[derive(Debug)]
struct Answer {
    status: u16,
    reason: String,
    fields: HeaderMap,
    body: String,
}

fn request(path: &str, body: Value) -> Request<Full<Bytes>> {
    let mut request = Request::post(path).body(Full::default()).unwrap();
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(endpoint(&path));
    request.extensions_mut().insert(Arc::new(Tenant { index: 0, id: TEAM.into() }));
    request.extensions_mut().insert(Checked::from(&body));
    request
}

fn layered(records: &Records, inner: &Inner) -> Isolate<Inner> {
    held(records, inner, &Arc::new(Budget::new(1 << 20, 1 << 20, 1)))
}

fn held(records: &Records, inner: &Inner, held: &Arc<Budget>) -> Isolate<Inner> {
    let settings = Settings { list_limit: 2_000, ..Settings::default() };
    let isolation = Isolation::new(settings, &CONTRACT, records.clone(), Arc::clone(held));
    IsolateLayer::new(Some(Arc::new(isolation))).layer(inner.clone())
}

async fn send(service: Isolate<Inner>, request: Request<Full<Bytes>>) -> Answer {
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if let Some(length) = parts.headers.get("content-length") {
        assert_eq!(length.to_str().unwrap(), body.len().to_string());
    }
    let reason = parts.headers.get("x-gateway-reason");
    Answer {
        status: parts.status.as_u16(),
        reason: reason.map(|reason| reason.to_str().unwrap().to_owned()).unwrap_or_default(),
        fields: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

async fn answer(records: &Records, inner: &Inner, path: &str, body: Value) -> Answer {
    send(layered(records, inner), request(path, body)).await
}

#[tokio::test]
async fn own_objects_pass_and_foreign_ones_never_reach_the_inner_service() {
    let inner = Inner::new(200, "done");
    for records in [remembering(owners("call")), storing(owners("call"))] {
        let before = inner.calls();
        let passed = answer(&records, &inner, "/read", json!({"call_id": own(1)})).await;
        assert_eq!((passed.status, &*passed.body), (200, "done"));
        for body in [json!({"call_id": foreign(1)}), json!({"x": foreign(1)})] {
            let refused = answer(&records, &inner, "/read", body).await;
            assert_eq!((refused.status, &*refused.reason), (404, "unknown_id"));
        }
        let refused = answer(&records, &inner, "/change", json!({"call_id": shared(1)})).await;
        assert_eq!((refused.status, &*refused.reason), (403, "shared_object"));
        let query = format!("/delete?call_id={}", foreign(1));
        assert_eq!(answer(&records, &inner, &query, json!({})).await.reason, "unknown_id");
        assert_eq!(inner.calls() - before, 1);
    }
}

#[tokio::test]
async fn an_unknown_id_gets_the_same_answer_from_memory_and_store() {
    let inner = Inner::new(200, "done");
    let mut seen = Vec::new();
    for records in [remembering(owners("call")), storing(owners("call"))] {
        for id in [foreign(1), nobodys(1)] {
            // What nobody holds is never in memory, so memory alone cannot tell.
            if whose_store_is_asked(&records, id) {
                continue;
            }
            let answer = answer(&records, &inner, "/read", json!({"call_id": id})).await;
            seen.push((answer.status, format!("{:?}", answer.fields), answer.body));
        }
    }
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:?}");
    assert_eq!(inner.calls(), 0);
}

fn whose_store_is_asked(records: &Records, id: Uuid) -> bool {
    records.remembered(&own(1)).is_some() && records.remembered(&id).is_none()
}

#[tokio::test]
async fn without_records_nothing_with_an_id_passes_and_everything_else_does() {
    let (records, inner) = (unavailable(), Inner::new(200, "done"));
    for (path, body) in [("/read", json!({"call_id": own(1)})), ("/create", json!({"x": own(1)}))] {
        let refused = answer(&records, &inner, path, body).await;
        assert_eq!((refused.status, &*refused.reason), (500, "records_unavailable"));
        assert_eq!(refused.fields["retry-after"], "5");
    }
    assert_eq!(inner.calls(), 0);
    assert_eq!(answer(&records, &inner, "/create", json!({"x": 1})).await.body, "done");
    let list = Inner::new(200, json!([{"call_id": own(1)}]));
    assert_eq!(answer(&records, &list, "/list", json!({})).await.reason, "records_unavailable");
}

#[tokio::test]
async fn a_missing_fact_is_a_wiring_bug() {
    let inner = Inner::new(200, "done");
    for missing in 0..3 {
        let mut request = request("/read", json!({}));
        match missing {
            0 => request.extensions_mut().remove::<Arc<Endpoint>>().map(drop),
            1 => request.extensions_mut().remove::<Arc<Tenant>>().map(drop),
            _ => request.extensions_mut().remove::<Checked>().map(drop),
        };
        let refused = send(layered(&remembering(Vec::new()), &inner), request).await;
        assert_eq!((refused.status, &*refused.reason), (500, "misassembled"));
    }
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn without_isolation_everything_passes_unseen() {
    let inner = Inner::new(200, r#"{"a":1,"a":2}"#);
    let bare = Request::post("/list").body(Full::default()).unwrap();
    let passed = send(IsolateLayer::new(None).layer(inner.clone()), bare).await;
    assert_eq!((passed.status, &*passed.body), (200, r#"{"a":1,"a":2}"#));
}

#[tokio::test]
async fn a_list_is_filtered_with_its_length_and_without_what_tells_of_the_whole() {
    let items = [own(1), foreign(1)].map(|id| json!({"call_id": id}));
    let mut inner = Inner::new(200, json!({"count": 2, "items": items}));
    let whole = inner.pieces.remove(0).unwrap();
    inner.pieces = whole.chunks(7).map(|piece| Some(Bytes::copy_from_slice(piece))).collect();
    for (name, value) in
        [("etag", "\"x\""), ("vary", "y"), ("content-md5", "z"), ("x-total-count", "2")]
    {
        inner.fields.insert(name, value.parse().unwrap());
    }
    inner.fields.insert("content-length", whole.len().into());
    for records in [remembering(owners("call")), storing(owners("call"))] {
        let left = answer(&records, &inner, "/list", json!({})).await;
        assert_eq!(left.body, json!({"count": 1, "items": [{"call_id": own(1)}]}).to_string());
        let names: Vec<_> = left.fields.keys().map(|name| name.as_str()).collect();
        assert!(names.len() == 2 && names.contains(&"vary"), "{names:?}");
    }
}

#[tokio::test]
async fn a_list_that_needs_no_change_says_no_more_than_one_that_does() {
    let mut inner = Inner::new(200, json!([{"call_id": own(1)}]));
    inner.fields.insert("etag", "\"x\"".parse().unwrap());
    inner.fields.insert("content-encoding", "identity".parse().unwrap());
    let passed = answer(&storing(owners("call")), &inner, "/list", json!({})).await;
    assert_eq!(passed.body, json!([{"call_id": own(1)}]).to_string());
    let names: Vec<_> = passed.fields.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["content-length"]);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_withheld() {
    let mut encoded = Inner::new(200, "[]");
    encoded.fields.insert("content-encoding", "gzip".parse().unwrap());
    let mut late = Inner::new(200, "[");
    late.pieces.extend((0..300).map(|_| Some(Bytes::from_static(b"       "))));
    for inner in [
        encoded,
        late,
        Inner::new(200, "<html>"),
        Inner::new(200, ""),
        Inner::new(204, ""),
        Inner::new(200, format!("[{}]", " ".repeat(2_000))),
        Inner::new(200, json!({"items": [{"id": own(1)}]})),
    ] {
        let refused = answer(&remembering(owners("call")), &inner, "/list", json!({})).await;
        assert_eq!((refused.status, &*refused.reason), (500, "unreadable_list"), "{inner:?}");
        assert!(refused.fields.get("retry-after").is_none());
        assert!(refused.fields.get("x-gateway-hint").is_some());
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_may_be_asked_for_again() {
    let mut inner = Inner::new(200, "[");
    inner.pieces.push(None);
    let refused = answer(&remembering(owners("call")), &inner, "/list", json!({})).await;
    assert_eq!((refused.status, &*refused.reason), (500, "upstream_broken"));
    assert!(refused.fields.get("retry-after").is_some());
}

#[tokio::test]
async fn an_error_on_a_list_and_a_body_of_another_endpoint_pass_untouched() {
    let error = json!({"error": {"message": "x", "code": 400}, "ids": [foreign(1)]});
    let records = storing(owners("call"));
    let passed = answer(&records, &Inner::new(400, &error), "/list", json!({})).await;
    assert_eq!((passed.status, passed.body), (400, error.to_string()));
    let passed = answer(&records, &Inner::new(200, &error), "/read", json!({})).await;
    assert_eq!((passed.status, passed.body), (200, error.to_string()));
}

#[tokio::test]
async fn a_list_asked_for_with_a_foreign_id_is_refused_before_it_is_asked_for() {
    let inner = Inner::new(200, "[]");
    let body = json!({"filter": foreign(1)});
    let refused = answer(&storing(owners("call")), &inner, "/list", body).await;
    assert_eq!((&*refused.reason, inner.calls()), ("unknown_id", 0));
}

#[tokio::test]
async fn a_read_of_an_open_job_that_succeeded_is_told_to_the_records() {
    let open = |id| (id, Owner { job_open: true, ..owner("call", id).unwrap() });
    let all = vec![open(own(1)), (own(2), owner("call", own(2)).unwrap())];
    for records in [remembering(all.clone()), storing(all)] {
        for (status, path, id) in [
            (404, "/read", own(1)),
            (200, "/read", own(2)),
            (200, "/change", own(1)),
            (200, "/read", own(1)),
        ] {
            assert!(records.nudged().is_empty());
            let inner = Inner::new(status, "x");
            let passed = answer(&records, &inner, path, json!({"call_id": id})).await;
            assert_eq!((passed.status, &*passed.body), (status, "x"));
        }
        assert_eq!(records.nudged(), [own(1)]);
    }
}

#[tokio::test]
async fn an_inner_service_is_polled_ready_before_every_call() {
    let (records, inner) = (storing(owners("call")), Inner::new(200, "[]"));
    let mut service = layered(&records, &inner);
    for path in ["/list", "/read", "/list"] {
        let answer = service.ready().await.unwrap().call(request(path, json!({}))).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(inner.calls(), 3);
}
