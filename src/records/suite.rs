//! Does an engine keep what the ledger expects of every engine?

use proptest::prelude::*;
use uuid::Uuid;

use super::alert::{Alert, AlertOf, AlertState};
use super::change::{Audited, Limit, LimitValue, Override};
use super::entry::{Entry, Fact, Holder, Sharing, Why};
use super::ledger;
use super::memory::Memory;
use super::recount::{recount, verify};
use super::samples::{adopt, bind, hold, id, key, moment, next, reserve, settle, tenant};
use super::state::State;
use super::store::{Audit, Store, Stored, Unclosed};
use super::upload::{Upload, UploadState};
use super::words::{AudioMillis, Balance, Meter, Moment, Payer, Period, Posting};
use crate::key::KeyDigest;

/// Writes entries in a transaction of their own, one second after the other.
pub(super) fn commit(store: &mut dyn Store, from: u64, entries: &[Entry]) -> Stored<()> {
    store.begin()?;
    for (number, entry) in (from..).zip(entries) {
        store.write(moment(number), entry)?;
    }
    store.commit()
}

/// Panics where an engine does not do what is asked of all; the engine is new.
pub(super) fn run(store: &mut dyn Store) {
    a_new_engine_is_empty(store);
    a_call_goes_from_open_to_settled(store);
    objects_come_and_go(store);
    keys_are_issued_replaced_and_revoked(store);
    limits_are_changed_and_lifted_and_nobody_forgets_who_did_it(store);
    months_keep_their_order(store);
    the_agenda_is_kept_in_order(store);
    at_start_every_bound_call_gets_into_the_agenda(store);
    alerts_are_kept_once_and_sent_in_their_order(store);
    the_journal_is_read_in_pieces(store);
    nothing_left_is_not_nothing_posted(store);
    uploads_are_kept_until_they_are_forgotten(store);
    let (recount, differences) = verify(store).unwrap();
    assert_eq!(differences, Vec::<String>::new());
    assert!(recount.lines > 10);
}

fn a_new_engine_is_empty(store: &mut dyn Store) {
    assert_eq!(store.journal(0, 10).unwrap(), []);
    assert_eq!(store.reservation(&id(1)).unwrap(), None);
    assert_eq!(store.object(&id(1)).unwrap(), None);
    assert_eq!(store.owner(&id(1)).unwrap(), None);
    assert_eq!(store.key("k-1").unwrap(), None);
    let balance = store.balance(&Payer::Account, &Meter::Minutes, moment(0)).unwrap();
    assert_eq!(balance, Balance::default());
    assert_eq!(recount(store).unwrap().lines, 0);
}

fn nothing_left_is_not_nothing_posted(store: &mut dyn Store) {
    let payer = Payer::Tenant("taken-back".into());
    let posted = |store: &mut dyn Store| store.posted(&payer, &Meter::Granted, Moment(0)).unwrap();
    assert_eq!(posted(store), None);
    store.begin().unwrap();
    for amount in [500, -500] {
        ledger::grant(store, &payer, AudioMillis(amount), &"".into(), moment(9)).unwrap();
    }
    store.commit().unwrap();
    assert_eq!(posted(store), Some(Balance::default()));
    let totals = store.totals(moment(0), moment(1000)).unwrap();
    let memory = store.contents().unwrap().totals(moment(0), moment(1000)).unwrap();
    assert!(!totals.is_empty() && totals == memory);
}

fn uploads_are_kept_until_they_are_forgotten(store: &mut dyn Store) {
    let upload = |number: u64, state| Upload {
        token: KeyDigest::of(&number.to_be_bytes()),
        tenant: tenant(number),
        reservation: id(number),
        expires: moment(number),
        address: vec![0, 159, 146, u8::try_from(number).unwrap()].into(),
        state,
    };
    let (late, early) = (upload(8, UploadState::Waiting), upload(7, UploadState::Sent));
    assert_eq!(store.upload(&late.token).unwrap(), None);
    store.begin().unwrap();
    for upload in [&late, &early] {
        store.put_upload(upload).unwrap();
    }
    store.commit().unwrap();
    assert_eq!(store.upload(&late.token).unwrap(), Some(late.clone()));
    let mut expiring = |before, state, most| store.expiring(moment(before), state, most).unwrap();
    assert_eq!(expiring(9, None, 9), [early.clone(), late.clone()]);
    assert_eq!(expiring(9, None, 1), std::slice::from_ref(&early));
    let waiting = Some(UploadState::Waiting);
    assert_eq!(expiring(9, waiting, 9), std::slice::from_ref(&late));
    assert_eq!(expiring(7, None, 9), []);
    let done = Upload { state: UploadState::Done, ..late };
    store.begin().unwrap();
    store.put_upload(&done).unwrap();
    store.remove_upload(&early.token).unwrap();
    store.commit().unwrap();
    assert_eq!(store.upload(&early.token).unwrap(), None);
    assert_eq!(store.upload(&done.token).unwrap(), Some(done));
}

fn a_call_goes_from_open_to_settled(store: &mut dyn Store) {
    let acme = Payer::Tenant(tenant(0));
    let minutes = |store: &mut dyn Store| {
        store.balance(&Payer::Tenant(tenant(0)), &Meter::Minutes, moment(0)).unwrap()
    };
    commit(store, 1, &[reserve(3, tenant(0), Some(5000)), reserve(2, tenant(1), None)]).unwrap();
    let (state, count, oldest) = (State::Open, 2, moment(1));
    let unclosed = Unclosed { state, count, oldest, overdue: 1 };
    assert_eq!(store.unclosed(moment(2)).unwrap(), [unclosed]);
    let mut held = store.balances_in(&acme, moment(0)).unwrap();
    held.sort_by(|one, other| one.0.cmp(&other.0));
    let one = |held| Balance { granted: 0, used: 0, held };
    assert_eq!(held, [(Meter::Calls("/things".into()), one(1)), (Meter::Minutes, one(5000))]);
    assert_eq!(store.balances_in(&acme, moment(1)).unwrap(), []);
    assert_eq!(minutes(store), Balance { granted: 0, used: 0, held: 5000 });
    let open = store.in_state(State::Open, 10).unwrap();
    let ids = |found: &[super::state::Reservation]| -> Vec<Uuid> {
        found.iter().map(|one| one.opening.reservation).collect()
    };
    assert_eq!(ids(&open), [id(3), id(2)], "the oldest first");
    assert_eq!(ids(&store.in_state(State::Open, 1).unwrap()), [id(3)]);
    assert_eq!(ids(&store.opened(moment(1), moment(2)).unwrap()), [id(3)]);
    assert_eq!(ids(&store.opened(moment(2), moment(9)).unwrap()), [id(2)]);
    for (number, job) in [(0, 3), (1, 2)] {
        let mut opened = |from, to| store.opened_by(&tenant(number), moment(from), moment(to));
        assert_eq!(ids(&opened(1, 9).unwrap()), [id(job)]);
        assert!(opened(4, 9).unwrap().is_empty());
    }

    commit(store, 3, &[bind(&open[0], Some(id(70)))]).unwrap();
    let bound = store.reservation(&id(3)).unwrap().unwrap();
    assert_eq!((bound.state, bound.object, bound.holds.len()), (State::Bound, Some(id(70)), 2));
    let owner = store.owner(&id(70)).unwrap().unwrap();
    assert!(owner.job_open && owner.is_held_by("acme") && &*owner.kind == "thing");

    commit(store, 4, &[settle(&bound, 4200)]).unwrap();
    let settled = store.reservation(&id(3)).unwrap().unwrap();
    assert_eq!((settled.state, settled.why), (State::Settled, Some(Why::Done)));
    assert_eq!((settled.length, settled.closed), (Some(AudioMillis(4200)), Some(moment(4))));
    assert_eq!(settled.holds, bound.holds, "kept, for what may come after a close by policy");
    assert_eq!(minutes(store), Balance { granted: 0, used: 5000, held: 0 });
    assert!(!store.owner(&id(70)).unwrap().unwrap().job_open);
    let meters: Vec<_> =
        store.balances(&acme).unwrap().into_iter().map(|(meter, ..)| meter).collect();
    assert_eq!(meters, [Meter::Calls("/things".into()), Meter::Minutes]);
    assert_eq!(store.in_state(State::Open, usize::MAX).unwrap().len(), 1);
}

fn objects_come_and_go(store: &mut dyn Store) {
    let shared = |sharing| Holder::Shared(sharing);
    let entries = [
        adopt(80, shared(Sharing::Everybody)),
        adopt(81, shared(Sharing::With(vec![tenant(2)]))),
        adopt(82, Holder::Tenant(tenant(1))),
    ];
    commit(store, 10, &entries).unwrap();
    assert!(store.owner(&id(80)).unwrap().unwrap().is_shared_with("anybody"));
    assert!(store.owner(&id(81)).unwrap().unwrap().is_shared_with(&tenant(2)));
    let things: Vec<_> =
        store.objects("thing").unwrap().into_iter().map(|(object, _)| object).collect();
    assert_eq!(things, [id(70), id(80), id(82)]);
    commit(store, 13, &[Entry::plain(Fact::Delete { object: id(80) })]).unwrap();
    assert_eq!(store.object(&id(80)).unwrap(), None);
    commit(store, 14, &[adopt(82, shared(Sharing::Everybody))]).unwrap();
    assert!(!store.owner(&id(82)).unwrap().unwrap().is_held_by(&tenant(1)));
}

fn keys_are_issued_replaced_and_revoked(store: &mut dyn Store) {
    let replace = Fact::Replace { key: "k-1".into(), successor: "k-2".into(), expires: moment(99) };
    let revoke = Fact::Revoke { key: "k-2".into() };
    let entries = [Fact::Issue(key(1)), Fact::Issue(key(2)), replace, revoke].map(Entry::plain);
    commit(store, 20, &entries).unwrap();
    let keys = store.keys().unwrap();
    assert_eq!(keys.iter().map(|key| &*key.key).collect::<Vec<_>>(), ["k-2", "k-1"], "by age");
    let replaced = store.key("k-1").unwrap().unwrap();
    assert_eq!(replaced.successor.as_deref(), Some("k-2"));
    assert_eq!((replaced.expires, replaced.revoked), (Some(moment(99)), None));
    assert_eq!(keys[0].revoked, Some(moment(23)));
    let unknown = Fact::Revoke { key: "nobody".into() };
    commit(store, 24, &[Entry::plain(unknown)]).unwrap();
    assert_eq!(store.keys().unwrap().len(), 2);
}

fn limits_are_changed_and_lifted_and_nobody_forgets_who_did_it(store: &mut dyn Store) {
    let change = |most| Override {
        tenant: tenant(1),
        limit: Limit::Calls("/things".into()),
        value: LimitValue::Most(most),
        until: Some(moment(500)),
        note: "".into(),
        made: moment(30),
    };
    store.begin().unwrap();
    assert_eq!(ledger::change_limit(store, &change(5)).unwrap(), None);
    assert_eq!(ledger::change_limit(store, &change(6)).unwrap(), Some(change(5)));
    let lines = recount(store).unwrap().lines;
    assert_eq!(ledger::change_limit(store, &change(6)).unwrap(), Some(change(6)));
    assert_eq!(recount(store).unwrap().lines, lines, "the same again is no change");
    assert_eq!(store.overrides().unwrap(), [change(6)]);
    let lift = |store: &mut dyn Store| {
        ledger::lift_limit(store, &change(6).tenant, &change(6).limit, moment(31)).unwrap()
    };
    assert_eq!((lift(store), lift(store)), (Some(change(6)), None));
    for number in 1..=3 {
        let audited = Audited {
            who: "token:night".into(),
            action: "limit.change".into(),
            tenant: None,
            subject: format!("{number}").into(),
            before: serde_json::Value::Null,
            after: serde_json::json!({ "most": number }),
        };
        ledger::audit(store, audited, moment(32)).unwrap();
    }
    store.commit().unwrap();
    let numbers = |lines: Vec<Audit>| lines.iter().map(|line| line.number).collect::<Vec<_>>();
    assert_eq!(numbers(store.audit(None, 2).unwrap()), [3, 2]);
    assert_eq!(numbers(store.audit(Some(2), 2).unwrap()), [1]);
}

fn months_keep_their_order(store: &mut dyn Store) {
    let acme = Payer::Tenant(tenant(0));
    let open = |start: u64| {
        Entry::plain(Fact::Period {
            payer: Payer::Tenant(tenant(0)),
            start: moment(start),
            end: moment(start + 5),
        })
    };
    // A clock that stepped back opens an earlier month later.
    commit(store, 30, &[open(50), open(40)]).unwrap();
    let starts: Vec<_> = store.periods(&acme).unwrap().iter().map(|month| month.start).collect();
    assert_eq!(starts, [moment(50), moment(40)]);
    assert_eq!(store.periods(&Payer::Account).unwrap(), Vec::<Period>::new());
}

fn the_agenda_is_kept_in_order(store: &mut dyn Store) {
    store.begin().unwrap();
    store.schedule(&id(3), Some((moment(60), 2))).unwrap();
    store.schedule(&id(2), Some((moment(50), 0))).unwrap();
    store.schedule(&id(12345), Some((moment(50), 0))).unwrap();
    store.commit().unwrap();
    let due = |store: &mut dyn Store, now: Moment| -> Vec<(Uuid, u32)> {
        let due = store.due(now, 10).unwrap();
        due.into_iter().map(|(one, asked)| (one.opening.reservation, asked)).collect()
    };
    assert_eq!(due(store, moment(49)), []);
    assert_eq!(due(store, moment(60)), [(id(2), 0), (id(3), 2)]);
    assert_eq!(store.due(moment(60), 1).unwrap().len(), 1);
    store.begin().unwrap();
    store.schedule(&id(3), Some((moment(70), 3))).unwrap();
    store.schedule(&id(2), None).unwrap();
    store.commit().unwrap();
    assert_eq!(due(store, moment(70)), [(id(3), 3)]);
}

fn at_start_every_bound_call_gets_into_the_agenda(store: &mut dyn Store) {
    let calls = [40, 41, 42].map(|number| reserve(number, tenant(0), Some(1000)));
    commit(store, 60, &calls).unwrap();
    for number in [40, 41, 42] {
        let open = store.reservation(&id(number)).unwrap().unwrap();
        commit(store, 63, &[bind(&open, Some(id(number + 100)))]).unwrap();
    }
    // One has a plan, one was planned by a clock that was ahead, and one was never planned.
    store.begin().unwrap();
    store.schedule(&id(40), Some((moment(80), 3))).unwrap();
    store.schedule(&id(41), Some((moment(9_000_000), 3))).unwrap();
    store.commit().unwrap();
    for expected in [2, 0] {
        store.begin().unwrap();
        assert_eq!(ledger::reschedule(store, moment(70)).unwrap(), expected);
        store.commit().unwrap();
    }
    let due = store.due(moment(90), 10).unwrap();
    let due: Vec<_> = due.iter().map(|(one, asked)| (one.opening.reservation, *asked)).collect();
    // The one at the front was planned by the test before: it is closed, and no job of this one.
    assert_eq!(due, [(id(3), 3), (id(41), 0), (id(42), 0), (id(40), 3)]);
    store.begin().unwrap();
    for number in [3, 40, 41, 42] {
        store.schedule(&id(number), None).unwrap();
    }
    store.commit().unwrap();
}

fn alerts_are_kept_once_and_sent_in_their_order(store: &mut dyn Store) {
    let alert = |webhook: &str, threshold, found: u64| Alert {
        of: AlertOf {
            webhook: webhook.into(),
            payer: Payer::Tenant(tenant(0)),
            meter: Meter::Minutes,
            period: moment(0),
            threshold,
        },
        state: AlertState::Pending,
        found: moment(found),
        tried: 0,
        closed: None,
        body: "{}".into(),
    };
    store.begin().unwrap();
    for one in [alert("ops", 80, 9), alert("ops", 50, 7), alert("team", 50, 8)] {
        store.put_alert(&one).unwrap();
    }
    let sent = Alert {
        state: AlertState::Sent,
        closed: Some(moment(10)),
        tried: 2,
        ..alert("ops", 50, 7)
    };
    assert_eq!(store.pending_alerts("ops", 9).unwrap(), [alert("ops", 50, 7), alert("ops", 80, 9)]);
    store.put_alert(&sent).unwrap();
    store.commit().unwrap();
    assert_eq!(store.pending_alerts("ops", 9).unwrap(), [alert("ops", 80, 9)]);
    assert_eq!(store.alerts(9).unwrap(), [alert("ops", 80, 9), alert("team", 50, 8), sent.clone()]);
    assert_eq!(store.alerts(1).unwrap().len(), 1);
    let mut known = store.known_thresholds(&alert("ops", 100, 0).of).unwrap();
    known.sort_unstable();
    assert_eq!(known, [50, 80]);
    let next_month = AlertOf { period: moment(5), ..sent.of };
    assert_eq!(store.known_thresholds(&next_month).unwrap(), [0; 0]);
}

fn the_journal_is_read_in_pieces(store: &mut dyn Store) {
    let all = store.journal(0, usize::MAX).unwrap();
    let numbers: Vec<_> = all.iter().map(|line| line.number).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());
    assert_eq!(store.journal(2, 3).unwrap(), all[2..5]);
    assert_eq!(store.journal(all.len() as u64, 3).unwrap(), []);
    assert_eq!((all[0].at, all[0].hash.len()), (moment(1), 64));
}

#[test]
fn memory_keeps_what_is_asked_of_every_engine() {
    run(&mut Memory::default());
}

#[test]
fn a_sum_beyond_64_bits_is_no_panic() {
    let vast = hold(&Payer::Account, Meter::Minutes, i64::MAX);
    let postings = vec![vast.clone(), Posting { used: i64::MIN, ..vast }];
    let fact = Fact::Delete { object: id(1) };
    let mut memory = Memory::default();
    memory.apply(moment(1), &Entry { fact, postings });
    let balance = memory.balance(&Payer::Account, &Meter::Minutes, moment(0)).unwrap();
    assert_eq!(balance, Balance { granted: 0, used: i64::MIN, held: i64::MAX });
}

proptest! {
    #[test]
    fn whatever_may_happen_recounts_from_its_journal(
        steps in prop::collection::vec((any::<u8>(), 0u64..40), 1..80),
    ) {
        let mut memory = Memory::default();
        for (number, (choice, which)) in (1..).zip(steps) {
            let entry = next(&mut memory, number, choice, which);
            memory.write(moment(number), &entry).unwrap();
        }
        let (_, differences) = verify(&mut memory).unwrap();
        prop_assert_eq!(differences, Vec::<String>::new());
        // All that was held by what is closed is free again.
        let open: i64 = memory.reservations.values().filter(|one| !one.state.is_closed()).flat_map(|one| &one.holds).map(|hold| hold.held).sum();
        prop_assert_eq!(memory.balances.values().map(|balance| balance.held).sum::<i64>(), open);
    }
}
