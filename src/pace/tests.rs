//! Does the gate let pass what it may, in fair order, and lose no token?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use super::gate::{Entry, Gate, Place, Standing};
use crate::rate::Rate;

mod run;

const MAX_WAIT: Duration = Duration::from_millis(500);

/// A gate, and a clock that stands still.
struct Scene {
    gate: Arc<Gate>,
    origin: Instant,
    now: Instant,
}

fn scene(per_minute: u32, burst: u32) -> Scene {
    let now = Instant::now();
    let gate = Arc::new(Gate::new(Rate::new(per_minute, burst).unwrap(), now));
    Scene { gate, origin: now, now }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Scene {
    fn at(&mut self, at: u64) {
        self.now = self.origin + millis(at);
    }

    fn enter(&self, tenant: &str) -> Entry {
        self.gate.enter(&tenant.into(), self.now, MAX_WAIT)
    }

    #[track_caller]
    fn passes(&self, tenant: &str) {
        let entry = self.enter(tenant);
        assert!(matches!(entry, Entry::Pass), "{entry:?}");
    }

    #[track_caller]
    fn waits(&self, tenant: &str) -> Place {
        match self.enter(tenant) {
            Entry::Wait(place) => place,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn is_full(&self, tenant: &str) -> Duration {
        match self.enter(tenant) {
            Entry::Full { retry_after } => retry_after,
            other => panic!("{other:?}"),
        }
    }

    fn look(&self, place: &mut Place) -> Standing {
        place.look(self.now, Waker::noop())
    }

    fn until(&self, at: u64) -> Standing {
        Standing::Until(self.origin + millis(at))
    }
}

/// Notes that it was woken.
#[derive(Debug, Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Bell {
    fn rang(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

#[test]
fn a_call_that_finds_no_token_waits_for_the_next_one() {
    let mut scene = scene(600, 2);
    scene.passes("a");
    scene.passes("a");
    let mut place = scene.waits("a");
    assert_eq!(scene.look(&mut place), scene.until(100));
    scene.at(99);
    assert_eq!(scene.look(&mut place), scene.until(100));
    scene.at(100);
    assert_eq!(scene.look(&mut place), Standing::Turn);
    drop(place);
    assert_eq!(scene.is_full_after_waiting(5), millis(600), "the token is spent");
}

impl Scene {
    /// Fills the line with so many calls, and asks for one more.
    #[track_caller]
    fn is_full_after_waiting(&self, calls: usize) -> Duration {
        let _places: Vec<_> = (0..calls).map(|_| self.waits("a")).collect();
        self.is_full("a")
    }
}

#[test]
fn a_newcomer_does_not_take_the_token_of_one_who_waits() {
    let mut scene = scene(600, 1);
    scene.passes("a");
    let mut first = scene.waits("a");
    let bell = Arc::new(Bell::default());
    assert_eq!(first.look(scene.now, &Waker::from(Arc::clone(&bell))), scene.until(100));
    // The token is there, but nobody has looked yet.
    scene.at(150);
    let mut second = scene.waits("b");
    assert!(bell.rang(), "it is handed out by whoever comes by");
    assert_eq!(scene.look(&mut second), scene.until(250));
    assert_eq!(scene.look(&mut first), Standing::Turn);
}

#[test]
fn a_flood_does_not_hold_up_a_trickle() {
    let mut scene = scene(600, 2);
    scene.passes("flood");
    scene.passes("flood");
    let mut flood: Vec<_> = (0..5).map(|_| scene.waits("flood")).collect();
    assert_eq!(scene.is_full("flood"), millis(600));
    let mut trickle = scene.waits("trickle");
    assert_eq!(scene.look(&mut trickle), scene.until(200));
    scene.at(200);
    assert_eq!(scene.look(&mut trickle), Standing::Turn);
    // It was handed out without the flood's looking; the rest of the flood goes on in order.
    let standings: Vec<_> = flood.iter_mut().map(|place| scene.look(place)).collect();
    assert_eq!(standings[0], Standing::Turn);
    assert_eq!(standings[1..3], [scene.until(300), scene.until(400)]);
}

#[test]
fn without_a_pause_many_floods_do_not_keep_a_trickle_out() {
    let mut scene = scene(600, 1);
    scene.passes("a");
    let mut floods: Vec<_> =
        ["a", "b", "c", "d", "e"].map(|tenant| (tenant, scene.waits(tenant))).into();
    for round in 1..=20 {
        scene.at(round * 100);
        let (tenant, mut served) = floods.remove(0);
        assert_eq!(scene.look(&mut served), Standing::Turn);
        floods.push((tenant, scene.waits(tenant)));
        let mut trickle = scene.waits("trickle");
        // In the first round the others had no turn, either, and came before.
        let ahead = 5u64.saturating_sub(round);
        assert_eq!(scene.look(&mut trickle), scene.until((round + 1 + ahead) * 100));
    }
}

#[test]
fn the_line_holds_no_more_than_can_be_served_in_time() {
    // Fifty tokens come within the wait.
    let scene = scene(6_000, 1);
    scene.passes("a");
    let enter = |tenant: &str| match scene.enter(tenant) {
        Entry::Wait(place) => Some(place),
        _ => None,
    };
    let flood: Vec<_> = (0..1_000).filter_map(|_| enter("a")).collect();
    assert_eq!(flood.len(), 50);
    let tenants: Vec<_> = (0..1_000).filter_map(|tenant| enter(&tenant.to_string())).collect();
    assert_eq!(tenants.len(), 49, "one call of each tenant, the first of the flood among them");
    drop(flood);
    drop(tenants);
    let mixed: Vec<_> = (0..10_000).filter_map(|call| enter(&(call / 100).to_string())).collect();
    // 50 + 50/2 + 50/3 + ...: each tenant finds the shares of those before it taken.
    assert!((50..=225).contains(&mixed.len()), "{}", mixed.len());
}

#[test]
fn tenants_that_go_before_others_add_one_place_each_to_what_the_line_holds() {
    let mut scene = scene(6_000, 1);
    scene.passes("0");
    for tenant in 0..20 {
        let mut place = scene.waits(&tenant.to_string());
        scene.now += millis(10);
        assert_eq!(scene.look(&mut place), Standing::Turn);
    }
    // Who had its turn last comes first: every other one goes before those who wait.
    let calls = (0..20).rev().flat_map(|tenant| [tenant; 100]);
    let places: Vec<_> = calls
        .filter_map(|tenant| match scene.enter(&tenant.to_string()) {
            Entry::Wait(place) => Some(place),
            _ => None,
        })
        .collect();
    // t + n (1 + ln t), with n = 50 tokens within the wait and t = 20 tenants.
    assert!((50..=219).contains(&places.len()), "{}", places.len());
}

#[test]
fn a_call_whose_turn_cannot_come_in_time_is_told_at_once_when_it_would() {
    let scene = scene(10, 1);
    scene.passes("a");
    assert_eq!(scene.is_full("b"), millis(6_000));
}

#[test]
fn a_call_that_others_went_before_is_refused_after_the_wait() {
    let mut scene = scene(200, 1);
    scene.passes("a");
    let mut served = scene.waits("a");
    scene.at(300);
    assert_eq!(scene.look(&mut served), Standing::Turn);
    let mut second = scene.waits("a");
    assert_eq!(scene.look(&mut second), scene.until(600));
    // Its tenant had no turn yet, and goes first.
    let mut other = scene.waits("b");
    scene.at(600);
    assert_eq!(scene.look(&mut second), scene.until(800));
    assert_eq!(scene.look(&mut other), Standing::Turn);
    scene.at(800);
    assert_eq!(scene.look(&mut second), Standing::TooLate { retry_after: millis(100) });
    scene.at(900);
    scene.passes("c");
}

#[test]
fn who_leaves_the_line_wakes_the_next_to_set_its_timer_anew() {
    let scene = scene(600, 1);
    scene.passes("a");
    let first = scene.waits("a");
    let mut second = scene.waits("a");
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    assert_eq!(second.look(scene.now, &waker), scene.until(200));
    drop(first);
    assert!(bell.rang());
    assert_eq!(second.look(scene.now, &waker), scene.until(100));
}

#[test]
fn a_token_of_one_who_left_without_looking_goes_to_the_next() {
    let mut scene = scene(600, 1);
    scene.passes("a");
    let (first, second) = (scene.waits("a"), scene.waits("a"));
    let mut third = scene.waits("a");
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    scene.at(100);
    assert_eq!(third.look(scene.now, &waker), scene.until(300));
    drop(first);
    assert!(bell.rang(), "it is the next now");
    assert_eq!(third.look(scene.now, &waker), scene.until(200));
    drop(second);
    assert!(bell.rang());
    assert_eq!(third.look(scene.now, &waker), Standing::Turn);
}

#[test]
fn a_token_that_nobody_wants_is_back_in_the_bucket() {
    let mut scene = scene(600, 1);
    scene.passes("a");
    let first = scene.waits("a");
    scene.at(100);
    drop(scene.waits("b"));
    drop(first);
    scene.passes("c");
}

#[test]
fn a_call_that_used_its_token_gives_nothing_back() {
    let mut scene = scene(600, 1);
    scene.passes("a");
    let mut place = scene.waits("a");
    scene.at(100);
    assert_eq!(scene.look(&mut place), Standing::Turn);
    drop(place);
    let mut next = scene.waits("a");
    assert_eq!(scene.look(&mut next), scene.until(200));
}

#[test]
fn one_on_a_busy_thread_keeps_its_token_and_holds_up_nobody() {
    let mut scene = scene(600, 2);
    scene.passes("a");
    scene.passes("a");
    let (mut busy, mut next) = (scene.waits("busy"), scene.waits("next"));
    assert_eq!(scene.look(&mut next), scene.until(200));
    scene.at(200);
    assert_eq!(scene.look(&mut next), Standing::Turn);
    scene.at(10_000);
    assert_eq!(scene.look(&mut busy), Standing::Turn, "late, but it was its turn");
}
