//! Does `GET /_gateway/usage` tell a tenant its own, and nothing else?

use heify_gateway::quota::MinutesBudget;
use heify_gateway::records::AudioMillis;

use super::support::{KEY, SUBMIT};
use super::world::{World, created, fresh};

async fn usage(world: &World, key: &str) -> super::support::gateway::Answer {
    let request = format!(
        "GET /_gateway/usage HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\nx-api-key: {key}\r\n\r\n"
    );
    world.gateway.raw(request.as_bytes()).await
}

#[tokio::test]
async fn a_tenant_sees_what_it_used_reserved_and_has_left() {
    let world = World::start(|settings| {
        settings.isolate = None;
        let monthly = MinutesBudget::Monthly(AudioMillis::from_minutes(60));
        settings.quota.tenants[0].budget.minutes = monthly;
    })
    .await;
    world.upstream.then(created("transcription_id", fresh()));
    assert_eq!(world.gateway.call("/submit", SUBMIT).await.status, 201);
    let answer = usage(&world, KEY).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let data = &answer.json()["data"];
    assert_eq!(data["tenant"], "team-a");
    let minutes = &data["minutes"];
    assert_eq!(minutes["reserved"], 600_000);
    assert_eq!(minutes["left"], 3_000_000);
    assert_eq!(minutes["overdrawn"], 0);
    let calls = data["calls"].as_array().unwrap();
    let analytics = calls.iter().find(|line| line["endpoint"] == "/analytics").unwrap();
    assert_eq!((&analytics["limit"], &analytics["left"]), (&30.into(), &30.into()));
    let other = usage(&world, super::world::OTHER_KEY).await.json();
    assert_eq!(other["data"]["minutes"]["reserved"], 0);
    assert_eq!(other["data"]["minutes"]["left"], serde_json::Value::Null);
}

#[tokio::test]
async fn without_a_key_or_with_another_method_nothing_is_told() {
    let world = World::start(|_| {}).await;
    usage(&world, "nobodys-key-at-all").await.assert_refused(403, "unknown_key");
    world.gateway.call("/_gateway/usage", "{}").await.assert_refused(404, "wrong_method");
}
