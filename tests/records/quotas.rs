//! Is every call counted once, and none that was not done?

use std::sync::Arc;

use heify_gateway::quota::MinutesBudget;
use heify_gateway::records::{AudioMillis, Meter};
use tokio::sync::Notify;

use super::support::upstream::Act;
use super::support::{KEY, SUBMIT};
use super::world::{CREATE, TAG, World, created, fresh, naming};

const TEN_MINUTES: AudioMillis = AudioMillis(600_000);

fn limited(minutes: i64) -> impl FnOnce(&mut heify_gateway::stack::Settings) {
    move |settings| {
        settings.isolate = None;
        let monthly = MinutesBudget::Monthly(AudioMillis(minutes * TEN_MINUTES.0));
        settings.quota.tenants[0].budget.minutes = monthly;
    }
}

#[tokio::test]
async fn of_two_hundred_calls_at_once_exactly_those_pass_that_the_balance_covers() {
    let world = World::start(limited(10)).await;
    for _ in 0..200 {
        world.upstream.then(created("transcription_id", fresh()));
    }
    let calls = (0..200).map(|_| world.gateway.call("/submit", SUBMIT));
    let answers = futures_util::future::join_all(calls).await;
    let passed = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!((passed, world.upstream.requests().len()), (10, 10));
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.assert_refused(402, "minutes_exhausted");
    }
    let balance = world.balance("team-a", Meter::Minutes).await;
    assert_eq!((balance.used, balance.held), (0, 10 * TEN_MINUTES.0));
}

#[tokio::test]
async fn a_thousand_refused_calls_change_nothing() {
    let world = World::start(limited(0)).await;
    let lines = world.lines().await;
    for _ in 0..1000 {
        world.gateway.call("/submit", SUBMIT).await.assert_refused(402, "minutes_exhausted");
    }
    assert_eq!(world.lines().await, lines);
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn a_month_ends_with_429_and_the_time_until_the_next_one() {
    let world = World::start(|settings| {
        settings.quota.tenants[0].budget.monthly.insert("/analytics".into(), 2);
    })
    .await;
    let body = naming("configuration_id", world.configuration().await);
    let first = world.gateway.call("/analytics", &body).await;
    assert_eq!(first.header("ratelimit").unwrap().split(';').nth(1), Some("r=1"));
    assert!(first.header("ratelimit-policy").unwrap().starts_with("\"analytics-month\";q=2;w="));
    assert_eq!(world.gateway.call("/analytics", &body).await.status, 200);
    let refused = world.gateway.call("/analytics", &body).await;
    refused.assert_refused(429, "quota_exhausted");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31 * 86_400).contains(&wait), "{wait}");
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
}

#[tokio::test]
async fn what_the_upstream_fails_or_refuses_is_given_back() {
    let world = World::start(|_| {}).await;
    let body = naming("configuration_id", world.configuration().await);
    let calls = || Meter::Calls("/analytics".into());
    world.upstream.then(Act::json(500, r#"{"error":{"message":"no","code":500}}"#));
    assert_eq!(world.gateway.call("/analytics", &body).await.status, 500);
    assert_eq!(world.balance("team-a", calls()).await.taken(), 0);
    world.upstream.then(Act::json(400, r#"{"error":{"message":"no","code":400}}"#));
    assert_eq!(world.gateway.call("/analytics", &body).await.status, 400);
    assert_eq!(world.balance("team-a", calls()).await.used, 1);
    // A lost answer stays held: it may have been done.
    world.upstream.then(Act::Close);
    world.gateway.call("/analytics", &body).await.assert_refused(500, "outcome_unknown");
    assert_eq!(world.balance("team-a", calls()).await.held, 1);
    world.upstream.then(Act::json(400, r#"{"error":{"message":"no","code":400}}"#));
    assert_eq!(world.gateway.call(CREATE, TAG).await.status, 400);
    let configurations = world.balance("team-a", Meter::Objects("configuration".into())).await;
    assert_eq!((configurations.used, configurations.held), (1, 0));
}

#[tokio::test]
async fn an_answer_to_a_creation_that_breaks_off_is_a_lost_one() {
    let world = World::start(|settings| settings.isolate = None).await;
    let head = "HTTP/1.1 201 X\r\ncontent-type: application/json\r\n";
    for broken in [
        "content-length: 100\r\n\r\n{\"data\":",
        "transfer-encoding: chunked\r\n\r\n8\r\n{\"data\":\r\n",
        "transfer-encoding: chunked\r\n\r\nno length",
    ] {
        world.upstream.then(Act::WriteAndClose([head, broken].concat().into_bytes()));
        let lost = world.gateway.call("/submit", SUBMIT).await;
        lost.assert_refused(500, "outcome_unknown");
    }
    assert_eq!(world.upstream.requests().len(), 3);
    assert_eq!(world.balance("team-a", Meter::Minutes).await.held, 3 * TEN_MINUTES.0);
}

#[tokio::test]
async fn an_answer_that_is_given_again_costs_nothing_again() {
    let world = World::start(|settings| settings.isolate = None).await;
    let (job, configuration) = (fresh(), fresh());
    for _ in 0..2 {
        world.upstream.then(created("transcription_id", job));
        assert_eq!(world.gateway.call("/submit", SUBMIT).await.status, 201);
        world.upstream.then(created("configuration_id", configuration));
        assert_eq!(world.gateway.call(CREATE, TAG).await.status, 201);
    }
    assert_eq!(world.balance("team-a", Meter::Minutes).await.held, TEN_MINUTES.0);
    assert_eq!(world.balance("team-a", Meter::Minutes).await.used, 0);
    let places = world.balance("team-a", Meter::Objects("configuration".into())).await;
    assert_eq!((places.held, places.used), (0, 1));
}

#[tokio::test]
async fn a_call_is_closed_also_when_its_client_has_gone() {
    let world = World::start(|_| {}).await;
    let gate = Arc::new(Notify::new());
    world.upstream.then(Act::Await(Arc::clone(&gate)));
    let address = world.gateway.address;
    let client = tokio::spawn(async move {
        super::support::gateway::post(address, CREATE, &[("x-api-key", KEY)], TAG).await
    });
    world.upstream.asked(1).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    let kind = || Meter::Objects("configuration".into());
    assert_eq!(world.balance("team-a", kind()).await.held, 1);
    gate.notify_one();
    // The answer has no id: the outcome is written, and the place stays held for operators to see.
    world.gateway.rooms.tasks().close();
    world.gateway.rooms.tasks().wait().await;
    assert_eq!(world.lines().await, 4, "two months, one reservation, one loss");
}

#[tokio::test]
async fn the_accounts_own_end_is_not_the_tenants_fault() {
    let world = World::start(|settings| {
        settings.quota.account.caps.insert("configuration".into(), 1);
        settings.quota.account.monthly.insert("/analytics".into(), 0);
    })
    .await;
    let id = world.configuration().await;
    world.other(CREATE, TAG).await.assert_refused(500, "account_cap_reached");
    let body = naming("configuration_id", id);
    let refused = world.gateway.call("/analytics", &body).await;
    refused.assert_refused(429, "account_quota_exhausted");
    let cap =
        r#"{"error":{"message":"Maximum of 20 configurations per client exceeded","code":400}}"#;
    let full = World::start(|_| {}).await;
    full.upstream.then(Act::json(400, cap));
    full.gateway.call(CREATE, TAG).await.assert_refused(500, "account_cap_reached");
    assert_eq!(full.balance("team-a", Meter::Objects("configuration".into())).await.taken(), 0);
}

#[tokio::test]
async fn an_account_without_minutes_is_not_asked_again_at_once() {
    let world = World::start(|settings| settings.isolate = None).await;
    world.upstream.then(Act::json(402, r#"{"error":{"message":"no","code":402}}"#));
    for _ in 0..3 {
        let refused = world.gateway.call("/submit", SUBMIT).await;
        refused.assert_refused(402, "account_minutes_exhausted");
    }
    assert_eq!(world.upstream.requests().len(), 1);
    assert_eq!(world.balance("team-a", Meter::Minutes).await.taken(), 0);
}

#[tokio::test]
async fn nothing_is_created_or_deleted_that_the_records_could_not_keep() {
    let world = World::start(|settings| settings.isolate = None).await;
    let body = naming("configuration_id", world.configuration().await);
    let asked = world.upstream.requests().len();
    world.records.close().await;
    for (path, body) in [("/delete-configuration", &*body), (CREATE, TAG), ("/submit", SUBMIT)] {
        let refused = world.gateway.call(path, body).await;
        refused.assert_refused(500, "records_unavailable");
        assert_eq!(refused.header("retry-after"), Some("5"), "{path}");
    }
    assert_eq!(world.upstream.requests().len(), asked);
    assert_eq!(world.gateway.call("/get-configuration", &body).await.status, 200);
}
