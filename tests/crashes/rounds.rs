//! What if the gateway is killed at any moment, again and again, in the middle of bursts of calls?

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use heify_gateway::records::{State, Store};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::book::{Book, open};
use super::client;
use super::process::until;
use super::upstream::{Answering, Seen, Turn, error, well};
use super::world::{KEYS, World};

/// How often it is killed, where nobody asks for more.
const ROUNDS: usize = 200;
/// Clients at once, half of them of each tenant.
const CLIENTS: usize = 6;
/// The most calls of a client in a round: a start reads the whole journal.
const CALLS: usize = 5;
/// After so many rounds all is checked.
const CHECKED: usize = 20;

pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// Mostly well; now and then an error, or no answer at all.
fn moody(rng: &Mutex<Rng>, seen: &Seen) -> Answering {
    let mut rng = rng.lock().unwrap();
    let delay = Duration::from_micros(rng.u64(0..12_000));
    let is_asked_by_gateway = seen.name().is_empty();
    let can_be_lost = !seen.path.starts_with("/delete");
    let turn = match rng.u8(0..100) {
        _ if is_asked_by_gateway => well(seen),
        0..5 if can_be_lost => Turn::Lose,
        5..9 => error(500),
        9..12 => Turn::Answer(502, "<html>".into()),
        12..18 => error(400),
        _ => well(seen),
    };
    Box::pin(async move {
        sleep(delay).await;
        turn
    })
}

#[tokio::test]
async fn kill_at_any_moment_loses_nothing_and_counts_nothing_twice() {
    let rounds = number("HEIFY_CRASH_ROUNDS").map_or(ROUNDS, |rounds| rounds.try_into().unwrap());
    let seed = number("HEIFY_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("HEIFY_CRASH_SEED={seed} HEIFY_CRASH_ROUNDS={rounds}");
    let mut rng = Rng::with_seed(seed);
    let moods = Arc::new(Mutex::new(rng.fork()));
    let world = World::start(move |seen| moody(&moods, &seen)).await;
    let book = Arc::new(Book::default());
    let heard = Arc::new(AtomicUsize::new(0));
    let mut cut_off = HashSet::new();
    let mut lost = 0;
    for round in 0..rounds {
        let served = world.serve().await;
        let mut clients = JoinSet::new();
        heard.store(0, Ordering::SeqCst);
        for client in 0..CLIENTS {
            let (book, heard, listen) = (Arc::clone(&book), Arc::clone(&heard), served.listen);
            let mut choices = rng.fork();
            clients.spawn(async move {
                for call in 0..CALLS {
                    let name = format!("r{round}-{client}-{call}");
                    let tenant = client % 2;
                    let next = book.next(tenant, &name, choices.u8(..));
                    let key = KEYS[tenant];
                    let reply = client::call(listen, next.path, key, &name, &next.body).await;
                    let Some(reply) = reply else { return };
                    book.heard(&name, &next, &reply);
                    heard.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        // By answers and not by time alone: in the midst of a burst, however slow the machine is.
        let enough = rng.usize(0..CLIENTS * 2);
        until("enough answers", async || heard.load(Ordering::SeqCst) >= enough).await;
        sleep(Duration::from_micros(rng.u64(0..12_000))).await;
        served.kill().await;
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
        world.upstream.idle().await;
        // What was cut off in the round before was called lost at this start: none stays open.
        let now = open(&world);
        assert!(now.is_disjoint(&cut_off), "round {round}: open for good");
        lost += now.len();
        cut_off = now;
        if (round + 1) % CHECKED == 0 || round + 1 == rounds {
            book.check(&world);
        }
    }
    let (calls, done) = book.counts();
    println!("{calls} calls, {done} done, {lost} cut off");
    let (exit, _) = world.serve().await.stop().await;
    assert_eq!(exit, Some(0));
    assert!(open(&world).is_empty());
    book.check(&world);
    // The kills hit what they were aimed at.
    assert!(lost * 2 >= rounds && done * 10 >= calls, "{lost} of {calls} cut off, {done} done");
    assert!(world.records().in_state(State::Lost, usize::MAX).unwrap().len() >= lost / 2);
}
