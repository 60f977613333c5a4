//! Does a job cost what it really was, over restarts, deletions and deadlines?

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heify_gateway::records::{Missing, Sqlite, State, Store, Why};
use serde_json::json;
use uuid::Uuid;

use super::process::{Served, until};
use super::upstream::{Seen, Turn, error, length, well};
use super::world::{ESTIMATE, SUBMIT, World};

/// When the worker asks about a job that nobody reads.
const FIRST_ASKED: Duration = Duration::from_secs(15);

/// What is said about jobs, where it is not the usual.
type Said = Arc<Mutex<HashMap<Uuid, Turn>>>;

async fn world() -> (World, Said) {
    let said = Said::default();
    let told = Arc::clone(&said);
    let world = World::start(move |seen: Seen| {
        let job = seen.body["transcription_id"].as_str().and_then(|id| id.parse().ok());
        let asked = job.filter(|_| seen.path == "/get-transcription");
        let turn = asked.and_then(|job: Uuid| told.lock().unwrap().get(&job).cloned());
        Box::pin(async move { turn.unwrap_or_else(|| well(&seen)) })
    })
    .await;
    (world, said)
}

async fn submitted(world: &World, served: &Served, name: &str) -> Uuid {
    let configuration = world.made_as(served, &format!("made-{name}")).await;
    let body = json!({ "configuration_id": configuration });
    world.call(served, SUBMIT, name, &body).await.created().unwrap()
}

fn status(word: &str) -> Turn {
    Turn::Answer(200, format!(r#"{{"data":{{"status":"{word}","duration":null}}}}"#))
}

async fn read(world: &World, served: &Served, job: Uuid) {
    let body = json!({ "transcription_id": job });
    let reply = world.call(served, "/get-transcription", "read", &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn a_job_that_its_tenant_reads_is_booked_soon_after_and_a_failed_one_is_free() {
    let (world, said) = world().await;
    read_jobs_are_booked_soon(world, said).await;
}

#[tokio::test]
async fn so_it_is_where_nobody_looks_whose_an_id_is() {
    let (world, said) = world().await;
    world.configure("[isolation]\nmode = \"off\"", "");
    read_jobs_are_booked_soon(world, said).await;
}

async fn read_jobs_are_booked_soon(world: World, said: Said) {
    let served = world.serve().await;
    let (done, failed) =
        (submitted(&world, &served, "done").await, submitted(&world, &served, "failed").await);
    said.lock().unwrap().insert(failed, status("FAILED"));
    read(&world, &served, done).await;
    until("booked", async || world.state("done") == Some(State::Settled)).await;
    let one = world.reservation("done").unwrap();
    assert_eq!((one.length.unwrap().0, one.billed.unwrap().0), (length(&done), length(&done)));
    let took = one.opened.until(one.closed.unwrap());
    assert!(took < FIRST_ASKED, "by its own schedule, after {took:?}");
    read(&world, &served, failed).await;
    until("free", async || world.state("failed") == Some(State::Released)).await;
    let one = world.reservation("failed").unwrap();
    assert_eq!((one.billed, one.why), (None, Some(Why::Failed)));
    assert_eq!(served.stop().await.0, Some(0));
    world.verified();
}

#[tokio::test]
async fn a_job_that_nobody_reads_is_booked_by_the_gateway_that_was_started_after() {
    let (world, _) = world().await;
    let served = world.serve().await;
    let job = submitted(&world, &served, "job").await;
    served.kill().await;
    assert_eq!(world.state("job"), Some(State::Bound));
    let served = world.serve().await;
    until("booked", async || world.state("job") == Some(State::Settled)).await;
    assert_eq!(world.reservation("job").unwrap().billed.unwrap().0, length(&job));
    assert_eq!(served.stop().await.0, Some(0));
    world.verified();
}

#[tokio::test]
async fn a_job_that_is_missing_from_the_agenda_is_booked_after_a_start() {
    let (world, _) = world().await;
    let served = world.serve().await;
    let job = submitted(&world, &served, "job").await;
    assert_eq!(served.stop().await.0, Some(0));
    let id = world.reservation("job").unwrap().opening.reservation;
    let mut beside = Sqlite::beside(&world.database(), Missing::Refuse).unwrap();
    beside.begin().unwrap();
    beside.schedule(&id, None).unwrap();
    beside.commit().unwrap();
    drop(beside);
    world.verified();
    let served = world.serve().await;
    until("booked", async || world.state("job") == Some(State::Settled)).await;
    assert_eq!(world.reservation("job").unwrap().billed.unwrap().0, length(&job));
    assert_eq!(served.stop().await.0, Some(0));
    world.verified();
}

#[tokio::test]
async fn a_job_that_is_deleted_before_its_length_is_known_costs_what_was_reserved() {
    let (world, said) = world().await;
    let served = world.serve().await;
    for (name, told) in [("silent", error(500)), ("running", status("IN_PROGRESS"))] {
        let job = submitted(&world, &served, name).await;
        said.lock().unwrap().insert(job, told);
        let body = json!({ "transcription_id": job });
        let gone = world.call(&served, "/delete-transcription", "gone", &body).await;
        assert_eq!(gone.status, 200, "{gone:?}");
        let one = world.reservation(name).unwrap();
        assert_eq!((one.state, one.why), (State::Settled, Some(Why::Deleted)));
        assert_eq!(one.billed.unwrap().0, ESTIMATE);
        assert_eq!(world.object(&job), None);
    }
    assert_eq!(served.stop().await.0, Some(0));
    world.verified();
}
