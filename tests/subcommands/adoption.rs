//! Can objects that were at Heify first be given to tenants, and only once?

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

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
    assert!(text(&dry.stderr).contains("Heify publishes no paging"), "{dry:?}");
    assert!(!text(&dry.stderr).contains("may be there"), "these lists are whole: {dry:?}");
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

/// Answers every call with the same; it ends with the process.
fn answering(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim().to_lowercase();
                if let Some(given) = line.strip_prefix("content-length: ") {
                    length = given.parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            reader.into_inner().write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn a_list_that_looks_like_one_page_of_several_is_told_of() {
    let world = World::new();
    let heify = answering(
        r#"{"data":{"items":[{"participant_id":"3f0c1a52-7b1e-4d6a-9c55-02f1e8b7a6d4"}],
        "next_token":"abc","count":57}}"#,
    );
    let given = std::fs::read_to_string(&world.path).unwrap();
    std::fs::write(&world.path, given.replace(&world.heify, &heify)).unwrap();
    let adopted = world.run(&["adopt", "--tenant", "acme", "--kind", "participant"]);
    assert!(text(&adopted.stdout).contains("participant      1        1"), "{adopted:?}");
    let said = text(&adopted.stderr);
    assert!(said.contains("more than the 1 shown"), "{said}");
    assert!(said.contains("data.next_token") && said.contains("data.count"), "{said}");
}
