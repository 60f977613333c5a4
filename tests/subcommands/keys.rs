//! Do keys come and go while the gateway runs, and stay as they are where the file sets them?

use heify_gateway::key::{KeyShape, shape};

use crate::process::{Running, gateway, run, text};
use crate::world::{ACME, World, call};

const RENEWED: &str = "changed keys and limits are in use";

/// Why a call without a body's fields is refused: for the fields only when the key is valid.
fn reason(address: &str, key: &str) -> String {
    call(address, "/submit", key, "{}").reason
}

/// The key on the first line of what a command prints.
fn issued(world: &World, arguments: &[&str]) -> String {
    let printed = world.done(arguments);
    let key = printed.strip_suffix('\n').unwrap();
    assert_eq!(shape(key.as_bytes()), KeyShape::Gateway, "{printed}");
    key.to_owned()
}

fn state(world: &World, key: &str) -> String {
    let keys = world.json(&["key", "list"]);
    let found = keys.as_array().unwrap().iter().find(|one| one["key"] == key);
    found.unwrap()["state"].as_str().unwrap().to_owned()
}

fn end(running: Running) {
    assert_eq!(running.end("TERM").0, Some(0));
}

#[test]
fn an_issued_key_opens_the_running_gateway_and_a_revoked_one_does_not() {
    let world = World::new();
    let (running, listen) = world.serve();
    let key = issued(&world, &["key", "issue", "--tenant", "acme", "--note", "night, batch"]);
    running.line_with(RENEWED);
    assert_eq!(reason(&listen, &key), "missing_field");
    assert_eq!(state(&world, "acme-k1"), "valid");

    world.done(&["key", "revoke", "acme-k1"]);
    running.line_with(RENEWED);
    assert_eq!(reason(&listen, &key), "disabled_key");
    assert_eq!(state(&world, "acme-k1"), "revoked");
    let again = world.run(&["key", "revoke", "acme-k1"]);
    assert_eq!(again.status.code(), Some(0));
    assert!(text(&again.stderr).contains("was revoked already"), "{again:?}");
    assert!(world.refused(&["key", "rotate", "acme-k1"], 1).contains("was revoked"));
    assert!(!world.done(&["key", "list"]).contains(&key));
    end(running);
}

#[test]
fn a_rotated_key_and_its_successor_both_work_until_the_overlap_ends() {
    let world = World::new();
    let old = issued(&world, &["key", "issue", "--tenant", "acme", "--id", "batch"]);
    let (running, listen) = world.serve();
    let new = issued(&world, &["key", "rotate", "batch"]);
    running.line_with(RENEWED);
    for key in [&old, &new] {
        assert_eq!(reason(&listen, key), "missing_field");
    }
    assert!(state(&world, "batch").starts_with("replaced until 20"));
    let again = world.run(&["key", "rotate", "batch"]);
    assert_eq!((again.status.code(), text(&again.stdout)), (Some(0), String::new()));
    assert!(text(&again.stderr).contains("acme-k1 took over"), "{again:?}");

    let newest = issued(&world, &["key", "rotate", "acme-k1", "--overlap", "0s"]);
    running.line_with(RENEWED);
    assert_eq!(reason(&listen, &new), "expired_key");
    assert_eq!(reason(&listen, &newest), "missing_field");
    end(running);
}

#[test]
fn a_key_of_the_file_is_changed_in_the_file_only() {
    let world = World::new();
    let place = format!("{}:17:9", world.path);
    for command in [
        &["key", "revoke", "acme-file"][..],
        &["key", "rotate", "acme-file"],
        &["key", "issue", "--tenant", "acme", "--id", "acme-file"],
    ] {
        let said = world.refused(command, 1);
        assert!(said.contains(&place), "{said}");
    }
    world.done(&["key", "issue", "--tenant", "globex"]);
    let keys = world.json(&["key", "list"]);
    let sources: Vec<_> = keys.as_array().unwrap().iter().map(|one| &one["source"]).collect();
    assert_eq!(sources, [&*place, &*format!("{}:21:9", world.path), "records"]);
    let listed = world.done(&["key", "list", "--tenant", "acme"]);
    assert!(listed.contains("acme-file") && !listed.contains("globex"), "{listed}");
    assert!(!listed.contains(ACME));
}

#[test]
fn a_key_is_issued_once_and_to_a_tenant_that_exists() {
    let world = World::new();
    let issue = ["key", "issue", "--tenant", "acme", "--id", "one"];
    issued(&world, &issue);
    let again = world.run(&issue);
    assert_eq!((again.status.code(), text(&again.stdout)), (Some(0), String::new()));
    assert!(text(&again.stderr).contains("shown once only"), "{again:?}");
    let other = ["key", "issue", "--tenant", "globex", "--id", "one"];
    assert!(world.refused(&other, 1).contains("is taken"));
    let mistyped = world.refused(&["key", "issue", "--tenant", "acmee"], 1);
    assert!(mistyped.contains("did you mean \"acme\"?"), "{mistyped}");
    let past = ["key", "issue", "--tenant", "acme", "--expires", "2001-01-01T00:00:00Z"];
    assert!(world.refused(&past, 1).contains("is in the past"));
    assert!(world.refused(&["key", "revoke", "onee"], 1).contains("did you mean \"one\"?"));
    assert_eq!(world.json(&["key", "list"]).as_array().unwrap().len(), 3);
}

#[test]
fn a_key_that_nobody_could_read_is_said_to_be_of_no_use() {
    let world = World::new();
    let mut command = gateway(&["-c", &world.path, "key", "issue", "--tenant", "acme"], &[]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("key acme-k1 was made, but cannot be shown"));
}

#[test]
fn without_records_there_is_nothing_to_work_on() {
    let world = World::new();
    let said = world.refused(&["key", "list"], 1);
    assert!(said.contains("there are no records"), "{said}");
    let sidecar =
        [("HEIFY_API_KEY", "the-central-key"), ("HEIFY_GATEWAY_TENANT_KEY", "any-old-key-of-16")];
    for command in [&["key", "list"][..], &["usage"], &["verify"], &["tenant", "list"]] {
        let output = run(command, &sidecar);
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        assert!(text(&output.stderr).contains("names no records"), "{output:?}");
    }
}
