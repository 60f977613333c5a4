//! Are tokens neither made nor lost, whoever comes, waits and goes?

use proptest::prelude::*;

use super::super::bucket::Bucket;
use super::*;

/// An executor for places: looks when woken or when the time has come, and then only.
struct Executor {
    scene: Scene,
    per_minute: u32,
    waiting: Vec<(Place, Arc<Bell>, Instant)>,
    passed: Vec<Duration>,
}

impl Executor {
    fn enter(&mut self, tenant: &str) {
        match self.scene.enter(tenant) {
            Entry::Pass => self.passed.push(self.scene.now - self.scene.origin),
            Entry::Wait(place) => self.waiting.push((place, Arc::default(), self.scene.now)),
            Entry::Full { retry_after } => assert!(retry_after > Duration::ZERO),
        }
    }

    /// Looks until nobody has a reason to look.
    fn settle(&mut self) {
        let now = self.scene.now;
        while let Some(due) =
            self.waiting.iter().position(|(_, bell, then)| *then <= now || bell.rang())
        {
            let (place, bell, then) = &mut self.waiting[due];
            match place.look(now, &Waker::from(Arc::clone(bell))) {
                Standing::Until(later) => {
                    assert!(later > now);
                    *then = later;
                    continue;
                }
                Standing::Turn => self.passed.push(now - self.scene.origin),
                Standing::TooLate { .. } => {}
            }
            self.waiting.swap_remove(due);
        }
        // The next token comes within an interval, and somebody's timer is set for it.
        let next = self.waiting.iter().map(|waiting| waiting.2).min();
        let interval = Duration::from_mins(1) / self.per_minute + Duration::from_nanos(1);
        assert!(next.is_none_or(|next| next <= now + interval));
    }

    /// Lets the time go on, and stops wherever a timer fires.
    fn run_until(&mut self, end: Instant) {
        self.settle();
        while let Some(then) = self.waiting.iter().map(|waiting| waiting.2).min()
            && then <= end
        {
            self.scene.now = then;
            self.settle();
        }
        self.scene.now = end;
        self.settle();
    }
}

proptest! {
    /// Whoever comes, waits and goes: no window has more than the burst and what was refilled, no
    /// token is lost to those who did not use it, and none lies idle while somebody waits.
    #[test]
    fn tokens_are_neither_made_nor_lost(
        per_minute in 100u32..5_000,
        burst in 1u32..6,
        steps in proptest::collection::vec((0u64..150, 0u8..6, 0usize..50), 1..150),
    ) {
        let rate = Rate::new(per_minute, burst).unwrap();
        let scene = scene(per_minute, burst);
        let mut run = Executor { scene, per_minute, waiting: Vec::new(), passed: Vec::new() };
        for (pause, step, which) in steps {
            // Often none: several calls at once.
            run.run_until(run.scene.now + millis(pause.saturating_sub(75)));
            match step {
                0 if !run.waiting.is_empty() => {
                    drop(run.waiting.swap_remove(which % run.waiting.len()));
                }
                1 => {
                    // One that is dropped before it was ever looked at.
                    let before = run.waiting.len();
                    run.enter("a");
                    run.waiting.truncate(before);
                }
                _ => (0..=which % 5).for_each(|_| run.enter(["a", "b", "c"][which % 3])),
            }
        }
        run.run_until(run.scene.now + MAX_WAIT);
        prop_assert!(run.waiting.is_empty(), "nobody waits longer than the bound");

        let nanos = |at: &Duration| u64::try_from(at.as_nanos()).unwrap();
        let replay = Bucket::new(rate);
        for at in &run.passed {
            prop_assert!(replay.take_free(nanos(at)), "more than the rate");
        }
        let left = |take: &dyn Fn() -> bool| (0..burst).take_while(|_| take()).count();
        let now = nanos(&(run.scene.now - run.scene.origin));
        let expected = left(&|| replay.take_free(now));
        prop_assert_eq!(left(&|| matches!(run.scene.enter("z"), Entry::Pass)), expected);
    }

    /// Whoever is told to come back later finds a token then, if nobody else takes it.
    #[test]
    fn a_client_that_comes_back_as_told_passes(
        per_minute in 1u32..110,
        burst in 1u32..20,
        pause in 0u64..100,
    ) {
        let mut scene = scene(per_minute, burst);
        while matches!(scene.enter("a"), Entry::Pass) {}
        scene.at(pause.min(30_000 / u64::from(per_minute)) / 2);
        if let Entry::Full { retry_after } = scene.enter("b") {
            scene.now += retry_after;
            scene.passes("b");
        }
    }
}
