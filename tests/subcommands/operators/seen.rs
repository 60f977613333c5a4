//! Do exports, the live view and the metrics show what happened?

use serde_json::json;

use super::admin::{Admin, OPERATOR, VIEWER};
use crate::world::{ACME, World, call, configuration, submit};

#[test]
fn a_month_is_exported_for_charge_back_and_agrees_with_the_command() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let made = configuration(&admin.listen, ACME);
    let answer = submit(&admin.listen, ACME, &made);
    assert_eq!(answer.status, 201, "{answer:?}");
    let jobs = admin.with(VIEWER, "GET /usage/jobs?format=csv", None);
    assert!(jobs.head.contains("content-type: text/csv"), "{jobs:?}");
    let same = world.done(&["usage", "--output", "csv"]);
    assert_eq!(jobs.text.lines().count(), 2);
    assert_eq!(jobs.text.lines().next(), same.lines().next());
    assert!(jobs.text.contains("\"'=cost, center\""), "no spreadsheet runs it: {}", jobs.text);
    let days = admin.see("/usage");
    assert_eq!(days["days"][0]["jobs"], 1);
    let tenant = admin.see("/tenants/acme");
    assert_eq!(tenant["usage"]["objects"][0]["used"], 1);
    // What a request reserved is told by its id.
    let request = admin.see("/usage/jobs")["jobs"][0]["request"].as_str().unwrap().to_owned();
    let told = admin.see(&format!("/explain/{request}"));
    assert_eq!(told["charges"][0]["tenant"], "acme");
    let grant = json!({ "tenant": "acme", "minutes": 30, "note": "order 4711" });
    assert_eq!(admin.change("POST /grants", &grant).json()["granted_ms"], 1_800_000);
    assert_eq!(admin.see("/account")["objects"][0]["used"], 1);
    let lines = admin.see("/journal?most=3");
    assert_eq!(lines["lines"].as_array().unwrap().len(), 3);
    assert_eq!(lines["next_after"], 3);
    let verified = world.done(&["verify"]);
    assert!(verified.contains("ok") || !verified.is_empty(), "{verified}");
}

#[test]
fn what_passes_shows_live_and_in_the_metrics() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    assert_eq!(call(&admin.listen, "/list-configurations", ACME, "{}").status, 200);
    assert_eq!(call(&admin.listen, "/submit", ACME, "{}").status, 400);
    assert_eq!(call(&admin.listen, "/submit", "nobody-knows-this-key", "{}").status, 403);
    let live = admin.see("/live");
    let slots = live["slots"].as_array().unwrap();
    let sum = |name: &str| slots.iter().map(|slot| slot[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("forwarded"), sum("refused")), (1, 2));
    assert!(sum("overhead_us") > 0 && sum("upstream_us") > 0);
    assert_eq!(live["reasons"], json!({ "missing_field": 1, "unknown_key": 1 }));
    assert_eq!(live["tenants"]["acme"], json!({ "forwarded": 1, "refused": 1 }));
    let status = |path: &str| {
        admin.raw(&format!("GET {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n"))
    };
    let metrics = status("/metrics");
    assert_eq!(metrics.status, 200);
    for line in [
        "heify_gateway_requests_total{endpoint=\"/list-configurations\",status=\"200\",reason=\"\",\
         source=\"upstream\"} 1",
        "heify_gateway_requests_total{endpoint=\"/submit\",status=\"400\",reason=\"missing_field\",\
         source=\"gateway\"} 1",
        "heify_gateway_upstream_duration_seconds_count{endpoint=\"/list-configurations\"} 1",
        "heify_gateway_tenant_forwarded_total{tenant=\"acme\"} 1",
        "heify_gateway_records_healthy 1",
        "heify_gateway_config_version 1",
    ] {
        assert!(metrics.text.contains(line), "{line} is not in {}", metrics.text);
    }
    for secret in [ACME, OPERATOR, VIEWER, crate::world::CENTRAL] {
        assert!(!metrics.text.contains(secret));
    }
    assert!(status("/version").text.contains(env!("CARGO_PKG_VERSION")));
    // A configuration with a mistake is refused whole, and shows.
    let text = std::fs::read_to_string(&world.path).unwrap();
    std::fs::write(&world.path, format!("{text}nonsense = 1\n")).unwrap();
    let said = admin.with(OPERATOR, "POST /reload", None);
    assert_eq!(said.status, 422);
    assert!(said.message().starts_with("nothing was changed: "), "{said:?}");
    assert!(status("/metrics").text.contains("heify_gateway_config_last_reload_successful 0"));
    std::fs::write(&world.path, text).unwrap();
    assert_eq!(admin.with(OPERATOR, "POST /reload", None).json()["version"], 2);
    assert!(status("/metrics").text.contains("heify_gateway_config_last_reload_successful 1"));
    let shown = admin.see("/config").to_string();
    for secret in [ACME, OPERATOR, VIEWER, crate::world::CENTRAL] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
