//! What does a tenant find out by itself, with its own key?

use serde_json::json;

use super::admin::Admin;
use crate::world::{ACME, GLOBEX, World, call, configuration, submit};

#[test]
fn a_tenant_explains_its_request_before_it_is_sent_and_nothing_is_charged() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let made = configuration(&admin.listen, ACME);
    let lines = || admin.see("/journal?most=1000")["lines"].as_array().unwrap().len();
    let before = lines();
    let body = json!({ "configuration_id": made, "url": "https://example.com/call.mp3" });
    let asked = json!({ "path": "/submit", "body": body }).to_string();
    for _ in 0..100 {
        let told = call(&admin.listen, "/_gateway/explain", ACME, &asked);
        assert_eq!(
            (told.status, &told.body["data"]["would_pass"]),
            (200, &json!(true)),
            "{told:?}"
        );
        assert_eq!(told.body["data"]["key"]["id"], "acme-file");
    }
    assert_eq!(lines(), before);
    assert_eq!(admin.see("/usage/jobs")["jobs"], json!([]));
    assert_eq!(submit(&admin.listen, ACME, &made).status, 201);
    let asked = json!({ "path": "/submit", "body": {} }).to_string();
    let told = call(&admin.listen, "/_gateway/explain", ACME, &asked);
    assert_eq!(told.body["data"]["refusal"]["reason"], "missing_field");
}

#[test]
fn a_limit_that_only_counts_is_seen_by_operators_and_by_nobody_else() {
    let world = World::new();
    let more = "rate = { \"/list-configurations\" = { per_minute = 1, enforce = false } }\n\
                minutes = { monthly = 1, enforce = false }\n";
    let admin = Admin::start(&world, more);
    for _ in 0..3 {
        let answer = call(&admin.listen, "/list-configurations", GLOBEX, "{}");
        assert_eq!((answer.status, &*answer.reason), (200, ""));
    }
    let made = configuration(&admin.listen, GLOBEX);
    assert_eq!(submit(&admin.listen, GLOBEX, &made).status, 201);
    let found = admin.see("/refusals?tenant=globex&shadow=true");
    let refusals = found["refusals"].as_array().unwrap();
    let reasons: Vec<_> = refusals.iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["minutes_exhausted", "rate_limited", "rate_limited"]);
    assert_eq!((&refusals[0]["shadow"], &refusals[0]["status"]), (&json!(true), &json!(402)));
    assert_eq!(admin.see("/refusals?shadow=false")["refusals"], json!([]));
    let live = admin.see("/live");
    assert_eq!(live["shadow"], json!({ "minutes_exhausted": 1, "rate_limited": 2 }));
    assert_eq!((&live["reasons"], &live["tenants"]["globex"]["refused"]), (&json!({}), &json!(0)));
    let request = refusals[1]["request"].as_str().unwrap();
    let told = admin.see(&format!("/explain/{request}"));
    assert_eq!(told["refusals"][0]["shadow"], true);
    let metrics = admin.raw("GET /metrics HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n").text;
    let line = "heify_gateway_shadow_refusals_total{tenant=\"globex\",\
                endpoint=\"/list-configurations\",reason=\"rate_limited\"} 2";
    assert!(metrics.contains(line), "{metrics}");
    let limits = world.json(&["limit", "list", "--tenant", "globex"]);
    let of =
        |name: &str| limits.as_array().unwrap().iter().find(|one| one["limit"] == name).cloned();
    assert_eq!(of("rate:/list-configurations").unwrap()["enforced"], "false");
    assert_eq!(of("rate:/submit").unwrap()["enforced"], "true");
}
