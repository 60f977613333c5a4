//! What becomes of counted calls when their clients go away, or the gateway is told to end?

use heify_gateway::records::{Holder, State, Store};

use super::client::receive;
use super::held::Held;
use super::process::until;
use super::world::TENANTS;

#[tokio::test]
async fn a_call_whose_client_has_gone_is_done_and_closed_and_its_job_is_the_tenants() {
    let held = Held::start().await;
    let (served, configuration) = held.serve().await;
    let client = held.submit(served.listen, "held", configuration).await;
    held.world.upstream.has("held").await;
    drop(client);
    held.open();
    until("bound", async || held.world.state("held") == Some(State::Bound)).await;
    let job = held.world.reservation("held").unwrap().object.unwrap();
    let holder = held.world.object(&job).unwrap().holder;
    assert_eq!(holder, Holder::Tenant(TENANTS[0].into()));
    assert_eq!(served.stop().await.0, Some(0));
    assert_eq!(held.world.upstream.count("held"), 1);
    held.world.verified();
}

#[tokio::test]
async fn sigterm_waits_for_counted_calls_and_leaves_none_open() {
    let held = Held::start().await;
    let (served, configuration) = held.serve().await;
    let names: Vec<String> = (0..8).map(|number| format!("held-{number}")).collect();
    let mut clients = Vec::new();
    for name in &names {
        clients.push(held.submit(served.listen, name, configuration).await);
        held.world.upstream.has(name).await;
    }
    // Half of the clients do not wait for it.
    clients.truncate(names.len() / 2);
    served.signal("TERM").await;
    let ready = async || super::client::get(served.status, "/readyz").await;
    until("draining", async || ready().await == Some(503)).await;
    held.open();
    for client in clients {
        let reply = receive(client).await.unwrap();
        assert_eq!(reply.status, 201, "{reply:?}");
    }
    let (exit, said) = served.ended().await;
    assert_eq!(exit, Some(0), "{said:#?}");
    assert!(said.last().unwrap().contains("stopped"), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("cut off")), "{said:#?}");
    // Whoever copies the file of a gateway that has ended has all of it.
    let log = held.world.database().with_extension("db-wal");
    assert!(!log.exists(), "{} is left", log.display());
    for name in &names {
        assert_eq!(held.world.state(name), Some(State::Bound), "{name}");
    }
    assert!(held.world.records().in_state(State::Open, 9).unwrap().is_empty());
    held.world.verified();
}

#[tokio::test]
async fn a_drain_that_ends_too_early_leaves_the_calls_held() {
    let held = Held::start().await;
    let text = std::fs::read_to_string(held.world.configuration()).unwrap();
    let short = text.replace("drain_timeout = \"20s\"", "drain_timeout = \"100ms\"");
    std::fs::write(held.world.configuration(), short).unwrap();
    let (served, configuration) = held.serve().await;
    let client = held.submit(served.listen, "held", configuration).await;
    held.world.upstream.has("held").await;
    let (exit, said) = served.stop().await;
    assert_eq!(exit, Some(0));
    assert!(said.iter().any(|line| line.contains("cut off")), "{said:#?}");
    drop(client);
    held.world.serve().await.kill().await;
    assert_eq!(held.world.state("held"), Some(State::Lost));
    held.world.verified();
}
