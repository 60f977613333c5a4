//! Does a new central key take over only when the upstream takes it?

use std::fs;

use serde_json::json;

use crate::world::{FIRST, REVOKED, SECOND, World, ask, replace};

const LIST: &str = "/list-participants";

#[test]
fn a_new_key_is_proven_at_no_cost_and_takes_over() {
    let world = World::new();
    let served = world.serve();
    assert_eq!(served.call(LIST).status, 200);
    replace(&world.key_file, SECOND);
    served.running.line_with("configuration reloaded");
    world.heify.deactivate(FIRST);
    assert_eq!(served.call(LIST).status, 200);
    assert_eq!(world.heify.calls(), [LIST, "/get-configuration", LIST]);
    assert_eq!(served.last_reload().as_deref(), Some("1"));
}

#[test]
fn a_key_that_is_rejected_changes_nothing_at_all() {
    let world = World::new();
    let served = world.serve();
    fs::write(&world.key_file, REVOKED).unwrap();
    world.write(&world.text(&[("id = \"team\"", "id = \"team\"\ndisabled = true")]));
    let said = served.running.line_with("not reloaded");
    assert!(said.contains("upstream rejects this central key"), "{said}");
    assert!(!said.contains(REVOKED), "{said}");
    assert_eq!(served.call(LIST).status, 200, "the old key and the old tenants are in use");
    assert_eq!(served.last_reload().as_deref(), Some("0"));
    // Whoever asks over the admin API is told the same.
    let token = format!("authorization: Bearer {}", crate::world::OPERATOR);
    let told = ask(&served.status, "POST /admin/v1/reload", &token, "{}");
    assert_eq!(told.status, 422, "{told:?}");
    assert!(told.body.contains("upstream rejects this central key"), "{told:?}");
    replace(&world.key_file, SECOND);
    served.running.line_with("configuration reloaded");
    assert_eq!(served.call(LIST).field("x-gateway-reason"), Some("disabled_tenant"));
    assert_eq!(served.last_reload().as_deref(), Some("1"));
}

#[test]
fn a_key_that_could_not_be_proven_is_tried_again_by_itself() {
    let world = World::new();
    let served = world.serve();
    world.heify.fault("/get-configuration", 1, &json!({ "kind": "status", "status": 503 }));
    replace(&world.key_file, SECOND);
    let said = served.running.line_with("not reloaded");
    assert!(said.contains("could not be proven"), "{said}");
    assert_eq!(served.call(LIST).status, 200);
    served.running.line_with("the upstream takes the new central key");
    served.running.line_with("configuration reloaded");
    world.heify.deactivate(FIRST);
    assert_eq!(served.call(LIST).status, 200);
}

#[test]
fn an_upstream_that_does_not_answer_a_proof_holds_up_neither_calls_nor_the_end() {
    let world = World::new();
    let served = world.serve();
    world.heify.fault("/get-configuration", 1, &json!({ "kind": "hang" }));
    replace(&world.key_file, SECOND);
    served.running.line_with("is asked whether it takes the new central key");
    assert_eq!(served.call(LIST).status, 200);
    let (exit, lines) = served.running.end("TERM");
    assert_eq!(exit, Some(0), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("could not be proven")), "{lines:#?}");
}

#[test]
fn a_start_does_not_depend_on_the_upstream() {
    let world = World::new();
    fs::write(&world.key_file, REVOKED).unwrap();
    let served = world.serve();
    assert_eq!(ask(&served.status, "GET /readyz", "accept: */*", "").status, 200);
    assert_eq!(served.call(LIST).field("x-gateway-reason"), Some("upstream_key_rejected"));
}
