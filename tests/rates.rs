//! Are calls limited by the numbers that are published or set, and charged only when they pass?

mod support;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use heify_gateway::authenticate::{KeySettings, Switch};
use heify_gateway::contract::Contract;
use heify_gateway::key::KeyDigest;
use heify_gateway::rate::Rate;
use heify_gateway::server::{self, Listener, LocalAddr, Workers};
use heify_gateway::stack::{Rooms, Settings};
use support::gateway::{Answer, Gateway, add_tenant, post, settings};
use support::upstream::Upstream;
use support::{KEY, READ};
use tokio::task::JoinSet;

const CREATE: &str = "/create-configuration";
const TAG: &str = r#"{"tag":"t"}"#;
const OTHER: &str = "a-key-that-team-b-has";
/// One call a minute: no test is long enough to get a token back.
const SLOW: u32 = 1;

/// One tenant with the contract's own rates, or with these.
fn rated(upstream: &Upstream, total: Option<Rate>, own: &[(&str, Rate)]) -> Settings {
    let mut settings = settings(upstream.address);
    let rates = &mut settings.rate_limit.tenants[0];
    rates.total = total;
    rates.endpoints = own.iter().map(|(path, rate)| (Box::from(*path), *rate)).collect();
    settings
}

fn rate(per_minute: u32, burst: u32) -> Rate {
    Rate::new(per_minute, burst).unwrap()
}

/// The five fields on limits, in the order policy, state, limit, remaining, reset.
#[track_caller]
fn limits(answer: &Answer) -> [&str; 5] {
    [
        "ratelimit-policy",
        "ratelimit",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ]
    .map(|name| answer.header(name).unwrap_or_else(|| panic!("no {name}: {answer:?}")))
}

#[tokio::test]
async fn the_third_creation_at_once_waits_and_every_answer_tells_the_limit() {
    let upstream = Upstream::start([]).await;
    let gateway = Gateway::start(rated(&upstream, None, &[])).await;
    let policy = r#""create-configuration";q=10;w=60;burst=2"#;

    let first = gateway.call(CREATE, TAG).await;
    assert_eq!(first.status, 200);
    assert_eq!(limits(&first), [policy, r#""create-configuration";r=1;t=6"#, "10", "1", "6"]);
    assert_eq!(first.header("retry-after"), None);
    let second = gateway.call(CREATE, TAG).await;
    let [_, state, _, remaining, _] = limits(&second);
    assert!(state.starts_with(r#""create-configuration";r=0;t=1"#), "{state}");
    assert_eq!(remaining, "0");

    let third = gateway.call(CREATE, TAG).await;
    third.assert_refused(429, "rate_limited");
    assert_eq!(
        third.json()["error"]["message"],
        "Rate limit exceeded for /create-configuration: 10 requests per minute, at most 2 at once."
    );
    let wait: u64 = third.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=6).contains(&wait), "one token comes every 6 s: {wait}");
    let [found, state, limit, remaining, reset] = limits(&third);
    assert_eq!((found, limit, remaining), (policy, "10", "0"));
    assert_eq!(state, format!(r#""create-configuration";r=0;t={reset}"#));
    assert!((7..=12).contains(&reset.parse::<u64>().unwrap()), "{reset}");
    assert_eq!(upstream.requests().len(), 2);
    assert_eq!(gateway.call("/create-evaluator", TAG).await.status, 400, "an endpoint of its own");
}

#[tokio::test]
async fn a_body_that_is_refused_is_charged_and_an_answer_says_so() {
    let upstream = Upstream::start([]).await;
    let gateway = Gateway::start(rated(&upstream, None, &[])).await;
    let answer = gateway.call(CREATE, "{}").await;
    answer.assert_refused(400, "missing_field");
    assert_eq!(limits(&answer)[3], "1");
}

#[tokio::test]
async fn tenants_do_not_share_a_rate_and_the_keys_of_one_tenant_do() {
    let upstream = Upstream::start([]).await;
    let mut settings = rated(&upstream, None, &[(CREATE, rate(SLOW, 2))]);
    settings.authenticate.tenants[0].keys.push(KeySettings {
        id: "second".into(),
        digest: KeyDigest::of(b"another-key-of-team-a"),
        expires: None,
        state: Switch::Enabled,
    });
    add_tenant(&mut settings, "team-b", OTHER);
    settings.rate_limit.tenants[1].endpoints = HashMap::from([(CREATE.into(), rate(SLOW, 2))]);
    let gateway = Gateway::start(settings).await;
    let with = async |key| gateway.post(CREATE, &[("x-api-key", key)], TAG).await;

    assert_eq!(with(KEY).await.status, 200);
    assert_eq!(with("another-key-of-team-a").await.status, 200);
    for key in [KEY, "another-key-of-team-a"] {
        with(key).await.assert_refused(429, "rate_limited");
    }
    let answer = with(OTHER).await;
    assert_eq!((answer.status, limits(&answer)[3]), (200, "1"));
    assert_eq!(with(OTHER).await.status, 200);
    with(OTHER).await.assert_refused(429, "rate_limited");
}

#[tokio::test]
async fn a_tenant_may_have_another_rate_for_an_endpoint() {
    let upstream = Upstream::start([]).await;
    let gateway = Gateway::start(rated(&upstream, None, &[(CREATE, rate(SLOW, 3))])).await;
    for _ in 0..3 {
        assert_eq!(gateway.call(CREATE, TAG).await.status, 200);
    }
    let answer = gateway.call(CREATE, TAG).await;
    answer.assert_refused(429, "rate_limited");
    assert_eq!(limits(&answer)[0], r#""create-configuration";q=1;w=60;burst=3"#);
    let other = gateway.call("/get-configuration", READ).await;
    assert_eq!(limits(&other)[0], r#""get-configuration";q=500;w=60;burst=17"#);
}

#[tokio::test]
async fn a_total_binds_all_endpoints_together() {
    let upstream = Upstream::start([]).await;
    let own = [(CREATE, rate(SLOW, 100)), ("/get-configuration", rate(SLOW, 100))];
    let gateway = Gateway::start(rated(&upstream, Some(rate(SLOW, 3)), &own)).await;
    assert_eq!(gateway.call(CREATE, TAG).await.status, 200);
    assert_eq!(gateway.call("/get-configuration", READ).await.status, 200);
    let answer = gateway.call(CREATE, TAG).await;
    assert_eq!(
        limits(&answer)[..4],
        [r#""total";q=1;w=60;burst=3"#, r#""total";r=0;t=180"#, "1", "0"]
    );
    let answer = gateway.call("/get-configuration", READ).await;
    answer.assert_refused(429, "rate_limited");
    assert_eq!(
        answer.json()["error"]["message"],
        "Rate limit exceeded for all endpoints: 1 requests per minute, at most 3 at once."
    );
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn a_thousand_refused_calls_leave_the_other_limit_as_it_was() {
    let upstream = Upstream::start([]).await;
    let own = [(CREATE, rate(SLOW, 1)), ("/get-configuration", rate(SLOW, 4))];
    // The endpoint refuses: the total keeps its tokens.
    let gateway = Gateway::start(rated(&upstream, Some(rate(SLOW, 5)), &own)).await;
    assert_eq!(gateway.call(CREATE, TAG).await.status, 200);
    for _ in 0..1000 {
        assert_eq!(gateway.call(CREATE, TAG).await.status, 429);
    }
    for _ in 0..4 {
        assert_eq!(gateway.call("/get-configuration", READ).await.status, 200);
    }
    gateway.call("/list-configurations", "{}").await.assert_refused(429, "rate_limited");

    // The total refuses: the endpoint keeps its tokens, as a reload without a total shows.
    for _ in 0..1000 {
        assert_eq!(gateway.call("/list-participants", "{}").await.status, 429);
    }
    let mut gateway = gateway;
    gateway.reload(rated(&upstream, None, &own));
    let answer = gateway.call("/list-participants", "{}").await;
    assert_eq!((answer.status, limits(&answer)[3]), (200, "2"));
    assert_eq!(upstream.requests().len(), 6);
}

#[tokio::test]
async fn what_is_refused_before_the_limits_costs_nothing() {
    let upstream = Upstream::start([]).await;
    let own = [(CREATE, rate(SLOW, 1))];
    let gateway = Gateway::start(rated(&upstream, Some(rate(SLOW, 1)), &own)).await;
    for _ in 0..20 {
        gateway.call("/create-configurations", TAG).await.assert_refused(404, "unknown_endpoint");
        gateway.post(CREATE, &[], TAG).await.assert_refused(403, "missing_key");
        let wrong = [("x-api-key", "nobody-has-this-key")];
        gateway.post(CREATE, &wrong, TAG).await.assert_refused(403, "unknown_key");
        let twice = [("x-api-key", KEY), ("x-api-key", KEY)];
        gateway.post(CREATE, &twice, TAG).await.assert_refused(403, "repeated_key");
    }
    assert_eq!(gateway.call(CREATE, TAG).await.status, 200);
}

#[tokio::test]
async fn a_reload_keeps_what_is_spent_unless_the_numbers_change() {
    let upstream = Upstream::start([]).await;
    let spent = rated(&upstream, Some(rate(SLOW, 50)), &[(CREATE, rate(SLOW, 2))]);
    let mut gateway = Gateway::start(spent.clone()).await;
    for _ in 0..2 {
        assert_eq!(gateway.call(CREATE, TAG).await.status, 200);
    }
    // Other keys, other tenants in front, another total: none of it gives a token back.
    let mut moved = rated(&upstream, Some(rate(SLOW, 60)), &[(CREATE, rate(SLOW, 2))]);
    add_tenant(&mut moved, "team-0", OTHER);
    moved.authenticate.tenants.reverse();
    moved.rate_limit.tenants.reverse();
    for settings in [spent.clone(), moved, spent.clone()] {
        gateway.reload(settings);
        gateway.call(CREATE, TAG).await.assert_refused(429, "rate_limited");
    }
    gateway.reload(rated(&upstream, None, &[(CREATE, rate(SLOW, 3))]));
    let answer = gateway.call(CREATE, TAG).await;
    assert_eq!((answer.status, limits(&answer)[3]), (200, "2"), "new numbers start anew");
}

#[tokio::test]
async fn of_two_hundred_calls_at_once_on_a_burst_of_ten_ten_pass() {
    let upstream = Upstream::start([]).await;
    let own = [(CREATE, rate(SLOW, 10))];
    let settings = rated(&upstream, Some(rate(SLOW, 1000)), &own);
    // As in production: several threads share the rooms.
    let rooms = Rooms::new(settings, Arc::new(Contract::built_in().unwrap()), None, None);
    let listener = Listener::tcp(([127, 0, 0, 1], 0).into()).unwrap();
    let threads = NonZeroUsize::new(4).unwrap();
    let stack = |_| rooms.stack(rooms.upstream().unwrap());
    let workers =
        Workers::start_with(threads, listener, &server::Settings::default(), None, stack).unwrap();
    let LocalAddr::Tcp(address) = *workers.local_addr() else { unreachable!() };

    let mut calls = JoinSet::new();
    for _ in 0..200 {
        calls.spawn(async move { post(address, CREATE, &[("x-api-key", KEY)], TAG).await });
    }
    let answers = calls.join_all().await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(200), count(429)), (10, 190));
    assert_eq!(upstream.requests().len(), 10);
    for answer in answers.iter().filter(|answer| answer.status == 429) {
        answer.assert_refused(429, "rate_limited");
        assert!(answer.header("retry-after").is_some());
    }
}
