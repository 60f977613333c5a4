//! Are a 429, a leaked key and a changed limit dealt with while the gateway runs?

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::admin::{Admin, OPERATOR, VIEWER};
use crate::world::{GLOBEX, World, call};

#[test]
fn a_429_at_night_is_found_explained_and_relieved_without_a_restart() {
    let world = World::new();
    let admin = Admin::start(&world, "rate = { \"/list-configurations\" = { per_minute = 1 } }\n");
    let list = || call(&admin.listen, "/list-configurations", GLOBEX, "{}");
    assert_eq!(list().status, 200);
    assert_eq!(list().reason, "rate_limited");
    // First: what was refused?
    let found = admin.see("/refusals?tenant=globex");
    let refusal = &found["refusals"][0];
    assert_eq!((&refusal["reason"], &refusal["status"]), (&json!("rate_limited"), &json!(429)));
    assert_eq!(refusal["limit"]["per_minute"], 1);
    // Second: which rule said what?
    let request = refusal["request"].as_str().unwrap();
    let told = admin.see(&format!("/explain/{request}"));
    assert_eq!((&told["known"], &told["refusals"][0]["tenant"]), (&json!(true), &json!("globex")));
    assert_eq!(told["refusals"][0]["config_version"], 1);
    let file = world.folder.path().join("token");
    std::fs::write(&file, VIEWER).unwrap();
    let url = format!("http://{}", admin.address);
    let told =
        world.done(&["explain", "--url", &url, "--token-file", file.to_str().unwrap(), request]);
    assert!(told.contains("refused with 429 (rate_limited): Rate limit exceeded"), "{told}");
    assert!(told.contains("  tenant: globex\n"), "{told}");
    // Third: more, until the morning; at once, although the file sets it.
    let change = json!({ "limit": "rate:/list-configurations", "until": "8h", "note": "called at 2",
        "value": { "per_minute": 600, "burst": 20 } });
    let said = admin.change("PUT /tenants/globex/limits", &change);
    assert_eq!(said.status, 200, "{said:?}");
    for _ in 0..10 {
        assert_eq!(list().status, 200);
    }
    // For good only the file says it.
    let mut for_good = change.clone();
    for_good.as_object_mut().unwrap().remove("until");
    let said = admin.change("PUT /tenants/globex/limits", &for_good);
    assert_eq!(said.status, 409);
    assert!(said.message().contains(&format!("is set at {}:", world.path)), "{said:?}");
    // Lifted, it is as before.
    let line = "DELETE /tenants/globex/limits?limit=rate%3A%2Flist-configurations";
    assert_eq!(admin.with(OPERATOR, line, None).status, 200);
    assert_eq!(list().status, 200);
    assert_eq!(list().reason, "rate_limited");
    let lines = admin.see("/audit");
    let actions: Vec<_> =
        lines["lines"].as_array().unwrap().iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions, ["limit.lift", "limit.change"]);
    assert_eq!(lines["lines"][1]["who"], "token:admin");
    assert_eq!(lines["lines"][1]["after"]["note"], "called at 2");
    assert_eq!(admin.running.end("TERM").0, Some(0));
}

#[test]
fn a_change_ends_by_itself_and_survives_a_restart() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let off = json!({ "limit": "access", "value": "disabled", "until": "3s" });
    assert_eq!(admin.change("PUT /tenants/globex/limits", &off).status, 200);
    let reason = |admin: &Admin| call(&admin.listen, "/submit", GLOBEX, "{}").reason;
    assert_eq!(reason(&admin), "disabled_tenant");
    admin.running.line_with("changed keys and limits are in use");
    // The end needs nobody.
    admin.running.line_with("changed keys and limits are in use");
    assert_eq!(reason(&admin), "missing_field");
    let off = json!({ "limit": "access", "value": "disabled" });
    assert_eq!(admin.change("PUT /tenants/globex/limits", &off).status, 200);
    assert_eq!(admin.running.end("TERM").0, Some(0));
    let (again, listen) = world.serve();
    assert_eq!(call(&listen, "/submit", GLOBEX, "{}").reason, "disabled_tenant");
    drop(again);
}

#[test]
fn a_leaked_key_is_rotated_under_load_without_one_failed_request() {
    let world = World::new();
    let rate = "rate = { \"/get-configuration\" = { per_minute = 1000000, burst = 1000000 } }\n";
    let admin = Admin::start(&world, rate);
    let issue = json!({ "tenant": "globex", "id": "leaked", "note": "=1+1" });
    let old = admin.change("POST /keys", &issue);
    assert_eq!(old.status, 201, "{old:?}");
    let old = old.json()["key"].as_str().unwrap().to_owned();
    let (used, stop) = (Mutex::new(old.clone()), AtomicBool::new(false));
    let (answered, listen) = (Mutex::new(Vec::new()), &admin.listen);
    let new = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // Whoever revokes a key waits until nobody uses it.
                    let key = used.lock().unwrap();
                    let answer = call(listen, "/get-configuration", &key, "{}");
                    drop(key);
                    answered.lock().unwrap().push(answer.reason);
                }
            });
        }
        let said = admin.change("POST /keys/leaked/rotate", &json!({ "overlap": "1h" }));
        let new = said.json()["key"].as_str().unwrap_or_default().to_owned();
        new.clone_into(&mut used.lock().unwrap());
        let revoked = admin.change("POST /keys/leaked/revoke", &json!({}));
        for _ in 0..20 {
            admin.see("/keys");
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!((said.status, &revoked.json()["was_on"]), (201, &json!(true)), "{said:?}");
        new
    });
    let answered = answered.into_inner().unwrap();
    assert!(answered.iter().all(|reason| reason == "missing_field"), "{answered:?}");
    assert!(answered.len() > 2, "{answered:?}");
    assert_eq!(call(&admin.listen, "/submit", &old, "{}").reason, "disabled_key");
    assert_eq!(call(&admin.listen, "/submit", &new, "{}").reason, "missing_field");
    let shown = admin.with(VIEWER, "GET /keys?tenant=globex", None).text;
    assert!(shown.contains("leaked") && !shown.contains(&old) && !shown.contains(&new), "{shown}");
    // The same rotation again makes no further key.
    let again = admin.change("POST /keys/leaked/rotate", &json!({}));
    assert_eq!((again.status, again.json()["key"].is_null()), (409, true), "{again:?}");
}

#[test]
fn the_command_line_changes_a_limit_beside_the_gateway() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let limit = ["limit", "override", "--tenant", "globex", "--limit", "calls:/analytics"];
    let told = world.run(&[&limit[..], &["--most", "1", "--until", "1h"]].concat());
    assert!(crate::process::text(&told.stderr).contains("is changed until 20"), "{told:?}");
    admin.running.line_with("changed keys and limits are in use");
    let shown = |rows: Value| {
        let rows = rows.as_array().unwrap().clone();
        rows.into_iter().find(|row| row["limit"] == "calls:/analytics").unwrap()
    };
    let list = || shown(world.json(&["limit", "list", "--tenant", "globex"]));
    assert_eq!((&list()["value"], &list()["configured"]), (&json!("1"), &json!("30")));
    let seen = admin.see("/tenants/globex/limits");
    assert_eq!(shown(seen["limits"].clone())["value"], 1);
    let lift = ["limit", "lift", "--tenant", "globex", "--limit", "calls:/analytics"];
    assert_eq!(world.run(&lift).status.code(), Some(0));
    assert!(world.refused(&lift, 1).contains("there is no changed limit"));
    assert_eq!(list()["value"], "30");
    let whose = admin.see("/audit")["lines"][0]["who"].as_str().unwrap().to_owned();
    assert!(whose.starts_with("command:"), "{whose}");
    assert!(world.refused(&["explain", "nobody"], 1).contains("the records know no such call"));
}
