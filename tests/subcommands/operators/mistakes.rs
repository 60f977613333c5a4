//! Does a change that makes no sense change nothing, and say why?

use serde_json::json;

use super::admin::{Admin, OPERATOR};
use crate::world::World;

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
        ("POST /grants", json!({ "minutes": 1.5, "tenant": "acme" }), 400, "a whole number"),
        ("POST /grants", json!({ "minutes": 1.0, "tenant": "nobody" }), 404, "there is no tenant"),
        ("POST /grants", json!({ "minutes": 1e300, "tenant": "acme" }), 400, "a whole number"),
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
        ("PUT /tenants/acme/limits", json!({ "limit": "minutes", "value": 1.0 }), 409, "is set at"),
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
        ("GET /tenants/%ff", json!({}), 400, "the path: "),
        ("GET /nowhere", json!({}), 404, "there is no such path"),
        ("PATCH /keys", json!({}), 405, "does not take PATCH"),
    ] {
        let said = admin.change(line, &body);
        assert_eq!(said.status, status, "{line} {body}: {said:?}");
        assert_ne!(said.message(), "");
        assert!(said.text.contains(&told.replace('"', "\\\"")), "{line} {body}: {said:?}");
    }
    let bearer = format!("authorization: Bearer {OPERATOR}\r\ncontent-type: application/json\r\n");
    assert_eq!(admin.ask("POST /keys", &bearer, "{\"tenant\":").status, 400);
    // As many characters as the description allows, each of more than one byte.
    for (size, status) in [(1000, 404), (1001, 400)] {
        let body = json!({ "tenant": "nobody", "note": "é".repeat(size) });
        assert_eq!(admin.change("POST /keys", &body).status, status, "{size}");
    }
    let large = format!("{{\"tenant\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(admin.ask("POST /keys", &bearer, &large).status, 413);
    assert_eq!(admin.audited(), 0);
    assert_eq!(admin.see("/keys")["keys"].as_array().unwrap().len(), 2);
}
