//! Does `POST /_gateway/explain` tell what would become of a request, and change nothing?

use heify_gateway::quota::MinutesBudget;
use heify_gateway::rate::Rate;
use heify_gateway::records::AudioMillis;
use serde_json::{Value, json};

use super::support::gateway::Answer;
use super::support::{KEY, SUBMIT};
use super::world::{CREATE, OTHER_KEY, TAG, World, created, fresh, naming};

const EXPLAIN: &str = "/_gateway/explain";

async fn explain(world: &World, key: &str, asked: &Value) -> Value {
    let answer = world.gateway.post(EXPLAIN, &[("x-api-key", key)], &asked.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"].clone()
}

fn limited(settings: &mut heify_gateway::stack::Settings) {
    let minutes = MinutesBudget::Monthly(AudioMillis::from_minutes(15));
    settings.quota.tenants[0].budget.minutes = minutes;
    let rate = Rate::new(60, 2).unwrap();
    settings.rate_limit.tenants[0].endpoints.insert("/submit".into(), rate);
    settings.rate_limit.tenants[0].total = Some(Rate::new(6000, 1000).unwrap());
}

fn submit(configuration: uuid::Uuid) -> Value {
    json!({ "configuration_id": configuration, "url": "https://media.example.org/a.mp3" })
}

#[tokio::test]
async fn a_good_request_is_told_what_it_would_reserve_and_which_limits_bind() {
    let world = World::start(limited).await;
    let configuration = world.configuration().await;
    let asked = json!({ "path": "/submit", "body": submit(configuration) });
    let told = explain(&world, KEY, &asked).await;
    assert_eq!(told["key"], json!({ "tenant": "team-a", "id": "team-a-1", "expires": null }));
    let endpoint = json!({ "path": "/submit", "method": "POST", "known": true, "allowed": true });
    assert_eq!(told["endpoint"], endpoint);
    assert_eq!(told["body"]["valid"], true);
    let names: Vec<_> =
        told["limits"].as_array().unwrap().iter().map(|one| &one["limit"]).collect();
    assert_eq!(
        names,
        [
            "rate:/submit",
            "total",
            "objects:transcription",
            "objects:transcription",
            "minutes",
            "minutes"
        ]
    );
    assert_eq!(
        (&told["limits"][0]["burst"], &told["limits"][0]["remaining"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(told["limits"][4]["minutes"]["left"], 900_000);
    let account =
        json!({ "limit": "minutes", "of": "account", "enforced": true, "would_pass": true });
    assert_eq!(told["limits"][5], account, "nothing of the account but whether it has enough");
    let held = told["would_reserve"].as_array().unwrap();
    let minutes = json!({ "of": "minutes", "amount": 600_000, "unit": "milliseconds of audio" });
    assert!(held.contains(&minutes), "{held:?}");
    assert_eq!((&told["would_pass"], &told["refusal"]), (&json!(true), &Value::Null));
    // It would, and does.
    world.upstream.then(created("transcription_id", fresh()));
    let sent = submit(configuration).to_string();
    assert_eq!(world.gateway.call("/submit", &sent).await.status, 201);
    let told = explain(&world, KEY, &asked).await;
    assert_eq!((&told["limits"][0]["remaining"], &told["would_pass"]), (&json!(1), &json!(false)));
    assert_eq!(told["refusal"]["reason"], "minutes_exhausted");
    assert_eq!(told["could_pass_at"], told["limits"][4]["minutes"]["resets"]);
}

#[tokio::test]
async fn every_fault_is_told_and_the_first_is_the_one_that_the_call_gets() {
    let world = World::start(limited).await;
    let body = json!({ "url": "no-url", "language": 7, "x": { "y": 1 } });
    let told = explain(&world, KEY, &json!({ "path": "/submit", "body": body })).await;
    let violations = told["body"]["violations"].as_array().unwrap();
    let fields: Vec<_> = violations.iter().map(|one| &one["field"]).collect();
    assert!(fields.len() > 1 && fields.contains(&&json!("configuration_id")), "{fields:?}");
    assert!(told["body"]["unchecked_fields"].as_array().unwrap().contains(&json!("x")));
    let refused = world.gateway.call("/submit", &body.to_string()).await;
    assert_eq!(told["refusal"]["reason"], refused.header("x-gateway-reason").unwrap());
    assert_eq!(told["refusal"]["message"], refused.json()["error"]["message"]);
    assert_eq!(told["could_pass_at"], Value::Null);
    let told = explain(&world, KEY, &json!({ "path": "/submit", "body_text": "{\"url\":," })).await;
    assert_eq!(told["refusal"]["reason"], "invalid_json");
    assert_eq!(told["refusal"]["hint"], "the first error is at line 1, column 8");
    let body = json!({ "configuration_id": fresh(), "url": "https://a.example/b.pdf" });
    let told = explain(&world, KEY, &json!({ "path": "/submit", "body": body })).await;
    assert_eq!(told["refusal"]["reason"], "unsupported_audio");
    assert_eq!(told["body"]["violations"][0]["field"], "url");
    let told = explain(&world, KEY, &json!({ "path": "/v1/submitt" })).await;
    assert_eq!(told["endpoint"]["meant"], "/submit");
    assert_eq!((&told["refusal"]["status"], &told["would_pass"]), (&json!(404), &json!(false)));
}

#[tokio::test]
async fn a_call_that_names_too_many_ids_is_explained_too() {
    let world = World::start(limited).await;
    let mut body = submit(world.configuration().await);
    body["others"] = (0..1001).map(|_| json!(fresh())).collect();
    let told = explain(&world, KEY, &json!({ "path": "/submit", "body": body })).await;
    let refused = world.gateway.call("/submit", &body.to_string()).await;
    refused.assert_refused(400, "invalid_field");
    assert_eq!(told["refusal"]["message"], refused.json()["error"]["message"]);
    assert_eq!((&told["would_pass"], &told["body"]["valid"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn an_exhausted_rate_is_told_with_the_time_that_it_takes() {
    let world = World::start(limited).await;
    let configuration = world.configuration().await;
    let asked = json!({ "path": "/submit", "body": submit(configuration) });
    for _ in 0..2 {
        assert_eq!(world.gateway.call("/submit", "{}").await.status, 400);
    }
    let told = explain(&world, KEY, &asked).await;
    assert_eq!(told["limits"][0]["remaining"], 0);
    assert_eq!(told["refusal"]["reason"], "rate_limited");
    assert!(told["limits"][0]["passes_after_seconds"].as_f64().unwrap() <= 1.0, "{told}");
    assert!(told["could_pass_at"].is_string(), "{told}");
}

#[tokio::test]
async fn a_foreign_id_is_explained_as_one_that_does_not_exist() {
    let world = World::start(|_| {}).await;
    let theirs = world.configuration().await;
    let about = async |id| {
        let body: Value = serde_json::from_str(&naming("configuration_id", id)).unwrap();
        let asked = json!({ "path": "/get-configuration", "body": body });
        let mut told = explain(&world, OTHER_KEY, &asked).await;
        told["as_of"] = Value::Null;
        told
    };
    let (foreign, nobodys) = (about(theirs).await, about(fresh()).await);
    assert_eq!(foreign, nobodys);
    assert_eq!(foreign["refusal"]["reason"], "unknown_id");
    assert_eq!(foreign["body"]["violations"][0]["field"], "configuration_id");
}

#[tokio::test]
async fn a_hundred_explanations_change_nothing_and_reach_nobody() {
    let world = World::start(|settings| {
        limited(settings);
        // The configuration's token of it comes back while this runs.
        settings.rate_limit.tenants[0].total = None;
    })
    .await;
    let configuration = world.configuration().await;
    let lines = world.lines().await;
    let asked = json!({ "path": "/submit", "body": submit(configuration) });
    let first = explain(&world, KEY, &asked).await;
    for _ in 0..98 {
        explain(&world, KEY, &asked).await;
    }
    let mut last = explain(&world, KEY, &asked).await;
    last["as_of"] = first["as_of"].clone();
    assert_eq!(last, first);
    assert_eq!(world.lines().await, lines);
    assert_eq!(world.upstream.requests().len(), 1, "the configuration");
    assert_eq!(first["limits"][0]["remaining"], 2);
}

#[tokio::test]
async fn explanations_are_bounded_and_for_holders_of_a_key() {
    let world = World::start(|_| {}).await;
    world.gateway.post(EXPLAIN, &[], "{}").await.assert_refused(403, "missing_key");
    let wrong = [("x-api-key", "nobodys-key-at-all")];
    world.gateway.post(EXPLAIN, &wrong, "{}").await.assert_refused(403, "unknown_key");
    let get = format!(
        "GET {EXPLAIN} HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-api-key: {KEY}\r\n\r\n"
    );
    let refused = world.gateway.raw(get.as_bytes()).await;
    refused.assert_refused(404, "wrong_method");
    assert_eq!(refused.header("x-gateway-hint"), Some("use POST"));
    let large = json!({ "path": "/submit", "body_text": "x".repeat(1 << 20) }).to_string();
    world.gateway.call(EXPLAIN, &large).await.assert_refused(400, "body_too_large");
    for (asked, reason) in [
        ("", "empty_body"),
        ("{", "invalid_json"),
        ("[]", "invalid_field"),
        ("{}", "missing_field"),
        (r#"{"path":"/submit","path":"/x"}"#, "duplicate_field"),
        (r#"{"path":"/submit","bodi":{}}"#, "invalid_field"),
    ] {
        world.gateway.call(EXPLAIN, asked).await.assert_refused(400, reason);
    }
    let asked = format!(r#"{{"path":"/submit","body":{SUBMIT}}}"#);
    let mut answers: Vec<Answer> = Vec::new();
    while answers.last().is_none_or(|answer| answer.status == 200) && answers.len() < 1000 {
        answers.push(world.gateway.call(EXPLAIN, &asked).await);
    }
    let refused = answers.last().unwrap();
    refused.assert_refused(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    // It is a rate of its own: calls and other teams go on.
    world.upstream.then(created("configuration_id", fresh()));
    assert_eq!(world.gateway.call(CREATE, TAG).await.status, 201);
    let other = world.gateway.post(EXPLAIN, &[("x-api-key", OTHER_KEY)], &asked).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn an_endpoint_that_is_not_allowed_and_the_keys_end_are_told() {
    let world = World::start(|settings| {
        let tenant = &mut settings.authenticate.tenants[0];
        tenant.endpoints = Some(vec!["/get-configuration".into()]);
        let end = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(4_102_444_800);
        tenant.keys[0].expires = Some(end);
    })
    .await;
    let told = explain(&world, KEY, &json!({ "path": "/submit", "body": {} })).await;
    assert_eq!(told["key"]["expires"], "2100-01-01T00:00:00Z");
    assert_eq!(
        (&told["endpoint"]["known"], &told["endpoint"]["allowed"]),
        (&json!(true), &json!(false))
    );
    let refused = world.gateway.call("/submit", "{}").await;
    refused.assert_refused(403, "endpoint_not_allowed");
    assert_eq!(told["refusal"]["reason"], "endpoint_not_allowed");
    // It goes on where the call would not.
    assert!(told["all_refusals"].as_array().unwrap().len() > 1);
    let told = explain(&world, KEY, &json!({ "path": "/get-configuration" })).await;
    assert_eq!(told["endpoint"]["allowed"], true);
}
