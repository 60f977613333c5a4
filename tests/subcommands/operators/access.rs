//! Who may see and change what?

use serde_json::json;

use super::admin::{Admin, OPERATOR, VIEWER};
use crate::world::{ACME, World};

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
fn every_operation_asks_for_the_role_that_its_description_names() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let description = admin.see("/openapi.json");
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let role = operation["x-role"].as_str().unwrap();
            let line = format!("{} {}", method.to_uppercase(), path.replace(['{', '}'], ""));
            let nobody = admin.ask(&line, "", "").status;
            let viewer = admin.with(VIEWER, &line, None).status;
            match role {
                "anybody" => assert_ne!(nobody, 401, "{line}"),
                "viewer" => assert!(nobody == 401 && viewer != 401 && viewer != 403, "{line}"),
                "operator" => assert_eq!((nobody, viewer), (401, 403), "{line}"),
                _ => panic!("{line}: nobody has the role {role}"),
            }
        }
    }
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
