//! What does a tenant find out by itself, with its own key?

use serde_json::json;

use super::admin::Admin;
use crate::world::{ACME, World, call, configuration, submit};

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
