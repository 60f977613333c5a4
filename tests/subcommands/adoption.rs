//! Can objects that were at Heify first be given to tenants, and only once?

use crate::process::text;
use crate::world::{ACME, CENTRAL, GLOBEX, World, call, configuration};

/// What is said of configurations: found, adopted, already known, held by others.
fn counts(printed: &str) -> Vec<u32> {
    let line = printed.lines().find(|line| line.starts_with("configuration ")).unwrap();
    line.split_whitespace().skip(1).map(|number| number.parse().unwrap()).collect()
}

fn lists(address: &str, key: &str) -> String {
    let answer = call(address, "/list-configurations", key, "{}");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body.to_string()
}

#[test]
fn what_heify_has_already_is_given_to_a_tenant() {
    let world = World::new();
    let found = [configuration(&world.heify, CENTRAL), configuration(&world.heify, CENTRAL)];
    let (running, listen) = world.serve();
    let own = configuration(&listen, GLOBEX);
    assert!(!found.iter().any(|id| lists(&listen, ACME).contains(id)));

    let dry = world.run(&["adopt", "--tenant", "acme", "--dry-run"]);
    assert_eq!(counts(&text(&dry.stdout)), [3, 2, 0, 1], "{dry:?}");
    assert!(text(&dry.stderr).contains("nothing was written"), "{dry:?}");
    let printed = world.done(&["adopt", "--tenant", "acme"]);
    assert_eq!(counts(&printed), [3, 2, 0, 1], "{printed}");
    assert!(printed.contains("participant    "), "every kind is asked for: {printed}");
    let again = world.done(&["adopt", "--tenant", "acme", "--kind", "configuration"]);
    assert_eq!(counts(&again), [3, 0, 2, 1], "{again}");

    let listed = lists(&listen, ACME);
    assert!(found.iter().all(|id| listed.contains(id)) && !listed.contains(&own), "{listed}");
    assert!(!found.iter().any(|id| lists(&listen, GLOBEX).contains(id)));
    assert_eq!(running.end("TERM").0, Some(0));
}

#[test]
fn given_ids_are_shared_without_asking_heify() {
    let world = World::new();
    let id = configuration(&world.heify, CENTRAL);
    let other = configuration(&world.heify, CENTRAL);
    let share = ["adopt", "--shared", "--tenants", "globex", "--kind", "configuration"];
    assert_eq!(counts(&world.done(&[&share[..], &[&id]].concat())), [1, 1, 0, 0]);
    let (running, listen) = world.serve();
    assert!(lists(&listen, GLOBEX).contains(&id) && !lists(&listen, ACME).contains(&id));
    assert!(!lists(&listen, GLOBEX).contains(&other));
    assert_eq!(running.end("TERM").0, Some(0));

    let kind = world.refused(&["adopt", "--shared", "--kind", "configuratoin"], 1);
    assert!(kind.contains("did you mean \"configuration\"?"), "{kind}");
    for wrong in [
        &["adopt"][..],
        &["adopt", "--tenant", "acme", "--shared"],
        &["adopt", "--tenant", "acme", "--tenants", "globex"],
        &["adopt", "--tenant", "acme", &id],
        &["adopt", "--tenant", "acme", "--kind", "configuration", "no-id"],
    ] {
        assert_eq!(world.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn nothing_is_adopted_from_a_list_that_does_not_come() {
    let world = World::new();
    world.break_off("/list-configurations");
    let said = world.refused(&["adopt", "--tenant", "acme", "--kind", "configuration"], 1);
    assert!(
        said.contains("/list-configurations: ") && said.contains("nothing was adopted"),
        "{said}"
    );
}
