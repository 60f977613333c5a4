//! Can an operator find out, explain and change at night, over the admin API of the real binary?

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::process::{Running, gateway};
use crate::world::{ACME, GLOBEX, World, call, configuration, submit};

const OPERATOR: &str = "the-token-of-an-operator";
const VIEWER: &str = "the-token-of-a-viewer";

/// The admin API of a running gateway.
struct Admin {
    address: String,
    running: Running,
    listen: String,
}

/// What it said.
#[derive(Debug)]
struct Said {
    status: u16,
    head: String,
    text: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn message(&self) -> String {
        let body = self.json();
        let error = &body["error"];
        assert_eq!(error["code"], self.status, "{self:?}");
        assert_eq!(error.as_object().unwrap().len(), 2);
        error["message"].as_str().unwrap().to_owned()
    }
}

impl Admin {
    fn start(world: &World, more: &str) -> Self {
        let text = std::fs::read_to_string(&world.path).unwrap();
        let tokens = format!(
            "[admin]\nlisten = \"127.0.0.1:0\"\ntoken = \"{OPERATOR}\"\n\
             [[admin.tokens]]\nname = \"eye\"\ntoken = \"{VIEWER}\"\n"
        );
        std::fs::write(
            &world.path,
            text.replace("[records]", &format!("{tokens}[records]")) + more,
        )
        .unwrap();
        let arguments = ["serve", "-c", &world.path, "--log-format", "json"];
        let running = Running::start(gateway(&arguments, &[]));
        let ready: Value = serde_json::from_str(&running.line_with("gateway ready")).unwrap();
        let of = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { address: of("admin"), listen: of("listen"), running }
    }

    fn raw(&self, request: &str) -> Said {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A server that has said no may reset what it did not read.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Said { status, head: head.to_owned(), text: text.to_owned() }
    }

    fn ask(&self, line: &str, fields: &str, body: &str) -> Said {
        let length = body.len();
        let host = &self.address;
        let (method, path) = line.split_once(' ').unwrap();
        self.raw(&format!(
            "{method} /admin/v1{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{fields}\
             content-length: {length}\r\n\r\n{body}"
        ))
    }

    fn with(&self, token: &str, line: &str, body: Option<&Value>) -> Said {
        let fields = format!("authorization: Bearer {token}\r\n");
        match body {
            None => self.ask(line, &fields, ""),
            Some(body) => {
                let fields = format!("{fields}content-type: application/json\r\n");
                self.ask(line, &fields, &body.to_string())
            }
        }
    }

    /// What an operator is shown.
    fn see(&self, path: &str) -> Value {
        let said = self.with(OPERATOR, &format!("GET {path}"), None);
        assert_eq!(said.status, 200, "{path}: {said:?}");
        said.json()
    }

    fn change(&self, line: &str, body: &Value) -> Said {
        self.with(OPERATOR, line, Some(body))
    }

    fn audited(&self) -> usize {
        self.see("/audit?most=1000")["lines"].as_array().unwrap().len()
    }
}

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
fn only_who_may_change_changes_something() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let issue = json!({ "tenant": "acme" });
    let json = "content-type: application/json\r\n";
    let bearer = format!("authorization: Bearer {OPERATOR}\r\n");
    for (fields, status) in [
        (json.to_owned(), 401),
        (format!("{json}authorization: Bearer {ACME}\r\n"), 401),
        (format!("{json}authorization: Basic {OPERATOR}\r\n"), 401),
        (format!("{json}cookie: heify_gateway_session={OPERATOR}\r\n"), 401),
        (format!("{json}authorization: Bearer {VIEWER}\r\n"), 403),
        (format!("{json}{bearer}sec-fetch-site: cross-site\r\n"), 403),
        (format!("{json}{bearer}origin: https://evil.example\r\n"), 403),
        (format!("{bearer}content-type: text/plain\r\n"), 415),
        (bearer.clone(), 415),
    ] {
        let said = admin.ask("POST /keys", &fields, &issue.to_string());
        assert_eq!(said.status, status, "{fields}: {said:?}");
        assert_ne!(said.message(), "");
        assert_eq!(said.head.contains("www-authenticate: Bearer"), status == 401);
    }
    let viewer = admin.with(VIEWER, "GET /tenants", None);
    assert_eq!(viewer.status, 200);
    assert!(viewer.head.contains("cache-control: no-store"), "{viewer:?}");
    for line in ["POST /reload", "POST /keys/acme-file/revoke"] {
        assert_eq!(admin.with(VIEWER, line, None).status, 403, "{line}");
    }
    assert_eq!(admin.audited(), 0);
    // Guessing is slowed down, and the holder of a token does not notice.
    let guessed = (0..30).map(|_| admin.with("a-guess-of-a-token", "GET /tenants", None).status);
    assert!(guessed.collect::<Vec<_>>().contains(&429));
    assert_eq!(admin.with(VIEWER, "GET /tenants", None).status, 200);
}

#[test]
fn a_browser_signs_in_with_a_cookie_that_ends_with_its_session() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let json = "content-type: application/json\r\n";
    let body = |token: &str| json!({ "token": token }).to_string();
    assert_eq!(admin.ask("POST /session", json, &body("not-a-token-of-ours")).status, 401);
    let said = admin.ask("POST /session", json, &body(VIEWER));
    assert_eq!((said.status, &said.json()["role"]), (200, &json!("viewer")));
    let cookie = said.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(VIEWER));
    let field = format!("cookie: theme=dark; {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(admin.ask("GET /tenants", &field, "").status, 200);
    assert_eq!(admin.ask("POST /reload", &field, "").status, 403);
    assert_eq!(admin.ask("DELETE /session", &field, "").status, 200);
    assert_eq!(
        admin.ask("GET /tenants", &field, "").message(),
        "the session has ended: sign in again"
    );
}

#[test]
fn what_makes_no_sense_changes_nothing_and_says_why() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let future = "2999-01-01T00:00:00Z";
    for (line, body, status, told) in [
        ("POST /keys", json!({ "tenant": "acmee" }), 404, "did you mean \"acme\""),
        ("POST /keys", json!({ "tenant": "acme", "expire": "1d" }), 400, "unknown field `expire`"),
        (
            "POST /keys",
            json!({ "tenant": "acme", "expires": "soon" }),
            400,
            "expected a time from now",
        ),
        (
            "POST /keys",
            json!({ "tenant": "acme", "expires": "2001-01-01T00:00:00Z" }),
            422,
            "in the past",
        ),
        ("POST /keys", json!({ "tenant": "acme", "id": "acme-file" }), 409, ":23:9"),
        ("POST /keys", json!({ "tenant": "acme", "note": "a\nb" }), 400, "on one line"),
        ("POST /keys/nobody/revoke", json!({}), 404, "there is no issued key \"nobody\""),
        ("POST /keys/acme-file/revoke", json!({}), 409, "change it there, and reload"),
        ("POST /grants", json!({ "minutes": 5 }), 400, "give either"),
        ("POST /grants", json!({ "minutes": 0, "tenant": "acme" }), 400, "nonzero"),
        ("POST /grants", json!({ "minutes": 5, "tenant": "<script>" }), 404, "there is no tenant"),
        (
            "PUT /tenants/acme/limits",
            json!({ "limit": "minuts", "value": 1 }),
            400,
            "is not the name of a limit",
        ),
        ("PUT /tenants/acme/limits", json!({ "limit": "minutes", "value": -1 }), 400, "value"),
        ("PUT /tenants/acme/limits", json!({ "limit": "minutes", "value": 1 }), 409, "is set at"),
        (
            "PUT /tenants/acme/limits",
            json!({ "limit": "access", "value": 1 }),
            422,
            "must be \"disabled\"",
        ),
        (
            "PUT /tenants/acme/limits",
            json!({ "limit": "rate:/nowhere", "value": { "per_minute": 1 } }),
            404,
            "there is no endpoint",
        ),
        (
            "PUT /tenants/acme/limits",
            json!({ "limit": "total", "value": { "per_minute": 1 }, "until": future }),
            422,
            "366 days",
        ),
        ("PUT /log-level", json!({ "level": "loud" }), 422, "must be a level"),
        ("POST /unresolved/7/close", json!({ "how": "charge" }), 400, "is a UUID"),
        (
            "POST /unresolved/0190a3c1-7e55-7c11-9d2e-5b1c0a7f3e42/close",
            json!({ "how": "charge" }),
            404,
            "there is no call",
        ),
        ("GET /usage?month=2026", json!({}), 422, "month: must be one such as"),
        ("GET /usage?zone=Mars%2FPhobos", json!({}), 422, "there is no time zone"),
        ("GET /usage?from=2020-01-01&to=2026-01-01", json!({}), 422, "more than 366 days"),
        ("GET /usage?days=9", json!({}), 400, "unknown field `days`"),
        ("GET /tenants/%ff", json!({}), 400, ""),
        ("GET /nowhere", json!({}), 404, "there is no such path"),
        ("PATCH /keys", json!({}), 405, "does not take PATCH"),
    ] {
        let said = admin.change(line, &body);
        assert_eq!(said.status, status, "{line} {body}: {said:?}");
        assert!(said.text.contains(&told.replace('"', "\\\"")), "{line} {body}: {said:?}");
    }
    let bearer = format!("authorization: Bearer {OPERATOR}\r\ncontent-type: application/json\r\n");
    assert_eq!(admin.ask("POST /keys", &bearer, "{\"tenant\":").status, 400);
    let large = format!("{{\"tenant\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(admin.ask("POST /keys", &bearer, &large).status, 413);
    assert_eq!(admin.audited(), 0);
    assert_eq!(admin.see("/keys")["keys"].as_array().unwrap().len(), 2);
}

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
