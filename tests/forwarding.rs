//! What reaches the upstream, and what comes back, also when the upstream fails?

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::gateway::{Answer, Gateway, settings};
use support::upstream::{Act, Upstream};
use support::{CENTRAL, KEY, READ, SUBMIT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

async fn against(act: Act, path: &str, body: &str) -> (Answer, Upstream) {
    let upstream = Upstream::start([act]).await;
    let mut settings = settings(upstream.address);
    settings.upstream.timeout = Duration::from_millis(300);
    settings.upstream.body_idle_timeout = Duration::from_millis(300);
    settings.upstream.total_timeout = Duration::from_millis(600);
    let gateway = Gateway::start(settings).await;
    (gateway.call(path, body).await, upstream)
}

#[tokio::test]
async fn the_checked_bytes_arrive_with_the_central_key_and_nothing_else() {
    let upstream = Upstream::start([]).await;
    let gateway = Gateway::start(settings(upstream.address)).await;
    let fields = [
        ("x-api-key", KEY),
        ("authorization", "Bearer stray"),
        ("cookie", "a=b"),
        ("connection", "x-private"),
        ("x-private", "1"),
        ("content-type", "text/plain"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-request-id", "order-17"),
    ];
    let body = format!(" {READ}\n");
    let answer = gateway.post("/get-configuration?a=b", &fields, &body).await;
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("order-17")));

    let request = upstream.requests().remove(0);
    let (head, forwarded) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(forwarded, body, "the original bytes, whitespace included");
    let mut lines: Vec<_> = head.lines().map(str::to_lowercase).collect();
    lines.sort();
    let mut expected = vec![
        "post /get-configuration?a=b http/1.1".to_owned(),
        format!("host: {}", upstream.address),
        format!("x-api-key: {CENTRAL}"),
        "content-type: application/json".to_owned(),
        "accept-encoding: identity".to_owned(),
        concat!("user-agent: heify-gateway/", env!("CARGO_PKG_VERSION")).to_owned(),
        "x-request-id: order-17".to_owned(),
        format!("content-length: {}", body.len()),
    ];
    expected.sort();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn an_answer_passes_with_status_body_and_end_to_end_fields_only() {
    let raw = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
               connection: x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nx-end: 2\r\n\
               x-gateway-reason: forged\r\netag: \"v1\"\r\n\r\n{}";
    let (answer, _) = against(Act::Write(raw.into()), "/submit", SUBMIT).await;
    assert_eq!((answer.status, answer.body.as_str()), (201, "{}"));
    assert_eq!(answer.header("x-end"), Some("2"));
    assert_eq!(answer.header("etag"), Some("\"v1\""));
    for gone in ["x-hop", "keep-alive", "x-gateway-reason"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn an_error_in_heifys_envelope_passes_unchanged() {
    let body =
        r#"{"error":{"message":"Maximum of 20 configurations per client exceeded","code":400}}"#;
    let act = Act::json(400, body);
    let (answer, _) = against(act, "/create-configuration", r#"{"tag":"x"}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (400, body));
    assert_eq!(answer.header("x-gateway-reason"), None);
}

#[tokio::test]
async fn any_other_error_of_the_upstream_becomes_the_envelope() {
    let html = |status| Act::json(status, "<html>nginx</html>");
    let cases = [
        (html(403), 500, "upstream_key_rejected"),
        (Act::json(403, r#"{"message":"Forbidden"}"#), 500, "upstream_key_rejected"),
        (html(401), 500, "upstream_key_rejected"),
        (html(402), 402, "account_minutes_exhausted"),
        (html(429), 429, "account_rate_limited"),
        (html(404), 404, "upstream_error"),
        (html(413), 400, "upstream_error"),
        (html(502), 500, "upstream_error"),
        (html(503), 500, "upstream_error"),
        (Act::Write(b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n".into()), 500, "upstream_error"),
        (Act::Write(b"HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\n{".into()), 500, "upstream_error"),
        (Act::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n".into()), 500, "upstream_timeout"),
        (Act::Hang, 500, "upstream_timeout"),
        (Act::Write(b"SSH-2.0-OpenSSH\r\n\r\n".into()), 500, "upstream_broken"),
    ];
    for (act, status, reason) in cases {
        let (answer, _) = against(act.clone(), "/get-configuration", READ).await;
        println!("{act:?}");
        answer.assert_refused(status, reason);
        let retry = answer.header("retry-after").is_some();
        let expected = status == 429 || (status == 500 && reason != "upstream_key_rejected");
        assert_eq!(retry, expected, "{reason}");
    }
}

#[tokio::test]
async fn a_redirect_does_not_lead_a_client_and_its_key_past_the_gateway() {
    let raw = b"HTTP/1.1 302 X\r\nlocation: http://elsewhere\r\ncontent-length: 0\r\n\r\n";
    let (answer, _) = against(Act::Write(raw.into()), "/get-configuration", READ).await;
    answer.assert_refused(500, "upstream_error");
    assert_eq!((answer.header("location"), answer.header("retry-after")), (None, None));
}

#[tokio::test]
async fn a_lost_answer_to_a_creating_call_is_an_unknown_outcome() {
    let acts = [
        Act::Hang,
        Act::Close,
        Act::WriteAndClose(b"HTTP/1.1 201 Cre".into()),
        Act::Write(b"not http at all\r\n\r\n".into()),
        Act::json(502, "<html>"),
        Act::json(600, "{}"),
        Act::json(504, r#"{"message":"Endpoint request timed out"}"#),
    ];
    for act in acts {
        let (answer, upstream) = against(act, "/create-configuration", r#"{"tag":"x"}"#).await;
        answer.assert_refused(500, "outcome_unknown");
        assert_eq!(answer.header("retry-after"), None);
        assert!(answer.header("x-gateway-hint").unwrap().contains("ops@example.org"));
        assert_eq!(upstream.requests().len(), 1, "a creating call is sent once");
    }
}

#[tokio::test]
async fn a_read_whose_connection_broke_is_sent_once_more() {
    let (answer, upstream) = against(Act::Close, "/get-configuration", READ).await;
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.requests().len(), 2);

    let upstream = Upstream::start([Act::Close, Act::Close]).await;
    let gateway = Gateway::start(settings(upstream.address)).await;
    gateway.call("/get-configuration", READ).await.assert_refused(500, "upstream_broken");
    assert_eq!(upstream.requests().len(), 2, "once, not for ever");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_said_to_be_unreachable() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::start(settings(gone)).await;
    let answer = gateway.call("/submit", SUBMIT).await;
    answer.assert_refused(500, "upstream_unreachable");
    assert!(answer.header("retry-after").is_some(), "nothing was sent: a retry is safe");
}

#[tokio::test]
async fn a_dripping_answer_ends_at_the_total_deadline() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec();
    let (answer, _) = against(Act::Drip(head), "/get-configuration", READ).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() < 1_000_000, "cut, and visibly so: shorter than announced");
}

#[tokio::test]
async fn an_answer_that_breaks_off_at_once_is_no_empty_reply() {
    let broken = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno length";
    let upstream = Upstream::start([Act::WriteAndClose(broken.into())]).await;
    let gateway = Gateway::start(settings(upstream.address)).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = format!(
        "POST /update-configuration HTTP/1.1\r\nhost: a\r\nx-api-key: {KEY}\r\ncontent-length: {}\r\n\r\n{READ}",
        READ.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    // Without a byte, clients would take it for a connection that was old, and send the call again.
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
    assert!(answer.ends_with("\r\n\r\n") && !answer.ends_with("0\r\n\r\n"), "{answer:?}");
}

#[tokio::test]
async fn the_central_key_never_comes_back() {
    let (echo, _) = against(Act::Echo, "/get-configuration", READ).await;
    assert_eq!(echo.status, 200);
    assert!(echo.body.contains("x-api-key: **********************"), "{}", echo.body);

    let raw = format!(
        "HTTP/1.1 200 OK\r\nx-debug: key={CENTRAL}\r\nx-api-key: {CENTRAL}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    let (fields, _) = against(Act::Write(raw.into_bytes()), "/get-configuration", READ).await;
    assert!(fields.headers.iter().all(|(_, value)| !value.contains(CENTRAL)), "{fields:?}");

    let error = format!(r#"{{"error":{{"message":"bad key {CENTRAL}","code":400}}}}"#);
    let (error, _) = against(Act::json(400, &error), "/get-configuration", READ).await;
    error.assert_refused(400, "upstream_error");
    assert!(!error.body.contains(CENTRAL));
}

#[tokio::test]
async fn the_central_key_does_not_come_back_beside_the_body_either() {
    let phrase = format!("HTTP/1.1 200 {CENTRAL}\r\ncontent-length: 2\r\n\r\n{{}}");
    let upstream = Upstream::start([Act::Write(phrase.into())]).await;
    let gateway = Gateway::start(settings(upstream.address)).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = format!(
        "POST /get-configuration HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-api-key: {KEY}\r\n\
         content-length: {}\r\n\r\n{READ}",
        READ.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    // Clients on HTTP/2 see trailers without having asked for them.
    let trailer = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-debug\r\n\r\n\
         2\r\n{{}}\r\n0\r\nx-debug: {CENTRAL}\r\n\r\n"
    );
    upstream.then(Act::Write(trailer.into()));
    let stream = TokioIo::new(TcpStream::connect(gateway.address).await.unwrap());
    let (mut sender, driver) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(driver);
    let request = Request::post("http://a/get-configuration").header("x-api-key", KEY);
    let request = request.body(Full::new(Bytes::from(READ))).unwrap();
    let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), None);
    assert_eq!(body.to_bytes(), "{}");
}

#[tokio::test]
async fn an_answer_of_http_1_0_does_not_change_the_clients_version() {
    let old = b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec();
    let upstream = Upstream::start([Act::WriteAndClose(old)]).await;
    let gateway = Gateway::start(settings(upstream.address)).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = format!(
        "POST /get-configuration HTTP/1.1\r\nhost: a\r\nx-api-key: {KEY}\r\n\
         content-length: {}\r\n\r\n{READ}",
        READ.len()
    );
    // The connection lives on: both requests are answered.
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", answer.escape_ascii());
    }
}

#[tokio::test]
async fn a_client_that_takes_an_answer_slowly_holds_the_upstream_until_the_total_deadline_only() {
    const LENGTH: usize = 64 << 20;
    let mut whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n").into_bytes();
    whole.resize(whole.len() + LENGTH, b' ');
    let upstream = Upstream::start([Act::Write(whole)]).await;
    let mut settings = settings(upstream.address);
    settings.upstream.timeout = Duration::from_millis(300);
    settings.upstream.total_timeout = Duration::from_millis(300);
    let gateway = Gateway::start(settings).await;
    let mut stream = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
    let head = format!("POST /get-configuration HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n");
    let request = format!("{head}content-length: {}\r\n\r\n{READ}", READ.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    // The pace is what is tested: 64 KiB in 5 ms would need five seconds for the whole.
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    let (mut taken, mut buffer) = (0, vec![0; 64 << 10]);
    loop {
        pace.tick().await;
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(length) => taken += length,
        }
    }
    assert!(taken < LENGTH, "cut at the deadline, not served to the end");
}

#[tokio::test]
async fn the_body_of_a_call_that_is_sent_once_leaves_the_budget_when_it_is_sent() {
    let gate = Arc::new(Notify::new());
    let upstream = Upstream::start([Act::Await(Arc::clone(&gate))]).await;
    let mut settings = settings(upstream.address);
    settings.validate.tenant_bytes_in_flight = 1_500;
    let gateway = Gateway::start(settings).await;
    let body = format!(r#"{{"tag":"x","y":"{}"}}"#, "z".repeat(1_000));
    let create = || gateway.call("/create-configuration", &body);
    let meanwhile = async {
        upstream.asked(1).await;
        // Both bodies together are more than the tenant may have in memory.
        let status = create().await.status;
        gate.notify_one();
        status
    };
    let (waited, second) = tokio::join!(create(), meanwhile);
    assert_eq!((waited.status, second), (200, 200));
}
