//! Does a call with a good file pass, and one with a bad file end here?

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::super::room::Preflights;
use super::super::{Mode, PreflightLayer};
use super::files::wav;
use super::site::{Act, Site};
use crate::checked::Checked;
use crate::contract::Contract;
use crate::measured::Measured;
use crate::tenant::Tenant;

const DOCUMENT: &str = "
openapi: 3.1.1
paths:
  /play:
    post:
      x-gateway-effect: { kind: creates, object: tune }
      requestBody:
        content:
          application/json:
            schema:
              properties:
                tape: { type: object, properties: { at: { type: string, x-gateway-audio-url: true } } }
  /stop:
    post:
      x-gateway-effect: { kind: changes, object: tune }
";

/// Sends a body through the layer; the inner service answers with the length that it was given.
async fn send(room: Option<Preflights>, path: usize, body: Value) -> Response<Full<Bytes>> {
    let contract = Contract::parse(DOCUMENT, "tapes.yaml").unwrap();
    let inner = service_fn(|request: Request<Full<Bytes>>| async move {
        let length = request.extensions().get::<Measured>().map(|Measured(length)| *length);
        Ok::<_, Infallible>(Response::new(Full::from(format!("{length:?}"))))
    });
    let mut request = Request::new(Full::<Bytes>::default());
    request.extensions_mut().insert(Arc::clone(&contract.endpoints()[path]));
    request.extensions_mut().insert(Arc::new(Tenant { index: 0, id: "acme".into() }));
    request.extensions_mut().insert(Checked::from(&body));
    let mut service = PreflightLayer::new(room.map(Arc::new)).layer(inner);
    service.ready().await.unwrap().call(request).await.unwrap()
}

async fn text(response: Response<Full<Bytes>>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_known_length_goes_along_and_an_unknown_one_does_not() {
    let site = Site::file(wav(84)).await;
    let body = json!({ "tape": { "at": site.url("/") } });
    let measured = send(Some(site.room(Mode::Probe)), 0, body.clone()).await;
    assert_eq!(text(measured).await, format!("{:?}", Some(Duration::from_secs(84))));
    let passed = send(Some(site.room(Mode::Headers)), 0, body.clone()).await;
    assert_eq!(text(passed).await, "None");
    assert_eq!(site.asked().len(), 2);
    // Without the room, without a field for it, and without a text in it nobody looks.
    assert_eq!(text(send(None, 0, body.clone()).await).await, "None");
    assert_eq!(text(send(Some(site.room(Mode::Probe)), 1, body).await).await, "None");
    for body in
        [json!(null), json!({}), json!({ "tape": { "at": 5 } }), json!({ "at": site.url("/") })]
    {
        assert_eq!(text(send(Some(site.room(Mode::Probe)), 0, body).await).await, "None");
    }
    assert_eq!(site.asked().len(), 2);
}

#[tokio::test]
async fn a_bad_file_is_refused_with_the_published_text_and_a_hint_that_names_the_limit() {
    for (act, hint) in [
        (Act::body(200, &[], &wav(9000)), "7200 seconds"),
        (Act::body(200, &[], b"%PDF-1.7"), "FLAC"),
        (Act::head(200, &["content-length: 209715201"]), "200 MB"),
    ] {
        let site = Site::start(move |_| act.clone()).await;
        let body = json!({ "tape": { "at": site.url("/") } });
        let mode = if hint == "200 MB" { Mode::Headers } else { Mode::Probe };
        let refused = send(Some(site.room(mode)), 0, body).await;
        assert_eq!(refused.status(), 400);
        assert_eq!(refused.headers()["x-gateway-reason"], "unsupported_audio");
        assert!(refused.headers()["x-gateway-hint"].to_str().unwrap().contains(hint));
        let envelope = r#"{"error":{"message":"Unsupported audio format","code":400}}"#;
        assert_eq!(text(refused).await, envelope);
    }
}

#[tokio::test]
async fn a_missing_fact_is_a_defect_and_no_way_around() {
    let site = Site::file(wav(84)).await;
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let layer = PreflightLayer::new(Some(Arc::new(site.room(Mode::Probe))));
    let answer = layer.layer(inner).oneshot(Request::new(())).await.unwrap();
    assert_eq!(answer.headers()["x-gateway-reason"], "misassembled");
}
