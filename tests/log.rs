//! Does the access log tell everything about each request, and keep no request waiting?
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod support;

use std::convert::Infallible;
use std::io::{PipeReader, Read, pipe};
use std::time::Duration;

use bytes::Bytes;
use heify_gateway::body::Body;
use heify_gateway::forward::Relayed;
use heify_gateway::log::{AccessLog, Form, Lines};
use heify_gateway::observe::ObserveLayer;
use http::{Request, Response};
use serde_json::{Value, json};
use support::gateway::{Gateway, settings};
use support::upstream::{Act, Upstream};
use support::{KEY, READ, SUBMIT};
use tower::{Layer, Service, service_fn};

const PATIENCE: Duration = Duration::from_secs(60);

fn log() -> (PipeReader, Lines) {
    let (reader, writer) = pipe().unwrap();
    (reader, Lines::start(writer, Form::Json).unwrap())
}

/// Everything that was logged, when nobody logs any more.
async fn read(mut reader: PipeReader, lines: Lines) -> Vec<Value> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    drop(lines);
    let text = reading.await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_line_says_who_asked_what_and_what_became_of_it() {
    let upstream = Upstream::start([Act::json(201, r#"{"data":{"id":"x"}}"#)]).await;
    let (reader, lines) = log();
    let access = AccessLog::new(lines.clone());
    let gateway = Gateway::start_logged(settings(upstream.address), access).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let fields = [("x-api-key", KEY), ("x-request-id", "order-17"), ("traceparent", trace)];
    gateway.post("/submit", &fields, SUBMIT).await;
    gateway.call("/submit", "{}").await;
    gateway.raw(b"BREW /no%22such HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n").await;
    assert!(upstream.requests()[0].contains(&format!("traceparent: {trace}\r\n")));
    drop(gateway);
    let [forwarded, refused, lost] = &read(reader, lines).await[..] else { panic!("not 3 lines") };
    for (name, value) in [
        ("request_id", json!("order-17")),
        ("trace_id", json!("0af7651916cd43dd8448eb211c80319c")),
        ("tenant", json!("team-a")),
        ("key_id", json!("team-a-1")),
        ("method", json!("POST")),
        ("endpoint", json!("/submit")),
        ("status", json!(201)),
        ("forwarded", json!(true)),
        ("bytes_in", json!(SUBMIT.len())),
        ("bytes_out", json!(19)),
        ("complete", json!(true)),
        ("client_ip", json!("127.0.0.1")),
    ] {
        assert_eq!(forwarded[name], value, "{name} in {forwarded}");
    }
    let (upstream, total) = (&forwarded["upstream_ms"], &forwarded["duration_ms"]);
    assert!(upstream.as_f64().unwrap() <= total.as_f64().unwrap(), "{forwarded}");
    let known = (&refused["status"], &refused["reason"], &refused["forwarded"]);
    assert_eq!(known, (&json!(400), &json!("missing_field"), &json!(false)), "{refused}");
    // What is no endpoint, and what is no method, is the client's own text.
    let known = (&lost["method"], &lost["reason"], lost.get("endpoint"));
    assert_eq!(known, (&json!("_OTHER"), &json!("unknown_endpoint"), None), "{lost}");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_a_line() {
    let (reader, lines) = log();
    let never = service_fn(|_: Request<()>| {
        std::future::pending::<Result<Response<Body<Relayed>>, Infallible>>()
    });
    let layer = ObserveLayer::default().logging(Some(AccessLog::new(lines.clone())));
    let mut service = layer.layer(never);
    drop(service.call(Request::new(())));
    drop((service, layer));
    let [line] = &read(reader, lines).await[..] else { panic!("not one line") };
    assert_eq!((&line["status"], &line["complete"]), (&json!(499), &json!(false)), "{line}");
}

#[tokio::test]
async fn the_answer_to_head_is_complete_without_its_body() {
    let (reader, lines) = log();
    let answers = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Body::<Relayed>::from(Bytes::from_static(b"{}"))))
    });
    let layer = ObserveLayer::default().logging(Some(AccessLog::new(lines.clone())));
    let mut service = layer.layer(answers);
    for request in [Request::head("/"), Request::get("/")] {
        // What a server does with the body of an answer to HEAD.
        drop(service.call(request.body(()).unwrap()).await);
    }
    drop((service, layer));
    let [head, get] = &read(reader, lines).await[..] else { panic!("not two lines") };
    assert_eq!((&head["complete"], &head["bytes_out"]), (&json!(true), &json!(0)), "{head}");
    assert_eq!(get["complete"], false, "{get}");
}

#[tokio::test]
async fn requests_at_once_have_one_line_each() {
    let upstream = Upstream::start([]).await;
    let (reader, lines) = log();
    let access = AccessLog::new(lines.clone());
    let gateway = Gateway::start_logged(settings(upstream.address), access).await;
    let calls = (0..100).map(|number| {
        let address = gateway.address;
        tokio::spawn(async move {
            let id = format!("call-{number}");
            let fields = [("x-api-key", KEY), ("x-request-id", &*id)];
            support::gateway::post(address, "/get-configuration", &fields, READ).await.status
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 200);
    }
    drop(gateway);
    let mut ids: Vec<String> = read(reader, lines)
        .await
        .iter()
        .map(|line| line["request_id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    let mut wanted: Vec<String> = (0..100).map(|number| format!("call-{number}")).collect();
    wanted.sort();
    assert_eq!(ids, wanted);
}

#[tokio::test]
async fn a_log_that_nobody_reads_keeps_no_request_waiting() {
    let upstream = Upstream::start([]).await;
    let (reader, lines) = log();
    // Pipe and buffer are full before the first request.
    let long = "x".repeat(1_000) + "\n";
    for filling in [&long, &long, "\n"] {
        let before = lines.lost();
        while lines.lost() == before {
            lines.push(filling.as_bytes());
        }
        // What the writer has taken in the meantime is room for more.
        assert!(!lines.flush(Duration::from_millis(1)));
    }
    let before = lines.lost();
    let access = AccessLog::new(lines.clone());
    let gateway = Gateway::start_logged(settings(upstream.address), access).await;
    // If one of them waited for the log, this would never end.
    for _ in 0..50 {
        assert_eq!(gateway.call("/get-configuration", READ).await.status, 200);
    }
    drop(gateway);
    // Where the writer had taken something all the same, there was room for them; then for no more.
    while lines.lost() == before {
        lines.push(long.as_bytes());
    }
    drop(reader);
    assert!(lines.flush(PATIENCE));
}
