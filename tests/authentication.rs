//! Is every fault of a key told apart on the wire, and does no such request reach the upstream?

mod support;

use std::time::SystemTime;

use heify_gateway::authenticate::{KeySettings, Switch};
use heify_gateway::key::{self, KeyDigest};
use heify_gateway::rate::Rate;
use heify_gateway::stack::Settings;
use support::gateway::{Answer, Gateway, add_tenant, settings};
use support::upstream::Upstream;
use support::{KEY, READ};

const EXPIRED: &str = "a-key-that-has-expired";
const DISABLED: &str = "a-key-that-is-disabled";
const SHUT: &str = "a-key-of-a-shut-tenant";
const READER: &str = "a-key-that-only-reads";

fn key(id: &str, key: &[u8]) -> KeySettings {
    KeySettings { id: id.into(), digest: KeyDigest::of(key), expires: None, state: Switch::Enabled }
}

/// One tenant with a key of every kind, one that is shut, one that may only read.
fn every_kind(upstream: &Upstream) -> Settings {
    let mut settings = settings(upstream.address);
    let keys = &mut settings.authenticate.tenants[0].keys;
    keys.push(KeySettings {
        expires: Some(SystemTime::UNIX_EPOCH),
        ..key("old", EXPIRED.as_bytes())
    });
    keys.push(KeySettings { state: Switch::Disabled, ..key("off", DISABLED.as_bytes()) });
    keys.push(key("longest", &[b'k'; key::LONGEST]));
    keys.push(key("not-ascii", b"\xff\xfe-a-key-of-any-bytes"));
    add_tenant(&mut settings, "shut", SHUT);
    settings.authenticate.tenants[1].state = Switch::Disabled;
    add_tenant(&mut settings, "reader", READER);
    settings.authenticate.tenants[2].endpoints = Some(vec!["/get-configuration".into()]);
    settings
}

/// A POST whose header lines are given as they are on the wire.
async fn post(gateway: &Gateway, path: &str, lines: &[&[u8]]) -> Answer {
    let mut request =
        format!("POST {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n").into_bytes();
    for line in lines {
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(format!("content-length: {}\r\n\r\n{READ}", READ.len()).as_bytes());
    gateway.raw(&request).await
}

#[tokio::test]
async fn every_fault_of_a_key_has_its_own_reason_text_and_hint() {
    let upstream = Upstream::start([]).await;
    let gateway = Gateway::start(every_kind(&upstream)).await;
    let line = |key: &str| format!("x-api-key: {key}").into_bytes();
    let made = key::generate().unwrap();
    let mut mistyped = made.to_string();
    let last = mistyped.pop().unwrap();
    mistyped.push(if last == 'a' { 'b' } else { 'a' });
    let wrong_field = |name: &str| format!("{name}: {KEY}").into_bytes();
    let operators = "ask the gateway's operators for a new key";
    let missing = "send your key in the x-api-key header of every request";
    let unknown = "check the key's value; ask the gateway's operators for a new one";
    let copy = "the key looks truncated or mistyped; copy it again";
    // Case, header lines, reason, text, hint.
    type Case<'a> = (&'a str, Vec<Vec<u8>>, &'a str, &'a str, Option<&'a str>);
    let cases: [Case<'_>; 20] = [
        // The four causes on Heify's error page.
        ("none", vec![], "missing_key", "The x-api-key header is missing.", Some(missing)),
        (
            "unknown",
            vec![line("nobody-has-this-key")],
            "unknown_key",
            "The API key in x-api-key is not valid.",
            Some(unknown),
        ),
        (
            "disabled",
            vec![line(DISABLED)],
            "disabled_key",
            "The API key in x-api-key is deactivated.",
            Some(operators),
        ),
        (
            "bearer",
            vec![b"Authorization: Bearer x".into()],
            "wrong_key_header",
            "The API key must be sent in the x-api-key header, not in Authorization.",
            Some("use x-api-key, not Authorization"),
        ),
        // All others.
        ("empty", vec![line("")], "missing_key", "The x-api-key header is missing.", Some(missing)),
        (
            "blank",
            vec![line(" \t ")],
            "missing_key",
            "The x-api-key header is missing.",
            Some(missing),
        ),
        (
            "api-key",
            vec![wrong_field("Api-Key")],
            "wrong_key_header",
            "The API key must be sent in the x-api-key header, not in api-key.",
            Some("use x-api-key, not api-key"),
        ),
        (
            "x-apikey",
            vec![wrong_field("x-apikey")],
            "wrong_key_header",
            "The API key must be sent in the x-api-key header, not in x-apikey.",
            Some("use x-api-key, not x-apikey"),
        ),
        (
            "apikey",
            vec![wrong_field("apikey")],
            "wrong_key_header",
            "The API key must be sent in the x-api-key header, not in apikey.",
            Some("use x-api-key, not apikey"),
        ),
        (
            "twice",
            vec![line(KEY), line(KEY)],
            "repeated_key",
            "The x-api-key header must be sent exactly once.",
            Some("send x-api-key once"),
        ),
        (
            "a list",
            vec![format!("x-api-key: {KEY}, {KEY}").into()],
            "unknown_key",
            "The API key in x-api-key is not valid.",
            Some(unknown),
        ),
        (
            "other case",
            vec![line(&KEY.to_uppercase())],
            "unknown_key",
            "The API key in x-api-key is not valid.",
            Some(unknown),
        ),
        (
            "mistyped",
            vec![line(&mistyped)],
            "mistyped_key",
            "The API key in x-api-key is not valid: its checksum does not match.",
            Some(copy),
        ),
        (
            "truncated",
            vec![line("hgw_0123456789abcdef")],
            "mistyped_key",
            "The API key in x-api-key is not valid: its checksum does not match.",
            Some(copy),
        ),
        (
            "made, never given",
            vec![line(&made)],
            "unknown_key",
            "The API key in x-api-key is not valid.",
            Some(unknown),
        ),
        (
            "expired",
            vec![line(EXPIRED)],
            "expired_key",
            "The API key in x-api-key has expired.",
            Some(operators),
        ),
        (
            "shut tenant",
            vec![line(SHUT)],
            "disabled_tenant",
            "The tenant of this API key is deactivated.",
            Some("only the gateway's operators can mend this"),
        ),
        (
            "513 bytes",
            vec![line(&"k".repeat(key::LONGEST + 1))],
            "unknown_key",
            "The API key in x-api-key is not valid.",
            Some(unknown),
        ),
        (
            "not ascii",
            vec![b"x-api-key: \xff\xfe-a-key-of-no-tenant".into()],
            "unknown_key",
            "The API key in x-api-key is not valid.",
            Some(unknown),
        ),
        (
            "not allowed",
            vec![line(READER)],
            "endpoint_not_allowed",
            "This API key may not call this endpoint.",
            Some("ask the gateway's operators to allow the endpoint"),
        ),
    ];
    for (case, lines, reason, message, hint) in cases {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let answer = post(&gateway, "/delete-configuration", &lines).await;
        println!("{case}");
        answer.assert_refused(403, reason);
        assert_eq!(answer.json()["error"]["message"], message, "{case}");
        assert_eq!(answer.header("x-gateway-hint"), hint, "{case}");
        assert_eq!(answer.header("retry-after"), None, "{case}: waiting does not help");
        assert!(answer.headers.iter().all(|(name, _)| !name.contains("ratelimit")), "{case}");
        assert!(!answer.body.contains(KEY), "{case}");
    }
    assert!(upstream.requests().is_empty(), "nothing was forwarded");
}

#[tokio::test]
async fn keys_of_any_bytes_and_of_the_greatest_length_work() {
    let upstream = Upstream::start([]).await;
    let gateway = Gateway::start(every_kind(&upstream)).await;
    let longest = format!("x-api-key: {}", "k".repeat(key::LONGEST));
    for line in [
        longest.as_bytes(),
        b"x-api-key: \xff\xfe-a-key-of-any-bytes",
        b"X-API-KEY:a-key-that-team-a-has",
        b"x-api-key: \t a-key-that-team-a-has \t",
    ] {
        let answer = post(&gateway, "/get-configuration", &[line]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let reader = format!("x-api-key: {READER}");
    assert_eq!(post(&gateway, "/get-configuration", &[reader.as_bytes()]).await.status, 200);
}

#[tokio::test]
async fn an_address_with_many_wrong_keys_waits_while_the_valid_key_passes() {
    let upstream = Upstream::start([]).await;
    let mut settings = settings(upstream.address);
    settings.authenticate.failed_attempts = Rate::new(1, 5);
    let mut gateway = Gateway::start(settings.clone()).await;
    let wrong = |n: usize| format!("x-api-key: nobody-has-key-{n:05}").into_bytes();
    for n in 0..5 {
        post(&gateway, "/get-configuration", &[&wrong(n)]).await.assert_refused(403, "unknown_key");
    }
    let valid = format!("x-api-key: {KEY}").into_bytes();
    for n in 5..50 {
        let answer = post(&gateway, "/get-configuration", &[&wrong(n)]).await;
        answer.assert_refused(429, "too_many_failed_keys");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(post(&gateway, "/get-configuration", &[&valid]).await.status, 200);
    }
    // A request without a key guesses nothing, and a reload forgets nothing.
    post(&gateway, "/get-configuration", &[]).await.assert_refused(403, "missing_key");
    gateway.reload(settings);
    let answer = post(&gateway, "/get-configuration", &[&wrong(50)]).await;
    answer.assert_refused(429, "too_many_failed_keys");
    assert_eq!(upstream.requests().len(), 45, "the valid calls alone");
}

#[tokio::test]
async fn a_stray_authorization_beside_a_valid_key_is_dropped() {
    let upstream = Upstream::start([]).await;
    let gateway = Gateway::start(settings(upstream.address)).await;
    let valid = format!("x-api-key: {KEY}").into_bytes();
    let lines: [&[u8]; 3] = [b"authorization: Bearer stray-token", &valid, b"apikey: stray-token"];
    assert_eq!(post(&gateway, "/get-configuration", &lines).await.status, 200);
    let request = upstream.requests().remove(0);
    assert!(!request.contains("stray-token") && !request.contains(KEY), "{request}");
}

#[tokio::test]
async fn an_empty_configuration_refuses_everyone() {
    let upstream = Upstream::start([]).await;
    let mut settings = settings(upstream.address);
    settings.authenticate.tenants.clear();
    settings.rate_limit.tenants.clear();
    let gateway = Gateway::start(settings).await;
    gateway.call("/get-configuration", READ).await.assert_refused(403, "unknown_key");
    gateway.post("/submit", &[], READ).await.assert_refused(403, "missing_key");
    gateway.post("/submit", &[("x-api-key", "")], READ).await.assert_refused(403, "missing_key");
    assert!(upstream.requests().is_empty());
}
