//! Whose turn is it?

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Who waits for the tokens of one bucket.
///
/// Deficit round robin: every call costs one token, so a quantum of one serves one call of each
/// tenant per round. The round does not forget: the tenant whose last turn was longest ago is next,
/// also when it did not wait in between. A round of those who wait just now would let tenants that
/// call without pause come back into the line before one that calls rarely finds a place in it.
#[derive(Debug)]
pub(super) struct Line<T> {
    /// By the number of the last turn: the front is next.
    tenants: VecDeque<Waiting<T>>,
    /// The number of the last turn of every tenant that ever had to wait: one entry per tenant.
    had: HashMap<Arc<str>, u64>,
    turns: u64,
}

/// The calls of one tenant, in their order.
#[derive(Debug)]
struct Waiting<T> {
    tenant: Arc<str>,
    last_turn: u64,
    calls: VecDeque<T>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { tenants: VecDeque::new(), had: HashMap::new(), turns: 0 }
    }
}

impl<T> Line<T> {
    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// How many calls wait.
    pub(super) fn len(&self) -> usize {
        self.tenants.iter().map(|waiting| waiting.calls.len()).sum()
    }

    /// The call whose turn is next.
    pub(super) fn front(&self) -> Option<&T> {
        self.tenants.front()?.calls.front()
    }

    /// How many calls come before one more of this tenant.
    pub(super) fn ahead(&self, tenant: &str) -> usize {
        let place = self.place(tenant);
        let own = match place {
            Ok(place) => self.tenants.get(place).map_or(0, |waiting| waiting.calls.len()),
            Err(_) => 0,
        };
        self.ahead_of(place.unwrap_or_else(|place| place), own, place.is_ok())
    }

    /// Joins the line, behind all calls of the same tenant.
    pub(super) fn join(&mut self, tenant: &Arc<str>, call: T) {
        match self.place(tenant) {
            Ok(place) => {
                if let Some(waiting) = self.tenants.get_mut(place) {
                    waiting.calls.push_back(call);
                }
            }
            Err(place) => {
                let last_turn = self.last_turn(tenant);
                let (tenant, calls) = (Arc::clone(tenant), VecDeque::from([call]));
                self.tenants.insert(place, Waiting { tenant, last_turn, calls });
            }
        }
    }

    /// Takes out the call whose turn it is.
    pub(super) fn next(&mut self) -> Option<T> {
        let mut waiting = self.tenants.pop_front()?;
        let call = waiting.calls.pop_front()?;
        self.turns += 1;
        waiting.last_turn = self.turns;
        if let Some(had) = self.had.get_mut(&waiting.tenant) {
            *had = self.turns;
        } else {
            self.had.insert(Arc::clone(&waiting.tenant), self.turns);
        }
        if !waiting.calls.is_empty() {
            // Nobody had a turn later: the back keeps the order.
            self.tenants.push_back(waiting);
        }
        Some(call)
    }

    /// Finds a call, and how many come before it.
    pub(super) fn find(
        &mut self,
        tenant: &str,
        wanted: impl Fn(&T) -> bool,
    ) -> Option<(usize, &mut T)> {
        let place = self.place(tenant).ok()?;
        let own = self.tenants.get(place)?.calls.iter().position(wanted)?;
        let ahead = self.ahead_of(place, own, true);
        Some((ahead, self.tenants.get_mut(place)?.calls.get_mut(own)?))
    }

    /// Takes a call out of turn.
    pub(super) fn leave(&mut self, tenant: &str, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let place = self.place(tenant).ok()?;
        let waiting = self.tenants.get_mut(place)?;
        let own = waiting.calls.iter().position(wanted)?;
        let call = waiting.calls.remove(own);
        if waiting.calls.is_empty() {
            self.tenants.remove(place);
        }
        call
    }

    /// Where the tenant stands, or where it would: behind all whose last turn is not later.
    fn place(&self, tenant: &str) -> Result<usize, usize> {
        let standing = self.tenants.iter().position(|waiting| &*waiting.tenant == tenant);
        standing.ok_or_else(|| {
            let last_turn = self.last_turn(tenant);
            self.tenants.partition_point(|waiting| waiting.last_turn <= last_turn)
        })
    }

    fn last_turn(&self, tenant: &str) -> u64 {
        self.had.get(tenant).copied().unwrap_or(0)
    }

    /// How many calls come before the call number `own` of the tenant at `place`: as many of every
    /// other tenant, and one more of those who stand in front.
    fn ahead_of(&self, place: usize, own: usize, stands: bool) -> usize {
        let others = self.tenants.iter().enumerate().map(|(index, waiting)| {
            if stands && index == place {
                0
            } else {
                waiting.calls.len().min(own + usize::from(index < place))
            }
        });
        own + others.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Call = (usize, u32);

    fn name(tenant: usize) -> Arc<str> {
        ["a", "b", "c", "d"][tenant].into()
    }

    /// Lets so many calls of the tenant join, numbered from 0.
    fn join(line: &mut Line<Call>, tenant: usize, calls: u32) {
        (0..calls).for_each(|call| line.join(&name(tenant), (tenant, call)));
    }

    fn rest(line: &mut Line<Call>) -> Vec<Call> {
        std::iter::from_fn(|| line.next()).collect()
    }

    #[test]
    fn tenants_take_turns_and_the_calls_of_each_keep_their_order() {
        let mut line = Line::default();
        join(&mut line, 0, 4);
        join(&mut line, 1, 2);
        join(&mut line, 2, 1);
        let expected = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2), (0, 3)];
        assert_eq!(rest(&mut line), expected);
        assert!(line.is_empty() && line.front().is_none());
    }

    #[test]
    fn however_long_the_flood_a_trickle_is_next_but_one() {
        let mut line = Line::default();
        join(&mut line, 0, 10_000);
        assert_eq!(line.ahead("b"), 1);
        join(&mut line, 1, 1);
        assert_eq!((line.next(), line.next()), (Some((0, 0)), Some((1, 0))));
    }

    #[test]
    fn a_turn_is_remembered_when_the_line_was_empty_in_between() {
        let mut line = Line::default();
        join(&mut line, 0, 1);
        assert_eq!(rest(&mut line), [(0, 0)]);
        join(&mut line, 0, 1);
        assert_eq!(line.ahead("b"), 0, "it had no turn yet");
        join(&mut line, 1, 1);
        assert_eq!(rest(&mut line), [(1, 0), (0, 0)]);
    }

    #[test]
    fn tenants_that_come_back_at_once_do_not_keep_out_one_that_calls_rarely() {
        let mut line = Line::default();
        (0..3).for_each(|tenant| join(&mut line, tenant, 1));
        for turns in 1..100 {
            let (tenant, _) = line.next().unwrap();
            join(&mut line, tenant, 1);
            let first_round = 3usize.saturating_sub(turns);
            assert_eq!(line.ahead("d"), first_round, "behind those who had no turn, too");
        }
    }

    #[test]
    fn who_leaves_is_no_longer_counted() {
        let mut line = Line::default();
        join(&mut line, 0, 2);
        join(&mut line, 1, 1);
        assert_eq!(line.leave("a", |call| call.1 == 0), Some((0, 0)));
        assert_eq!(line.leave("a", |call| call.1 == 0), None);
        assert_eq!(line.find("b", |_| true), Some((1, &mut (1, 0))));
        assert_eq!(line.leave("a", |_| true), Some((0, 1)));
        assert_eq!(line.find("b", |_| true), Some((0, &mut (1, 0))));
        assert_eq!(rest(&mut line), [(1, 0)]);
    }

    proptest! {
        /// What is said about the number of calls ahead is what comes to pass, in any line.
        #[test]
        fn the_number_of_calls_ahead_is_the_truth(
            steps in proptest::collection::vec((0usize..4, 0u8..8), 1..120),
        ) {
            let mut line = Line::default();
            for (number, (tenant, step)) in (0..).zip(steps) {
                match step {
                    0 | 1 => drop(line.next()),
                    2 => drop(line.leave(&name(tenant), |_| true)),
                    _ => {
                        let ahead = line.ahead(&name(tenant));
                        line.join(&name(tenant), (tenant, number));
                        let found = line.find(&name(tenant), |call| call.1 == number);
                        prop_assert_eq!(found, Some((ahead, &mut (tenant, number))));
                    }
                }
            }
            let mut calls: Vec<Call> = Vec::new();
            for waiting in &line.tenants {
                calls.extend(&waiting.calls);
            }
            let mut said = Vec::new();
            for (tenant, call) in calls {
                let (ahead, found) = line.find(&name(tenant), |other| other.1 == call).unwrap();
                said.push((ahead, *found));
            }
            said.sort_unstable();
            let came: Vec<_> = rest(&mut line).into_iter().enumerate().collect();
            prop_assert_eq!(said, came);
        }
    }
}
