//! Does a limit that is not enforced count, and refuse nobody?

use std::sync::Arc;
use std::time::Instant;

use heify_gateway::quota::{Budget, MinutesBudget};
use heify_gateway::rate::Rate;
use heify_gateway::records::{AudioMillis, Limit, Meter};
use heify_gateway::stack::Settings;
use heify_gateway::traffic::{Incident, Traffic};
use serde_json::json;

use super::support::gateway::Answer;
use super::support::{KEY, SUBMIT};
use super::world::{CREATE, TAG, World, created, fresh, naming};

/// A world that counts, with these limits of the first tenant.
async fn world(limits: impl FnOnce(&mut Settings)) -> (World, Arc<Traffic>) {
    let traffic = Arc::new(Traffic::new(Instant::now()));
    let world = World::start_counted(limits, &traffic).await;
    (world, traffic)
}

/// A reason, and whether its limit is not enforced.
type Kept = (&'static str, bool);
/// The endpoint, the reason, and how often.
type Counted = (String, &'static str, u64);

/// The reasons that were kept, and those that were counted.
fn seen(traffic: &Traffic) -> (Vec<Kept>, Vec<Counted>) {
    let now = std::time::SystemTime::now();
    let kept = traffic.incidents(Some("team-a"), 100, now, |_| true);
    let shown = |one: &Incident| (one.refusal.reason(), !one.enforcement.is_enforced());
    let tenants = traffic.tenants();
    let tenant = tenants.iter().find(|one| &*one.id == "team-a").unwrap();
    let counted = tenant.shadowed().into_iter();
    let counted = counted.map(|(path, reason, count)| (path.to_string(), reason, count));
    (kept.iter().map(shown).collect(), counted.collect())
}

fn budget(settings: &mut Settings) -> &mut Budget {
    &mut settings.quota.tenants[0].budget
}

fn silent(answer: &Answer) {
    let told = answer.headers.iter().any(|(name, value)| {
        name.contains("shadow") || value.contains("shadow") || name == "x-gateway-reason"
    });
    assert!(!told, "{answer:?}");
}

#[tokio::test]
async fn a_rate_that_only_counts_refuses_nobody_and_shows_in_no_field() {
    let (world, traffic) = world(|settings| {
        let rates = &mut settings.rate_limit.tenants[0];
        rates.endpoints.insert("/get-configuration".into(), Rate::new(1, 1).unwrap());
        rates.total = Some(Rate::new(1, 2).unwrap());
        rates.shadow = [Limit::Rate("/get-configuration".into()), Limit::Total].into();
    })
    .await;
    let body = naming("configuration_id", world.configuration().await);
    for _ in 0..3 {
        let answer = world.gateway.call("/get-configuration", &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        silent(&answer);
        assert_eq!(answer.header("ratelimit"), None, "{answer:?}");
    }
    // The first call left one of two tokens of the total, and then none.
    let counted = ("/get-configuration".to_owned(), "rate_limited", 4);
    let (kept, counts) = seen(&traffic);
    assert_eq!((kept, counts), (vec![("rate_limited", true); 4], vec![counted]));
}

#[tokio::test]
async fn what_a_limit_refuses_that_is_enforced_costs_nothing_of_one_that_only_counts() {
    let (world, traffic) = world(|settings| {
        let rates = &mut settings.rate_limit.tenants[0];
        rates.endpoints.insert("/get-configuration".into(), Rate::new(1, 1).unwrap());
        rates.total = Some(Rate::new(1, 2).unwrap());
        rates.shadow = [Limit::Total].into();
    })
    .await;
    for status in [400, 429, 429, 429] {
        assert_eq!(world.gateway.call("/get-configuration", "{}").await.status, status);
    }
    assert_eq!(world.gateway.call("/submit", "{}").await.status, 400);
    assert_eq!(seen(&traffic).1, []);
    assert_eq!(world.gateway.call("/submit", "{}").await.status, 400);
    assert_eq!(seen(&traffic).1, [("/submit".to_owned(), "rate_limited", 1)]);
}

#[tokio::test]
async fn minutes_that_only_count_are_reserved_beyond_their_limit() {
    let (world, traffic) = world(|settings| {
        settings.isolate = None;
        budget(settings).minutes = MinutesBudget::Monthly(AudioMillis::from_minutes(15));
        budget(settings).shadow = [Limit::Minutes].into();
        let account = &mut settings.quota.account;
        account.minutes = MinutesBudget::Monthly(AudioMillis::from_minutes(35));
    })
    .await;
    for _ in 0..3 {
        world.upstream.then(created("transcription_id", fresh()));
        let answer = world.gateway.call("/submit", SUBMIT).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        silent(&answer);
    }
    let held = world.balance("team-a", Meter::Minutes).await.held;
    assert_eq!(held, AudioMillis::from_minutes(30).0);
    // The account's own are enforced as before.
    let refused = world.gateway.call("/submit", SUBMIT).await;
    refused.assert_refused(402, "account_minutes_exhausted");
    assert_eq!(world.balance("team-a", Meter::Minutes).await.held, held);
    assert_eq!(seen(&traffic).1, [("/submit".to_owned(), "minutes_exhausted", 2)]);
    let asked = json!({ "path": "/submit", "body_text": SUBMIT }).to_string();
    let told = world.gateway.call("/_gateway/explain", &asked).await.json()["data"].clone();
    assert_eq!(told["refusal"]["reason"], "account_minutes_exhausted");
    assert_eq!(told["not_enforced"][0]["reason"], "minutes_exhausted");
    let usage = format!(
        "GET /_gateway/usage HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-api-key: {KEY}\r\n\r\n"
    );
    let usage = world.gateway.raw(usage.as_bytes()).await.json();
    assert_eq!(usage["data"]["minutes"]["enforced"], false);
    assert_eq!(usage["data"]["minutes"]["overdrawn"], AudioMillis::from_minutes(15).0);
}

#[tokio::test]
async fn months_and_caps_that_only_count_refuse_nobody() {
    let (world, traffic) = world(|settings| {
        budget(settings).monthly.insert("/analytics".into(), 1);
        budget(settings).caps.insert("configuration".into(), 1);
        budget(settings).shadow =
            [Limit::Calls("/analytics".into()), Limit::Objects("configuration".into())].into();
    })
    .await;
    let body = naming("configuration_id", world.configuration().await);
    for _ in 0..2 {
        let answer = world.gateway.call("/analytics", &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        silent(&answer);
        let policy = answer.header("ratelimit-policy").unwrap();
        assert!(!policy.contains("month"), "{policy}");
    }
    world.upstream.then(created("configuration_id", fresh()));
    assert_eq!(world.gateway.call(CREATE, TAG).await.status, 201);
    assert_eq!(world.balance("team-a", Meter::Calls("/analytics".into())).await.used, 2);
    let counted =
        [("/analytics".to_owned(), "quota_exhausted", 1), (CREATE.to_owned(), "cap_reached", 1)];
    assert_eq!(seen(&traffic).1, counted);
}

#[tokio::test]
async fn an_account_that_only_counts_refuses_nobody() {
    let (world, traffic) = world(|settings| {
        let account = &mut settings.quota.account;
        account.caps.insert("configuration".into(), 0);
        account.shadow = [Limit::Objects("configuration".into())].into();
    })
    .await;
    world.configuration().await;
    assert_eq!(seen(&traffic).0, [("account_cap_reached", true)]);
}
