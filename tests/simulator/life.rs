//! Do objects, transcriptions, minutes and rates live as documented?

use std::time::{Duration, SystemTime};

use heify_gateway::secret::Secret;
use heify_gateway::simulator::{AccountSettings, Rates, Settings, StartError, start};
use serde_json::json;

use crate::client::{Heify, KEY, settings};

const PROCESSING: Duration = Duration::from_secs(3);

/// Moves tokio's clock without waiting. The clock runs again before the next call: a paused one jumps
/// from timer to timer while sockets are waited for, and would end connections.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn the_quick_start_of_the_docs_runs_through() {
    let heify = Heify::start(settings(PROCESSING)).await;
    let configuration = heify.data("/create-configuration", json!({ "tag": "First" })).await;
    let id = &configuration["configuration_id"];
    let url = "https://audio.example.net/first.mp3?duration=90.25";
    let submitted = heify.data("/submit", json!({ "configuration_id": id, "url": url })).await;
    let asked = json!({ "transcription_id": submitted["transcription_id"] });
    let early = heify.data("/get-transcription", asked.clone()).await;
    assert_eq!(early["status"], "IN_PROGRESS");
    assert_eq!(early["duration"], json!(null));
    assert!(early["details"].is_object());
    pass(PROCESSING).await;
    let late = heify.data("/get-transcription", asked).await;
    assert_eq!((&late["status"], &late["duration"]), (&json!("COMPLETED"), &json!(90.25)));
    assert_eq!(late["details"]["summary"], json!(null));
}

#[tokio::test]
async fn minutes_are_debited_at_completion_and_end() {
    let mut settings = settings(PROCESSING);
    settings.accounts[0].balance_millis = 60_000;
    let heify = Heify::start(settings).await;
    let made = heify.data("/create-configuration", json!({ "tag": "t" })).await;
    let submit = |name: &str| {
        let url = format!("https://audio.example.net/{name}.mp3?duration=60.5");
        json!({ "configuration_id": made["configuration_id"], "url": url })
    };
    heify.data("/submit", submit("fail")).await;
    heify.data("/submit", submit("good")).await;
    pass(PROCESSING).await;
    let reply = heify.steer("PUT", "account", &json!({})).await;
    // The failed one cost nothing.
    assert_eq!(reply.json(), json!({ "client_id": "client-0001", "balance_millis": -500 }));
    assert_eq!(heify.call("/submit", &submit("next")).await.unwrap().status, 402);
    heify.steer("PUT", "account", &json!({ "minutes": 1 })).await;
    heify.data("/submit", submit("next")).await;
    let list = heify.data("/list-transcriptions", json!({})).await;
    let statuses: Vec<_> = (0..3).map(|place| &list["transcriptions"][place]["status"]).collect();
    assert_eq!(statuses, ["FAILED", "COMPLETED", "IN_PROGRESS"]);
}

#[tokio::test]
async fn deleted_templates_leave_transcriptions_readable() {
    let heify = Heify::start(settings(Duration::ZERO)).await;
    let made = heify.data("/create-configuration", json!({ "tag": "Gone" })).await;
    let who = heify.data("/create-participant", json!({ "tag": "Gone too" })).await;
    let participant = json!({ "participant_id": who["participant"]["participant_id"] });
    let mut submit = json!({ "url": "https://audio.example.net/a.mp3" });
    submit["configuration_id"] = made["configuration_id"].clone();
    submit["participant_id"] = participant["participant_id"].clone();
    let job = heify.data("/submit", submit).await["transcription_id"].clone();
    heify.data("/delete-configuration", made).await;
    heify.data("/delete-participant", participant.clone()).await;
    let kept = heify.data("/get-transcription", json!({ "transcription_id": job })).await;
    assert_eq!(kept["configuration_tag"], "Gone");
    assert_eq!(kept["participant_id"], participant["participant_id"]);
}

#[tokio::test]
async fn a_fresh_participant_was_updated_after_its_creation() {
    let heify = Heify::start(settings(PROCESSING)).await;
    let made = heify.data("/create-participant", json!({ "tag": "t" })).await;
    let made = &made["participant"];
    let time = |field: &str| made[field].as_str().unwrap().to_owned();
    assert!(time("updated_at") > time("created_at"));
    let asked = json!({ "participant_id": made["participant_id"] });
    let updated = heify.data("/update-participant", asked).await;
    let updated = updated["participant"]["updated_at"].as_str().unwrap().to_owned();
    assert!(updated > time("updated_at"));
}

#[tokio::test]
async fn rates_refill_and_months_end() {
    let mut settings = settings(Duration::ZERO);
    settings.accounts[0].rates = Rates::Published;
    // Far from both ends of a month.
    settings.wall_clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_776_000_000);
    let heify = Heify::start(settings).await;
    let made = heify.data("/create-configuration", json!({ "tag": "t" })).await;
    // One token of /analytics takes 12 seconds.
    for _ in 0..30 {
        heify.data("/analytics", made.clone()).await;
        pass(Duration::from_secs(13)).await;
    }
    let refused = heify.call("/analytics", &made).await.unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["error"]["message"], "Monthly quota exceeded");
    pass(Duration::from_secs(31 * 24 * 3600)).await;
    heify.data("/analytics", made.clone()).await;
    heify.data("/analytics", made.clone()).await;
    let refused = heify.call("/analytics", &made).await.unwrap();
    assert_eq!(refused.json()["error"]["message"], "Rate limit exceeded");
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let mut settings = settings(Duration::ZERO);
    let mut other = AccountSettings::with_key(Secret::new("key-of-another-account"));
    other.client_id = "client-0002".to_owned();
    settings.accounts.push(other);
    let heify = Heify::start(settings).await;
    let made = heify.data("/create-configuration", json!({ "tag": "t" })).await;
    let headers = [("x-api-key", "key-of-another-account")];
    let reply = heify.send("POST", "/get-configuration", &headers, &made.to_string()).await;
    assert_eq!(reply.unwrap().status, 404);
}

#[tokio::test]
async fn it_refuses_settings_that_it_cannot_serve() {
    let mut open = settings(PROCESSING);
    open.listen = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(start(open).await, Err(StartError::NotLoopback(_))));
    let mut twice = Settings::with_key(Secret::new(KEY));
    twice.accounts[0].deactivated_keys.push(Secret::new(KEY));
    assert!(matches!(start(twice).await, Err(StartError::DoubledKey { account: 0, .. })));
}

#[tokio::test]
async fn a_stopped_simulator_frees_its_port() {
    let heify = Heify::start(settings(PROCESSING)).await;
    let address = heify.simulator.address();
    heify.data("/list-participants", json!({})).await;
    heify.simulator.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
