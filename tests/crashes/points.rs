//! What if the gateway is killed between reserve, forward, close and answer?

use heify_gateway::records::{Missing, Sqlite, State, Store};
use serde_json::json;

use super::client::receive;
use super::held::Held;
use super::process::until;
use super::upstream::{Seen, Turn, error, length, well};
use super::world::{CREATE, READ, World};

/// The outcome is unknown: neither free nor paid, and shown as lost after the next start.
async fn assert_lost(world: &World) {
    let (exit, _) = world.serve().await.stop().await;
    assert_eq!(exit, Some(0));
    let one = world.reservation("held").unwrap();
    assert_eq!((one.state, one.object, one.billed), (State::Lost, None, None));
    assert!(one.holds.iter().any(|hold| hold.held > 0), "it stays held: {one:?}");
    world.verified();
}

#[tokio::test]
async fn killed_before_the_upstream_got_anything_the_call_is_held_and_never_sent_later() {
    let held = Held::start().await;
    let (served, configuration) = held.serve().await;
    // Whoever accepts and never reads keeps the call between its reserve and its forwarding.
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    served.stop().await;
    let text = std::fs::read_to_string(held.world.configuration()).unwrap();
    let address = |address: std::net::SocketAddr| format!("http://{address}");
    let elsewhere =
        text.replace(&address(held.world.upstream.address), &address(deaf.local_addr().unwrap()));
    std::fs::write(held.world.configuration(), elsewhere).unwrap();
    let served = held.world.serve().await;
    let client = held.submit(served.listen, "held", configuration).await;
    assert_eq!(held.world.state("held"), Some(State::Open));
    served.kill().await;
    assert!(receive(client).await.is_none(), "nobody was told anything");
    drop(deaf);
    std::fs::write(held.world.configuration(), text).unwrap();
    assert_lost(&held.world).await;
    assert_eq!(held.world.upstream.count("held"), 0, "an old call is not sent again");
}

#[tokio::test]
async fn killed_while_the_upstream_works_the_call_is_held() {
    let held = Held::start().await;
    let (served, configuration) = held.serve().await;
    let client = held.submit(served.listen, "held", configuration).await;
    held.world.upstream.has("held").await;
    served.kill().await;
    assert!(receive(client).await.is_none());
    held.open();
    assert_lost(&held.world).await;
    assert_eq!(held.world.upstream.count("held"), 1);
}

#[tokio::test]
async fn killed_after_the_answer_and_before_its_close_is_durable_the_call_is_held() {
    let mut held = Held::start().await;
    let (served, configuration) = held.serve().await;
    let client = held.submit(served.listen, "held", configuration).await;
    held.world.upstream.has("held").await;
    // Whoever holds the file keeps the gateway from closing.
    let mut holder = Sqlite::beside(&held.world.database(), Missing::Refuse).unwrap();
    holder.begin().unwrap();
    held.open();
    held.answered(1).await;
    // An unmetered call that came later is answered: the outcome has been read by now, or soon.
    let body = json!({ "configuration_id": configuration });
    assert_eq!(held.world.call(&served, READ, "after", &body).await.status, 200);
    served.kill().await;
    holder.rollback();
    drop(holder);
    assert!(receive(client).await.is_none(), "nobody hears of what is not durable");
    assert_lost(&held.world).await;
    assert_eq!(held.world.upstream.count("held"), 1);
}

#[tokio::test]
async fn an_answer_that_cannot_be_closed_reaches_its_client_and_is_closed_as_soon_as_it_can() {
    let held = Held::start().await;
    let (served, configuration) = held.serve().await;
    let client = held.submit(served.listen, "held", configuration).await;
    held.world.upstream.has("held").await;
    let mut holder = Sqlite::beside(&held.world.database(), Missing::Refuse).unwrap();
    holder.begin().unwrap();
    held.open();
    let reply = receive(client).await.unwrap();
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(held.world.state("held"), Some(State::Open));
    holder.rollback();
    until("bound", async || held.world.state("held") == Some(State::Bound)).await;
    assert_eq!(held.world.reservation("held").unwrap().object, reply.created());
    let (exit, said) = served.stop().await;
    assert_eq!(exit, Some(0));
    // Had it ended before, this would be all that tells whose the job is.
    let id = reply.created().unwrap().to_string();
    let tells = |line: &&String| line.contains("adopt it") && line.contains(&id);
    assert!(said.iter().find(tells).is_some_and(|line| line.contains("team-a")), "{said:#?}");
    held.world.verified();
}

#[tokio::test]
async fn killed_after_the_close_before_the_client_has_read_the_call_is_done_once() {
    let held = Held::start().await;
    let (served, configuration) = held.serve().await;
    let client = held.submit(served.listen, "held", configuration).await;
    held.open();
    until("bound", async || held.world.state("held") == Some(State::Bound)).await;
    served.kill().await;
    drop(client);
    let served = held.world.serve().await;
    let one = held.world.reservation("held").unwrap();
    assert_eq!(one.state, State::Bound);
    let job = one.object.unwrap();
    // It is the tenant's, and can be deleted.
    let body = json!({ "transcription_id": job });
    assert_eq!(held.world.call(&served, "/get-transcription", "read", &body).await.status, 200);
    let gone = held.world.call(&served, "/delete-transcription", "gone", &body).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    assert_eq!(held.world.object(&job), None);
    assert_eq!(served.stop().await.0, Some(0));
    // It was asked how long the job was before that could not be told any more.
    let one = held.world.reservation("held").unwrap();
    assert_eq!((one.state, one.billed.unwrap().0), (State::Settled, length(&job)));
    assert_eq!(held.world.upstream.count("held"), 1);
    held.world.verified();
}

#[tokio::test]
async fn a_lost_answer_is_held_over_a_restart_and_a_refused_call_is_free() {
    let world = World::start(|seen: Seen| {
        let turn = match seen.name() {
            "lost" => Turn::Lose,
            "refused" => error(400),
            _ => well(&seen),
        };
        Box::pin(async move { turn })
    })
    .await;
    let served = world.serve().await;
    let lost = world.call(&served, CREATE, "lost", &json!({})).await;
    lost.assert_refused(500, "outcome_unknown");
    assert_eq!(world.call(&served, CREATE, "refused", &json!({})).await.status, 400);
    served.kill().await;
    assert_eq!(world.state("lost"), Some(State::Lost));
    assert_eq!(world.state("refused"), Some(State::Released));
    world.serve().await.kill().await;
    assert_eq!(world.state("lost"), Some(State::Lost));
    assert_eq!(world.upstream.count("lost"), 1, "what may have been done is not sent again");
    world.verified();
}
