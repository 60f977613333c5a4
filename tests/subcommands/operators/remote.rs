//! Do the operators' commands do the same over the admin API as on the records?

use serde_json::{Value, json};

use super::admin::{Admin, OPERATOR, VIEWER};
use crate::process::{run, text};
use crate::world::{ACME, GLOBEX, World, call, configuration, submit};

/// Runs commands on a running gateway, with no configuration in reach.
struct Remote {
    url: String,
    token_file: String,
}

impl Remote {
    fn new(world: &World, address: &str, token: &str) -> Self {
        let file = world.folder.path().join(format!("token-{}", token.len()));
        std::fs::write(&file, format!("{token}\n")).unwrap();
        Self { url: format!("http://{address}/"), token_file: file.to_str().unwrap().to_owned() }
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        let place = ["--url", &self.url, "--token-file", &self.token_file];
        run(&[arguments, &place].concat(), &[])
    }

    /// What a command prints and says that succeeds.
    fn done(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        (text(&output.stdout), text(&output.stderr))
    }

    fn refused(&self, arguments: &[&str], exit: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        text(&output.stderr)
    }
}

#[test]
fn what_is_listed_over_the_api_is_what_the_records_say() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let made = configuration(&admin.listen, ACME);
    assert_eq!(submit(&admin.listen, ACME, &made).status, 201);
    world.break_off("/create-configuration");
    let lost = call(&admin.listen, "/create-configuration", GLOBEX, r#"{"tag":"x"}"#);
    assert_eq!(lost.reason, "outcome_unknown");
    let issue = json!({ "tenant": "globex", "id": "night", "note": "=1+1" });
    assert_eq!(admin.change("POST /keys", &issue).status, 201);
    let remote = Remote::new(&world, &admin.address, VIEWER);
    for command in [
        &["key", "list"][..],
        &["key", "list", "--tenant", "globex"],
        &["tenant", "list"],
        &["minutes", "show"],
        &["minutes", "show", "--tenant", "acme"],
        &["limit", "list", "--tenant", "acme"],
        &["unresolved"],
    ] {
        for form in ["table", "json", "csv"] {
            let command = [command, &["--output", form]].concat();
            assert_eq!(remote.done(&command).0, world.done(&command), "{command:?}");
        }
    }
    let (csv, _) = remote.done(&["usage", "--output", "csv"]);
    assert_eq!(csv, world.done(&["usage", "--output", "csv"]));
    let (json, _) = remote.done(&["usage", "--output", "json", "--tenant", "acme"]);
    let (there, here) =
        (serde_json::from_str::<Value>(&json).unwrap(), world.json(&["usage", "--tenant", "acme"]));
    for part in ["from", "rows", "totals", "provisional"] {
        assert_eq!(there[part], here[part], "{part}");
    }
    assert_eq!(there["totals"][0]["jobs"], 1);
    let request = there["rows"][0]["request"].as_str().unwrap();
    assert!(remote.done(&["explain", request]).0.contains("tenant: acme"));
}

#[test]
fn what_is_changed_over_the_api_is_changed_at_once_and_audited() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let remote = Remote::new(&world, &admin.address, OPERATOR);
    let reason = |key: &str| call(&admin.listen, "/submit", key, "{}").reason;
    let issue = ["key", "issue", "--tenant", "globex", "--id", "a b/c", "--note", "night"];
    let (key, said) = remote.done(&issue);
    assert!(said.contains("key a b/c of tenant globex, valid without an end"), "{said}");
    assert_eq!(reason(key.trim()), "missing_field");
    let (nothing, said) = remote.done(&issue);
    assert!(nothing.is_empty() && said.contains("exists already: nothing was changed"), "{said}");
    let (new, said) =
        remote.done(&["key", "rotate", "a b/c", "--overlap", "1h", "--expires", "90d"]);
    assert!(said.contains("valid until 20") && said.contains("key a b/c ends at 20"), "{said}");
    assert_eq!(
        (reason(key.trim()), reason(new.trim())),
        ("missing_field".into(), "missing_field".into())
    );
    assert!(remote.done(&["key", "rotate", "a b/c"]).1.contains("was rotated already: globex-k1"));
    for said in ["is revoked", "was revoked already"] {
        assert!(remote.done(&["key", "revoke", "a b/c"]).1.contains(said));
    }
    assert_eq!(reason(key.trim()), "disabled_key");

    let (_, said) = remote.done(&["minutes", "grant", "--tenant", "globex", "--minutes", "30"]);
    assert!(said.contains("30 min granted to tenant globex; 30 min left"), "{said}");
    assert!(said.contains("had no limit so far"), "{said}");
    let (_, said) = remote.done(&["minutes", "grant", "--account", "--minutes", "90"]);
    assert!(said.contains("granted to the account"), "{said}");

    let limit = ["--tenant", "globex", "--limit", "rate:/submit"];
    let change = [&["limit", "override"], &limit[..], &["--per-minute", "7", "--until", "8h"]];
    let (_, said) = remote.done(&change.concat());
    assert!(said.contains("rate:/submit of tenant globex is changed until 20"), "{said}");
    let limits = remote.done(&["limit", "list", "--tenant", "globex", "--output", "json"]).0;
    assert!(limits.contains(r#"{\"burst\":1,\"per_minute\":7}"#), "{limits}");
    let lift = [&["limit", "lift"], &limit[..]].concat();
    assert!(remote.done(&lift).1.contains("is what the configuration says again"));
    assert!(remote.refused(&lift, 1).contains("there is no changed limit"));
    let off = ["limit", "override", "--tenant", "globex", "--limit", "access", "--disabled"];
    remote.done(&off);
    assert_eq!(reason(GLOBEX), "disabled_tenant");

    let whose = admin.see("/audit");
    let whose: Vec<_> = whose["lines"].as_array().unwrap().iter().map(|one| &one["who"]).collect();
    assert!(whose.len() >= 7 && whose.iter().all(|who| **who == "token:admin"), "{whose:?}");
}

#[test]
fn a_lost_call_is_closed_over_the_api() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let remote = Remote::new(&world, &admin.address, OPERATOR);
    world.break_off("/create-configuration");
    call(&admin.listen, "/create-configuration", ACME, r#"{"tag":"x"}"#);
    let listed = remote.done(&["unresolved", "--output", "json"]).0;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].as_str().unwrap();
    let close = ["unresolved", "close", id, "--release"];
    assert!(remote.done(&close).1.contains(&format!("{id} is given back")));
    assert!(remote.done(&close).1.contains("was released already"));
}

#[test]
fn what_cannot_be_done_over_the_api_says_why() {
    let world = World::new();
    let admin = Admin::start(&world, "");
    let viewer = Remote::new(&world, &admin.address, VIEWER);
    let said = viewer.refused(&["key", "revoke", "acme-file"], 1);
    assert!(said.contains("refuses the token: "), "{said}");
    let nobody = Remote::new(&world, &admin.address, "no-token-of-this-gateway");
    assert!(nobody.refused(&["key", "list"], 1).contains("refuses the token: "));
    let operator = Remote::new(&world, &admin.address, OPERATOR);
    assert!(operator.refused(&["key", "revoke", "acme-file"], 1).contains("is set at"));
    let said = operator.refused(&["minutes", "show", "--tenant", "acmee"], 1);
    assert!(said.contains("did you mean \"acme\"?"), "{said}");
    let month = ["usage", "reconcile", "--month", "2026-11", "--invoice-minutes", "1"];
    assert!(operator.refused(&month, 1).contains("without --url"));
    assert!(operator.refused(&["verify"], 2).contains("has no use for --url"));
    // The data port answers, but not as an admin port does.
    let data = Remote::new(&world, &admin.listen, OPERATOR);
    let said = data.refused(&["key", "list"], 1);
    assert!(said.contains("unknown") || said.contains("endpoint"), "{said}");
    let nowhere = Remote::new(&world, "127.0.0.1:1", OPERATOR);
    assert!(nowhere.refused(&["key", "list"], 69).contains("cannot be reached"));
    let half = run(&["key", "list", "--url", &operator.url], &[]);
    assert_eq!(half.status.code(), Some(2), "{half:?}");
    let said = Remote { token_file: "/nonexistent".to_owned(), ..operator };
    assert!(said.refused(&["key", "list"], 1).contains("/nonexistent"));
}

/// The system's certificates are believed, as for the upstream; here they are one of the test's.
#[cfg(feature = "tls")]
#[test]
fn an_admin_port_with_tls_is_asked_by_https() {
    let world = World::new();
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let path = |name: &str| world.folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("tls.crt"), certificate.cert.pem()).unwrap();
    std::fs::write(path("tls.key"), certificate.signing_key.serialize_pem()).unwrap();
    let tls = "[admin.tls]\ncert_file = \"tls.crt\"\nkey_file = \"tls.key\"\n";
    let admin = Admin::start(&world, tls);
    let remote = Remote::new(&world, &admin.address, VIEWER);
    let port = admin.address.rsplit(':').next().unwrap();
    let url = format!("https://localhost:{port}");
    let command = ["tenant", "list", "--url", &url, "--token-file", &remote.token_file];
    let listed = run(&command, &[("SSL_CERT_FILE", &path("tls.crt"))]);
    assert_eq!(text(&listed.stdout), world.done(&["tenant", "list"]), "{listed:?}");
    let stranger = run(&command, &[]);
    assert_eq!(stranger.status.code(), Some(69), "{stranger:?}");
}
