//! Can an operator follow every minute: granted, used, billed, in the journal, and by hand?

use serde_json::Value;

use crate::process::text;
use crate::world::World;

fn find<'v>(rows: &'v Value, column: &str, is: &str) -> &'v Value {
    rows.as_array().unwrap().iter().find(|row| row[column] == is).unwrap()
}

#[test]
fn granted_minutes_are_shown_and_taken_away_again() {
    let world = World::new();
    world.done(&["minutes", "grant", "--tenant", "acme", "--minutes", "40", "--note", "order 7"]);
    world.done(&["minutes", "grant", "--tenant", "acme", "--minutes", "-10"]);
    let limited = world.run(&["minutes", "grant", "--account", "--minutes", "5"]);
    assert!(text(&limited.stderr).contains("had no limit so far"), "{limited:?}");
    let shown = world.json(&["minutes", "show"]);
    let acme = find(&shown, "tenant", "acme");
    assert_eq!((&acme["granted_ms"], &acme["left_ms"]), (&1_800_000.into(), &37_800_000.into()));
    assert_eq!(find(&shown, "tenant", "globex")["state"], "recorded");
    assert_eq!(find(&shown, "scope", "account")["left_ms"], 300_000);
    assert!(world.done(&["minutes", "show", "--tenant", "acme"]).contains("630 min"));
    let tenants = world.json(&["tenant", "list"]);
    let acme = find(&tenants, "tenant", "acme");
    assert_eq!((&acme["valid_keys"], &acme["monthly_ms"]), (&1.into(), &36_000_000.into()));
    for wrong in ["0", "1.5", "x"] {
        let grant = ["minutes", "grant", "--account", "--minutes", wrong];
        assert_eq!(world.run(&grant).status.code(), Some(2), "{wrong}");
    }
    assert_eq!(world.run(&["minutes", "grant", "--minutes", "1"]).status.code(), Some(2));
}
