//! Is the dashboard at the admin listener, and nowhere else?

use super::admin::{Admin, Said};
use crate::world::World;

fn load(admin: &Admin, line: &str, fields: &str) -> Said {
    let host = &admin.address;
    let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{fields}\r\n");
    admin.raw(&request)
}

#[test]
fn the_page_and_its_files_have_their_types_and_the_strict_policy() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    for (path, content_type, part) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/dashboard/app.js", "text/javascript; charset=utf-8", "import "),
        ("/dashboard/style.css", "text/css; charset=utf-8", ":root"),
        ("/dashboard/uPlot.iife.min.js", "text/javascript; charset=utf-8", "uPlot"),
        ("/dashboard/icon.svg", "image/svg+xml", "<svg"),
    ] {
        let said = load(&admin, &format!("GET {path}"), "");
        assert_eq!(said.status, 200, "{path}: {said:?}");
        assert!(said.text.contains(part), "{path}");
        let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'none'; frame-ancestors 'none'; \
                      base-uri 'none'";
        for field in [
            format!("content-type: {content_type}"),
            format!("content-security-policy: {policy}"),
            "x-content-type-options: nosniff".to_owned(),
            "referrer-policy: no-referrer".to_owned(),
            "cache-control: no-cache".to_owned(),
        ] {
            assert!(said.head.contains(&field), "{path} has no {field}: {}", said.head);
        }
        let tag = said.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let again = load(&admin, &format!("GET {path}"), &format!("if-none-match: {tag}\r\n"));
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
    }
}

#[test]
fn other_paths_and_methods_have_no_page() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    for (line, status) in [
        ("GET /index.html", 404),
        ("GET /dashboard", 404),
        ("GET /dashboard/", 404),
        ("GET /dashboard/mod.rs", 404),
        ("GET /dashboard/..%2fmod.rs", 404),
        ("GET /dashboard/vendor/uPlot.min.css", 404),
        ("POST /", 405),
        ("DELETE /dashboard/app.js", 405),
        ("GET /admin/v1/nowhere", 404),
        ("HEAD /", 200),
    ] {
        let said = load(&admin, line, "content-length: 0\r\n");
        assert_eq!(said.status, status, "{line}: {said:?}");
        assert!(!said.text.contains("<!doctype html>"), "{line}");
    }
}
