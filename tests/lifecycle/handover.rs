//! Is no connection lost when one gateway ends and another begins on the same socket?

use std::time::Duration;

use serde_json::json;

use crate::load::{Load, plain, succeeds};
use crate::supervised::Supervisor;
use crate::world::{KEY, Served, World, ask};

const LIST: &str = "/list-participants";

#[test]
fn a_restart_on_a_kept_socket_fails_no_request() {
    let world = World::new();
    let supervisor = Supervisor::new(&world);
    let mut served = supervisor.serve(&world);
    let load = Load::start(8, LIST, &plain(&supervisor.address()), &succeeds());
    for _ in 0..3 {
        load.progress(100);
        // As `systemctl restart` does: to the end, and then anew. Who calls meanwhile waits.
        let (exit, lines) = served.running.end("TERM");
        assert_eq!(exit, Some(0), "{lines:#?}");
        served = supervisor.serve(&world);
        load.progress(100);
    }
    let report = load.end();
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    println!("{} answers, {} of them on a second try", report.answers["200"], report.again);
}

#[test]
fn a_successor_that_starts_early_waits_for_the_records_and_takes_over() {
    let world = World::new();
    let supervisor = Supervisor::new(&world);
    let served = supervisor.serve(&world);
    let load = Load::start(8, LIST, &plain(&supervisor.address()), &succeeds());
    load.progress(100);
    let successor = supervisor.start(&world, None);
    successor.line_with("waiting until another gateway has ended");
    load.progress(50);
    assert_eq!(served.running.end("TERM").0, Some(0));
    let successor = Served::ready(successor);
    load.progress(100);
    let report = load.end();
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert_eq!(successor.running.end("TERM").0, Some(0));
}

#[test]
fn the_supervisor_is_told_what_happens() {
    let world = World::new();
    let supervisor = Supervisor::new(&world);
    let served = supervisor.serve(&world);
    served.running.signal("HUP");
    let told = supervisor.told("RELOADING=1");
    let time = told.iter().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(time.is_some_and(|time| time.parse::<u64>().is_ok()), "{told:?}");
    assert!(supervisor.told("READY=1").contains(&"STATUS=serving".to_owned()));
    world.write("broken");
    let told = supervisor.told("READY=1");
    assert!(told.iter().any(|line| line.contains("was refused")), "{told:?}");
    served.running.signal("TERM");
    supervisor.told("STOPPING=1");
}

#[test]
fn the_watchdog_is_fed_while_the_threads_answer() {
    let world = World::new();
    let supervisor = Supervisor::new(&world);
    let served = Served::ready(supervisor.start(&world, Some(Duration::from_millis(100))));
    for _ in 0..3 {
        supervisor.told("WATCHDOG=1");
    }
    assert_eq!(served.running.end("TERM").0, Some(0));
}

#[test]
fn new_calls_are_answered_until_the_delay_before_the_drain_is_over() {
    let world = World::new();
    let delay = "contact = \"one@example.org\"\npre_stop_delay = \"2s\"";
    world.write(&world.text(&[("contact = \"one@example.org\"", delay)]));
    let served = world.serve();
    served.running.signal("TERM");
    served.running.line_with("draining");
    let ready = ask(&served.status, "GET /readyz", "accept: */*", "");
    assert_eq!(ready.status, 503, "{ready:?}");
    assert_eq!(served.call(LIST).status, 200);
    let lines = served.running.end("CONT").1;
    assert!(lines.iter().any(|line| line.contains("stopped")), "{lines:#?}");
}

#[test]
fn a_second_signal_ends_at_once_also_while_a_call_waits() {
    let world = World::new();
    let served = world.serve();
    world.heify.fault(LIST, 1, &json!({ "kind": "hang" }));
    let address = served.listen.clone();
    let waiting = std::thread::spawn(move || {
        let sent = crate::world::request(
            &format!("POST {LIST}"),
            &format!("x-api-key: {KEY}"),
            "{}",
            "close",
        );
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut stream, sent.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // Reset or closed: there is no answer.
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        answer
    });
    while !world.heify.calls().contains(&LIST.to_owned()) {}
    served.running.signal("TERM");
    served.running.line_with("draining");
    let (exit, lines) = served.running.end("TERM");
    assert_eq!(exit, Some(128 + 15), "{lines:#?}");
    assert_eq!(waiting.join().unwrap(), b"");
}
