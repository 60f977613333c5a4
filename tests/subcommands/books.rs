//! Can an operator follow every minute: granted, used, billed, in the journal, and by hand?

use std::fs;

use serde_json::Value;

use crate::process::text;
use crate::world::{ACME, World, call, configuration, submit};

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

#[test]
fn a_job_is_provisional_until_it_is_settled_and_then_reconciles() {
    let world = World::new();
    let (running, listen) = world.serve();
    let configuration = configuration(&listen, ACME);
    let answer = submit(&listen, ACME, &configuration);
    let job = answer.body["data"]["transcription_id"].as_str().unwrap();
    let read = format!(r#"{{"transcription_id":"{job}"}}"#);
    // Each read of an open job asks the gateway to look for itself.
    let usage = loop {
        assert_eq!(call(&listen, "/get-transcription", ACME, &read).status, 200);
        let usage = world.json(&["usage"]);
        if usage["provisional"] == false {
            break usage;
        }
    };
    let row = &usage["rows"][0];
    assert_eq!((&row["state"], &row["transcription"]), (&"billed".into(), &job.into()));
    assert_eq!((&row["tenant"], &row["key"]), (&"acme".into(), &"acme-file".into()));
    let millis = row["exact_ms"].as_i64().unwrap();
    assert!(millis > 0 && row["billed_ms"] == millis, "{row}");
    assert_eq!(usage["totals"][0]["billed_ms"], millis);

    let csv = world.done(&["usage", "--output", "csv", "--tenant", "acme"]);
    assert!(csv.contains("\r\nacme,\"'=cost, center\",acme-file,"), "{csv}");
    assert!(world.refused(&["usage", "--tenant", "acmee"], 1).contains("did you mean"));
    let elsewhere = world.json(&["usage", "--from", "2001-01-01", "--to", "2001-12-31"]);
    assert_eq!(elsewhere["rows"].as_array().unwrap().len(), 0);

    let minutes = millis / 60_000 + 3;
    let month = usage["from"].as_str().unwrap().split_at(7).0;
    let reconcile =
        ["usage", "--month", month, "reconcile", "--invoice-minutes", &minutes.to_string()];
    let lines = world.json(&reconcile);
    assert_eq!(find(&lines, "part", "charged to tenants")["minutes_ms"], millis);
    let after = ["usage", "reconcile", "--month", month, "--invoice-minutes", "0"];
    assert_eq!(find(&world.json(&after), "part", "unexplained")["minutes_ms"], -millis);
    let tenant = ["usage", "--tenant", "acme", "reconcile", "--invoice-minutes", "1"];
    assert!(world.refused(&tenant, 1).contains("leave --tenant out"));
    assert_eq!(find(&lines, "part", "unexplained")["minutes_ms"], minutes * 60_000 - millis);
    assert_eq!(running.end("TERM").0, Some(0));
}

#[test]
fn a_month_that_has_begun_stays_as_it_was_when_the_calendar_changes() {
    let world = World::new();
    let (running, listen) = world.serve();
    assert_eq!(submit(&listen, ACME, &configuration(&listen, ACME)).status, 201);
    assert_eq!(running.end("TERM").0, Some(0));
    let before = world.json(&["usage"]);
    let month = before["from"].as_str().unwrap().split_at(7).0;
    let text_before = std::fs::read_to_string(&world.path).unwrap();
    let anchored = "[account]\nzone = \"Europe/Berlin\"\nanchor = 28\n";
    std::fs::write(&world.path, text_before.replace("[account]\n", anchored)).unwrap();
    for range in [&["usage"][..], &["usage", "--month", month]] {
        let after = world.json(range);
        assert_eq!((&after["from"], &after["to"]), (&before["from"], &before["to"]), "{range:?}");
        assert_eq!(after["rows"].as_array().unwrap().len(), 1, "{range:?}");
        let said = text(&world.run(range).stderr);
        assert!(said.contains("cut as it was when it began"), "{range:?}: {said}");
    }
    let zone = world.json(&["usage", "--month", month, "--zone", "UTC"]);
    assert!(zone["from"].as_str().unwrap().ends_with("-28T00:00:00Z"), "{zone}");
}

#[test]
fn a_lost_call_is_listed_and_closed_by_hand() {
    let world = World::new();
    let (running, listen) = world.serve();
    let configuration = configuration(&listen, ACME);
    world.break_off("/submit");
    assert_eq!(submit(&listen, ACME, &configuration).reason, "outcome_unknown");
    let provisional = world.run(&["usage"]);
    assert!(text(&provisional.stderr).starts_with("provisional: 1 "), "{provisional:?}");
    let lost = world.json(&["unresolved"]);
    let row = find(&lost, "state", "lost");
    assert_eq!((&row["tenant"], &row["endpoint"]), (&"acme".into(), &"/submit".into()));
    let id = row["id"].as_str().unwrap();
    assert_eq!(world.run(&["unresolved", "close", id]).status.code(), Some(2));
    world.done(&["unresolved", "close", id, "--release"]);
    let again = world.run(&["unresolved", "close", id, "--charge"]);
    assert!(text(&again.stderr).contains("nothing was changed"), "{again:?}");
    assert_eq!(world.json(&["unresolved"]).as_array().unwrap().len(), 0);
    assert_eq!(find(&world.json(&["minutes", "show"]), "tenant", "acme")["reserved_ms"], 0);
    let unknown = ["unresolved", "close", "00000000-0000-7000-8000-000000000000", "--charge"];
    assert!(world.refused(&unknown, 1).contains("there is no call"));
    assert_eq!(running.end("TERM").0, Some(0));
}

#[test]
fn the_journal_is_exported_and_verified_beside_a_running_gateway() {
    let world = World::new();
    let (running, listen) = world.serve();
    configuration(&listen, ACME);
    let journal = world.done(&["journal", "export"]);
    let lines: Vec<Value> =
        journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().zip(1..).all(|(line, number)| line["number"] == number), "{journal}");
    let rest = world.done(&["journal", "export", "--after", "1"]);
    assert_eq!(rest.lines().count(), lines.len() - 1);
    let file = world.folder.path().join("journal.jsonl");
    fs::write(&file, &journal).unwrap();
    let file = file.to_str().unwrap();

    // What is written after the export does not disturb the head.
    configuration(&listen, ACME);
    let said = world.done(&["verify", "--head-file", file]);
    assert!(said.contains("The records are what was written."), "{said}");
    assert!(said.contains(&format!("lines: {}", lines.len() + 2)), "{said}");
    let head = lines.last().unwrap()["hash"].as_str().unwrap();
    world.done(&["verify", "--head", head]);
    let other = head.replace(|c: char| c.is_ascii_digit(), "a");
    let output = world.run(&["verify", "--head", &other]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("lines were lost"), "{output:?}");
    assert_eq!(world.run(&["verify", "--head", "x"]).status.code(), Some(1));
    assert_eq!(running.end("TERM").0, Some(0));
}

#[test]
fn a_balance_that_somebody_changed_is_found() {
    let world = World::new();
    world.done(&["minutes", "grant", "--tenant", "acme", "--minutes", "40"]);
    world.done(&["verify"]);
    let database = world.folder.path().join("gateway.db");
    let change = |sql: &str| {
        let connection = rusqlite::Connection::open(&database).unwrap();
        // Whoever means to change the journal also takes away what keeps others from it.
        let triggers = "SELECT group_concat('DROP TRIGGER \"' || name || '\";', ' ') \
            FROM sqlite_master WHERE type = 'trigger'";
        let triggers: Option<String> =
            connection.query_row(triggers, [], |row| row.get(0)).unwrap();
        connection.execute_batch(&triggers.unwrap_or_default()).unwrap();
        assert_eq!(connection.execute(sql, []).unwrap(), 1);
    };
    change("UPDATE balance SET granted = granted + 1");
    let output = world.run(&["verify"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("balance"), "{output:?}");
    change("UPDATE balance SET granted = granted - 1");
    world.done(&["verify"]);
    change("UPDATE journal SET at = at + 1 WHERE number = 1");
    let said = world.refused(&["verify"], 1);
    assert!(said.contains("journal line 1 is not what was written"), "{said}");
}

#[test]
fn whoever_only_reads_does_not_wait_for_whoever_writes() {
    let world = World::new();
    world.done(&["minutes", "grant", "--tenant", "acme", "--minutes", "40"]);
    let database = world.folder.path().join("gateway.db");
    let writer = rusqlite::Connection::open(database).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM balance").unwrap();
    // A command that waits gives up after seconds, and fails.
    for command in [&["verify"][..], &["usage"], &["key", "list"], &["journal", "export"]] {
        world.done(command);
    }
    assert!(world.done(&["minutes", "show"]).contains("640 min"));
    writer.execute_batch("ROLLBACK").unwrap();
}
