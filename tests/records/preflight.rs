//! Does a look at a file cost nothing where it refuses, and say what is reserved where it passes?

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heify_gateway::preflight::{Mode, Network, Outcome, Resolver, Settings};
use heify_gateway::quota::MinutesBudget;
use heify_gateway::records::{AudioMillis, Meter};
use heify_gateway::stack;
use heify_gateway::traffic::Traffic;

use super::support::gateway::Answer;
use super::support::upstream::{Act, Upstream};
use super::world::{World, created, fresh};

/// A WAV of so many seconds, a byte each, as its server sends it.
fn wav(seconds: u32) -> Act {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x07\0\x01\0".to_vec();
    file.extend_from_slice(b"\x01\0\0\0\x01\0\0\0\x01\0\x08\0data");
    file.extend_from_slice(&seconds.to_le_bytes());
    file.resize(file.len() + seconds as usize, 0x55);
    let length = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", file.len());
    Act::WriteAndClose([length.into_bytes(), file].concat())
}

fn looking(site: &Upstream, mode: Mode) -> Option<Settings> {
    let mut settings = Settings::new(mode);
    settings.ports = vec![site.address.port()];
    settings.networks = vec![Network::parse("127.0.0.1").unwrap()];
    settings.resolver = Resolver::new(|_| Ok(vec![Ipv4Addr::LOCALHOST.into()]));
    Some(settings)
}

fn twenty_minutes(settings: &mut stack::Settings, preflight: Option<Settings>) {
    settings.isolate = None;
    settings.preflight = preflight;
    let monthly = MinutesBudget::Monthly(AudioMillis(1_200_000));
    settings.quota.tenants[0].budget.minutes = monthly;
}

async fn submit(world: &World, site: &Upstream) -> Answer {
    let id = "3f0c1a52-7b1e-4d6a-9c55-0a1b2c3d4e5f";
    let url = format!("http://media.example:{}/a.wav?secret=yes", site.address.port());
    let body = format!(r#"{{"configuration_id":"{id}","url":"{url}"}}"#);
    world.gateway.call("/submit", &body).await
}

fn count(world: &World, outcome: Outcome) -> u64 {
    let levels = world.gateway.rooms.levels();
    let read = levels.preflights().unwrap().read();
    read.iter().find(|(one, _)| *one == outcome).unwrap().1
}

#[tokio::test]
async fn a_known_length_is_what_is_reserved() {
    let site = Upstream::start([wav(84)]).await;
    let world =
        World::start(|settings| twenty_minutes(settings, looking(&site, Mode::Probe))).await;
    world.upstream.then(created("transcription_id", fresh()));
    assert_eq!(submit(&world, &site).await.status, 201);
    assert_eq!(world.balance("team-a", Meter::Minutes).await.held, 84_000);
    assert_eq!(count(&world, Outcome::Measured), 1);
    // What is not known is estimated.
    site.then(Act::Close);
    world.upstream.then(created("transcription_id", fresh()));
    assert_eq!(submit(&world, &site).await.status, 201);
    assert_eq!(world.balance("team-a", Meter::Minutes).await.held, 684_000);
    assert_eq!(count(&world, Outcome::Unreadable), 1);
}

#[tokio::test]
async fn a_known_length_that_the_balance_does_not_cover_is_refused_before_the_upstream_hears_of_it()
{
    let site = Upstream::start([wav(1201), wav(1200)]).await;
    let world =
        World::start(|settings| twenty_minutes(settings, looking(&site, Mode::Probe))).await;
    submit(&world, &site).await.assert_refused(402, "minutes_exhausted");
    assert!(world.upstream.requests().is_empty());
    world.upstream.then(created("transcription_id", fresh()));
    assert_eq!(submit(&world, &site).await.status, 201);
    assert_eq!(world.balance("team-a", Meter::Minutes).await.held, 1_200_000);
}

#[tokio::test]
async fn in_strict_mode_a_file_does_not_lower_what_is_reserved() {
    let site = Upstream::start([wav(84)]).await;
    let world = World::start(|settings| {
        settings.preflight = looking(&site, Mode::Probe);
        settings.isolate = None;
        settings.quota.minutes.estimate = heify_gateway::quota::LONGEST_AUDIO;
    })
    .await;
    world.upstream.then(created("transcription_id", fresh()));
    assert_eq!(submit(&world, &site).await.status, 201);
    assert_eq!(world.balance("team-a", Meter::Minutes).await.held, 7_200_000);
}

#[tokio::test]
async fn a_refused_file_reserves_and_forwards_nothing() {
    let page = "HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n<!doctype html><html>";
    let large = "HTTP/1.1 200 OK\r\ncontent-length: 209715201\r\n\r\n";
    let bad = [wav(7300), Act::WriteAndClose(page.into()), Act::WriteAndClose(large.into())];
    let site = Upstream::start(bad.iter().take(2).cloned()).await;
    let headers = Upstream::start([bad[2].clone()]).await;
    for (site, mode, outcomes) in [
        (&site, Mode::Probe, &[Outcome::TooLong, Outcome::NotAudio][..]),
        (&headers, Mode::Headers, &[Outcome::TooLarge]),
    ] {
        let traffic = Arc::new(Traffic::new(Instant::now()));
        let change = |settings: &mut _| twenty_minutes(settings, looking(site, mode));
        let world = World::start_counted(change, &traffic).await;
        let lines = world.lines().await;
        for outcome in outcomes {
            submit(&world, site).await.assert_refused(400, "unsupported_audio");
            assert_eq!(count(&world, *outcome), 1);
        }
        assert_eq!(world.lines().await, lines);
        assert!(world.upstream.requests().is_empty());
        assert_eq!(world.balance("team-a", Meter::Minutes).await.taken(), 0);
        let seen = traffic.incidents(None, 10, std::time::SystemTime::now(), |_| true);
        assert_eq!(seen.len(), outcomes.len());
        assert!(!format!("{seen:?}").contains("secret"));
    }
}

#[tokio::test]
async fn a_site_that_does_not_answer_in_time_holds_up_no_call_for_longer() {
    let site = Upstream::start([Act::Hang]).await;
    let world = World::start(|settings| {
        let mut looking = looking(&site, Mode::Probe).unwrap();
        looking.timeout = Duration::from_millis(50);
        twenty_minutes(settings, Some(looking));
    })
    .await;
    world.upstream.then(created("transcription_id", fresh()));
    assert_eq!(submit(&world, &site).await.status, 201);
    assert_eq!(count(&world, Outcome::Slow), 1);
}

#[tokio::test]
async fn without_a_preflight_nobody_looks_and_an_explanation_never_does() {
    let site = Upstream::start([]).await;
    let world = World::start(|settings| twenty_minutes(settings, None)).await;
    world.upstream.then(created("transcription_id", fresh()));
    assert_eq!(submit(&world, &site).await.status, 201);
    let world =
        World::start(|settings| twenty_minutes(settings, looking(&site, Mode::Probe))).await;
    let url = format!("http://media.example:{}/a.wav", site.address.port());
    let asked = format!(
        r#"{{"path":"/submit","body":{{"configuration_id":"3f0c1a52-7b1e-4d6a-9c55-0a1b2c3d4e5f","url":"{url}"}}}}"#
    );
    assert_eq!(world.gateway.call("/_gateway/explain", &asked).await.status, 200);
    assert_eq!(site.connections(), 0);
}

#[tokio::test]
async fn a_reload_keeps_the_counts_and_changes_the_mode() {
    let site = Upstream::start([wav(84)]).await;
    let mut world =
        World::start(|settings| twenty_minutes(settings, looking(&site, Mode::Probe))).await;
    world.upstream.then(created("transcription_id", fresh()));
    assert_eq!(submit(&world, &site).await.status, 201);
    let mut settings = super::support::gateway::settings(world.upstream.address);
    super::support::gateway::add_tenant(&mut settings, "team-b", super::world::OTHER_KEY);
    twenty_minutes(&mut settings, None);
    world.gateway.reload(settings);
    world.upstream.then(created("transcription_id", fresh()));
    assert_eq!(submit(&world, &site).await.status, 201);
    assert_eq!((site.connections(), count(&world, Outcome::Measured)), (1, 1));
}
