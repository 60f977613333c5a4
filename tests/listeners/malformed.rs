//! What does a client see that does not speak HTTP as it should?

use heify_gateway::server::Settings;

use crate::support::{Answer, Running};

/// Sends bytes and the end, and gives all answers.
async fn answers(running: &Running, bytes: impl AsRef<[u8]>) -> Vec<Answer> {
    let mut client = running.connect().await;
    client.send(bytes).await;
    client.rest().await
}

#[tokio::test]
async fn a_malformed_head_gets_the_envelope() {
    let running = Running::start(Settings::default());
    for bytes in [
        "G\u{1}T / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/9.9\r\nhost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nhost: a\r\n\r\n",
        "GET / http/1.1\r\nhost: a\r\n\r\n",
        "GET / ICE/1.0\r\nhost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nhost: a\r\n\r\n",
        "GET / \u{0} HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET http://[::1 HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n 2\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n: empty\r\n\r\n",
        "GET / HTTP/1.1\r\nx: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nx: a\u{0}b\r\n\r\n",
        "GET / HTTP/1.1\r\nx\u{e9}: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\r",
        "POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\nx",
        "POST / HTTP/1.1\r\ncontent-length: +1\r\n\r\nx",
        "POST / HTTP/1.1\r\ncontent-length: 1 1\r\n\r\nx",
        "POST / HTTP/1.1\r\ncontent-length: 0x1\r\n\r\nx",
        "POST / HTTP/1.1\r\ncontent-length:\r\n\r\nx",
        "POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\nx",
        "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy",
        "POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\nx",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked, gzip\r\n\r\nx",
        "POST / HTTP/1.1\r\ntransfer-encoding: xchunked\r\n\r\nx",
        "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: \u{b}chunked\r\n\r\nx",
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{0}\u{a5}\u{1}\u{0}\u{0}",
        "{\"json\":\"without a head\"}",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
    ] {
        let got = answers(&running, bytes).await;
        assert_eq!(got.len(), 1, "{bytes:?}: {got:?}");
        got[0].is_last_word("malformed_http");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_gets_the_envelope() {
    let running = Running::start(Settings::default());
    let long_uri = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000));
    let long_field = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(70_000));
    let endless = "x".repeat(100_000);
    let fields: String = (0..65).map(|index| format!("x-{index}: 1\r\n")).collect();
    let many_fields = format!("GET / HTTP/1.1\r\n{fields}\r\n");
    for bytes in [long_uri, long_field, format!("GET /{endless}"), many_fields] {
        let got = answers(&running, &bytes).await;
        assert_eq!(got.len(), 1, "{:?}", &bytes[..40]);
        got[0].is_last_word("head_too_large");
    }
    let fits = "x".repeat(31 * 1024);
    let got = answers(&running, format!("GET / HTTP/1.1\r\nx: {fits}\r\n\r\n")).await;
    assert_eq!(got[0].status, 200);
}

#[tokio::test]
async fn a_head_limit_below_the_buffer_of_hyper_holds() {
    let running = Running::start(Settings { max_header_bytes: 1024, ..Settings::default() });
    let field = "x".repeat(2000);
    let got = answers(&running, format!("GET / HTTP/1.1\r\nx: {field}\r\n\r\n")).await;
    got[0].is_last_word("head_too_large");
}

#[tokio::test]
async fn odd_but_clear_requests_reach_the_service_and_nothing_follows_a_doubtful_one() {
    let running = Running::start(Settings::default());
    let smuggled = "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n";
    for (bytes, text) in [
        ("GET /hello HTTP/1.0\r\n\r\n".to_owned(), "hello"),
        ("GET /hello HTTP/1.1\nhost: a\n\n".to_owned(), "hello"),
        ("\r\n\r\nGET /hello HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), "hello"),
        ("PATCH /hello HTTP/1.1\r\nhost:a\r\n\r\n".to_owned(), "hello"),
        ("GET /hello HTTP/1.1\r\nupgrade: h2c\r\nconnection: close\r\n\r\n".to_owned(), "hello"),
        ("POST /read HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx".into(), "read 1"),
        (
            format!(
                "POST /read HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n\
                 0\r\n\r\n{smuggled}"
            ),
            "read 0",
        ),
        (
            format!(
                "POST /read HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n\
                 1\r\nx\r\n0\r\n\r\n{smuggled}"
            ),
            "read 1",
        ),
    ] {
        let got = answers(&running, &bytes).await;
        assert_eq!(got.len(), 1, "{bytes:?}: {got:?}");
        assert_eq!(got[0].text(), text, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_body_with_broken_framing_ends_the_connection() {
    let running = Running::start(Settings::default());
    for body in [
        "zz\r\nx\r\n0\r\n\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "-1\r\nx\r\n0\r\n\r\n",
        "1 1\r\nx\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nx\r\n0\r\n\r\n",
        "1\r\nx\r\n0\r\nbad trailer\r\n\r\n",
        "1\r\nx",
    ] {
        let head = "POST /read HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let bytes = format!("{head}{body}GET /hello HTTP/1.1\r\nhost: a\r\n\r\n");
        let got = answers(&running, &bytes).await;
        assert_eq!(got.len(), 1, "{body:?}: {got:?}");
        assert_eq!(got[0].field("x-gateway-reason"), Some("body_unreadable"), "{body:?}");
        assert_eq!(got[0].field("connection"), Some("close"), "{body:?}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_garbage_last() {
    let running = Running::start(Settings::default());
    let one = "POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
    let two = "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n";
    for garbage in ["garbage\r\n\r\n", "GET / HTTP/1.1\r\nbad\r\n\r\n", "\u{16}\u{3}"] {
        let got = answers(&running, [one, two, one, garbage].concat()).await;
        let texts: Vec<_> = got.iter().map(Answer::text).collect();
        assert_eq!(texts[..3], ["read 3", "hello", "read 3"]);
        assert_eq!(got.len(), 4);
        got[3].is_last_word("malformed_http");
    }
}

#[tokio::test]
async fn a_client_that_keeps_sending_garbage_still_gets_the_envelope() {
    let running = Running::start(Settings::default());
    let mut client = running.connect().await;
    // More than hyper reads, less than what is discarded: without that the kernel would reset
    // the connection, and the answer would be lost.
    client.send("garbage ".repeat(20_000)).await;
    client.answer().await.is_last_word("malformed_http");
    client.ends().await;
    client.is_heard().await;
}

#[tokio::test]
async fn a_half_closed_client_gets_its_answer() {
    let running = Running::start(Settings::default());
    let got = answers(&running, "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(got[0].text(), "hello");
}
