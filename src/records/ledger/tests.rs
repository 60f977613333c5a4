//! Does the ledger hold its rules, whatever the order of events?

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::records::entry::{Holder, IssuedKey, Opening, Why};
use crate::records::{
    AudioMillis, Balance, Calendar, Memory, Meter, Moment, Payer, State, Store, verify,
};

const NOW: Moment = Moment(1_790_000_000_000);

fn acme() -> Payer {
    Payer::Tenant("acme".into())
}

fn call(number: u128, charges: Vec<Charge>) -> Reserve {
    let minutes = charges.iter().find_map(Charge::minutes);
    Reserve {
        opening: Opening {
            reservation: Uuid::from_u128(number),
            tenant: "acme".into(),
            label: None,
            key: "acme-1".into(),
            endpoint: "/work".into(),
            request: "r".into(),
            creates: Some("job".into()),
            minutes,
            upload: false,
        },
        at: NOW,
        tenant_calendar: Calendar::default(),
        account_calendar: Calendar::default(),
        charges,
    }
}

fn minutes(amount: i64, tenant: MinutesLimit, account: MinutesLimit) -> Charge {
    Charge::Minutes { amount: AudioMillis(amount), tenant, account }
}

fn monthly(amount: i64) -> MinutesLimit {
    MinutesLimit::Monthly(AudioMillis(amount))
}

fn month(store: &mut Memory, payer: &Payer) -> Moment {
    period(store, payer, &Calendar::default(), NOW).unwrap().start
}

fn balance(store: &mut Memory, payer: &Payer, meter: &Meter) -> Balance {
    let period = match meter {
        Meter::Calls(_) | Meter::Minutes => month(store, payer),
        Meter::Objects(_) | Meter::Granted => Moment(0),
    };
    store.balance(payer, meter, period).unwrap()
}

fn audio(length: i64) -> Option<(AudioMillis, AudioMillis)> {
    Some((AudioMillis(length), AudioMillis(length)))
}

#[test]
fn a_denied_call_writes_nothing_at_all() {
    let mut store = Memory::default();
    let object =
        |tenant, account| Charge::Object { kind: "job".into(), tenant: Some(tenant), account };
    let denied = reserve(&mut store, &call(1, vec![object(0, None)])).unwrap().unwrap_err();
    assert_eq!(denied, Denied::Objects { payer: acme(), limit: 0 });
    let denied = reserve(&mut store, &call(2, vec![object(5, Some(0))])).unwrap().unwrap_err();
    assert_eq!(denied, Denied::Objects { payer: Payer::Account, limit: 0 });
    let pair = vec![object(5, Some(5)), minutes(1, monthly(0), MinutesLimit::Granted)];
    let denied = reserve(&mut store, &call(3, pair)).unwrap().unwrap_err();
    assert_eq!(denied, Denied::Minutes { payer: acme() });
    assert!(store.journal(0, 10).unwrap().is_empty());
    assert!(store.balances(&acme()).unwrap().is_empty());
}

#[test]
fn the_months_calls_are_counted_for_tenant_and_account() {
    let mut store = Memory::default();
    let charge = || vec![Charge::Call { path: "/work".into(), tenant: Some(2), account: Some(10) }];
    let first = reserve(&mut store, &call(1, charge())).unwrap().unwrap();
    let now = period(&mut store, &acme(), &Calendar::default(), NOW).unwrap();
    assert_eq!(first.monthly, Some((2, 1, now)));
    assert!(reserve(&mut store, &call(2, charge())).unwrap().is_ok());
    let denied = reserve(&mut store, &call(3, charge())).unwrap().unwrap_err();
    assert!(matches!(denied, Denied::Calls { payer: Payer::Tenant(_), limit: 2, .. }));
    // One is given back, one is paid.
    assert!(release(&mut store, &Uuid::from_u128(1), Why::Refused, NOW).unwrap());
    assert!(settle(&mut store, &Uuid::from_u128(2), None, Why::Done, NOW).unwrap());
    let calls = Meter::Calls("/work".into());
    for payer in [acme(), Payer::Account] {
        let now = balance(&mut store, &payer, &calls);
        assert_eq!((now.used, now.held), (1, 0));
    }
    let next = Reserve { at: now.end, ..call(4, charge()) };
    assert_eq!(reserve(&mut store, &next).unwrap().unwrap().monthly.unwrap().1, 1);
}

#[test]
fn the_allowance_pays_before_the_grant_and_each_gets_its_own_back() {
    let mut store = Memory::default();
    grant(&mut store, &acme(), AudioMillis(100), &"".into(), NOW).unwrap();
    let charge = || vec![minutes(60, monthly(50), MinutesLimit::Granted)];
    assert!(reserve(&mut store, &call(1, charge())).unwrap().is_ok());
    let held = |store: &mut Memory, meter| balance(store, &acme(), &meter).held;
    assert_eq!((held(&mut store, Meter::Minutes), held(&mut store, Meter::Granted)), (50, 10));
    assert!(reserve(&mut store, &call(2, charge())).unwrap().is_ok());
    assert!(reserve(&mut store, &call(3, charge())).unwrap().is_err(), "30 are left");
    assert!(release(&mut store, &Uuid::from_u128(1), Why::Failed, NOW).unwrap());
    assert_eq!((held(&mut store, Meter::Minutes), held(&mut store, Meter::Granted)), (0, 60));
}

#[test]
fn a_grant_that_was_taken_back_leaves_nothing_and_not_everything() {
    let mut store = Memory::default();
    let charge = || vec![minutes(1, MinutesLimit::Granted, MinutesLimit::Granted)];
    assert!(reserve(&mut store, &call(1, charge())).unwrap().is_ok());
    grant(&mut store, &acme(), AudioMillis(500), &"".into(), NOW).unwrap();
    grant(&mut store, &acme(), AudioMillis(-500), &"".into(), NOW).unwrap();
    let denied = reserve(&mut store, &call(2, charge())).unwrap().unwrap_err();
    assert_eq!(denied, Denied::Minutes { payer: acme() });
}

#[test]
fn a_job_that_is_longer_than_reserved_is_charged_whole_and_blocks_the_next_one() {
    let mut store = Memory::default();
    let charge = || vec![minutes(10, monthly(20), MinutesLimit::Granted)];
    let (id, job) = (Uuid::from_u128(1), Uuid::from_u128(100));
    assert!(reserve(&mut store, &call(1, charge())).unwrap().is_ok());
    assert!(bind(&mut store, &id, &job, NOW, NOW).unwrap());
    assert!(settle(&mut store, &id, audio(35), Why::Done, NOW).unwrap());
    assert_eq!(balance(&mut store, &acme(), &Meter::Minutes).used, 35);
    assert!(reserve(&mut store, &call(2, charge())).unwrap().is_err());
    grant(&mut store, &acme(), AudioMillis(24), &"".into(), NOW).unwrap();
    assert!(reserve(&mut store, &call(3, charge())).unwrap().is_err(), "15 are overdrawn");
    grant(&mut store, &acme(), AudioMillis(1), &"".into(), NOW).unwrap();
    assert!(reserve(&mut store, &call(4, charge())).unwrap().is_ok());
}

#[test]
fn a_reservation_is_closed_once() {
    let mut store = Memory::default();
    let id = Uuid::from_u128(1);
    let charge = vec![minutes(10, monthly(20), monthly(100))];
    assert!(reserve(&mut store, &call(1, charge)).unwrap().is_ok());
    assert!(bind(&mut store, &id, &Uuid::from_u128(100), NOW, NOW).unwrap());
    assert!(!bind(&mut store, &id, &Uuid::from_u128(101), NOW, NOW).unwrap());
    assert!(settle(&mut store, &id, audio(7), Why::Done, NOW).unwrap());
    for _ in 0..3 {
        assert!(!settle(&mut store, &id, audio(9), Why::Done, NOW).unwrap());
        assert!(!release(&mut store, &id, Why::Failed, NOW).unwrap());
        assert!(!lose(&mut store, &id, NOW).unwrap());
    }
    for payer in [acme(), Payer::Account] {
        let now = balance(&mut store, &payer, &Meter::Minutes);
        assert_eq!((now.used, now.held), (7, 0));
    }
}

#[test]
fn an_outcome_after_a_close_by_policy_is_one_adjustment() {
    let mut store = Memory::default();
    grant(&mut store, &acme(), AudioMillis(100), &"".into(), NOW).unwrap();
    let id = Uuid::from_u128(1);
    let charge = vec![minutes(10, monthly(4), MinutesLimit::Granted)];
    assert!(reserve(&mut store, &call(1, charge)).unwrap().is_ok());
    assert!(bind(&mut store, &id, &Uuid::from_u128(100), NOW, NOW).unwrap());
    assert!(settle(&mut store, &id, None, Why::Policy, NOW).unwrap());
    let used = |store: &mut Memory| {
        let of = |store: &mut Memory, meter| balance(store, &acme(), &meter).used;
        (of(store, Meter::Minutes), of(store, Meter::Granted))
    };
    assert_eq!(used(&mut store), (4, 6));
    assert!(settle(&mut store, &id, audio(3), Why::Done, NOW).unwrap());
    assert_eq!(used(&mut store), (3, 0));
    assert!(!settle(&mut store, &id, audio(8), Why::Done, NOW).unwrap());
    assert_eq!(used(&mut store), (3, 0));
}

#[test]
fn a_job_that_cannot_be_asked_about_leaves_the_agenda_when_it_is_closed() {
    for by_release in [true, false] {
        let mut store = Memory::default();
        let (id, job) = (Uuid::from_u128(1), Uuid::from_u128(100));
        let holder = Holder::Tenant("umbrella".into());
        adopt(&mut store, &job, &"job".into(), &holder, NOW).unwrap();
        let charge = vec![minutes(10, monthly(20), MinutesLimit::Granted)];
        assert!(reserve(&mut store, &call(1, charge)).unwrap().is_ok());
        // Another tenant's id: the call is bound, and has no job of its own.
        assert!(bind(&mut store, &id, &job, NOW, NOW).unwrap());
        assert_eq!(store.due(NOW, 10).unwrap().len(), 1);
        match by_release {
            true => assert!(release(&mut store, &id, Why::Policy, NOW).unwrap()),
            false => assert!(settle(&mut store, &id, None, Why::Policy, NOW).unwrap()),
        }
        assert!(store.due(NOW, 10).unwrap().is_empty(), "it would be due for good");
    }
}

#[test]
fn what_is_open_at_start_stays_held_and_is_neither_free_nor_paid() {
    let mut store = Memory::default();
    let charge = vec![minutes(10, monthly(20), MinutesLimit::Granted)];
    assert!(reserve(&mut store, &call(1, charge)).unwrap().is_ok());
    assert_eq!(lose_open(&mut store, NOW).unwrap(), 1);
    assert_eq!(lose_open(&mut store, NOW).unwrap(), 0);
    let now = balance(&mut store, &acme(), &Meter::Minutes);
    assert_eq!((now.used, now.held), (0, 10));
}

#[test]
fn an_answer_never_moves_an_object_to_another_tenant() {
    let mut store = Memory::default();
    let (object, shared) = (Uuid::from_u128(100), Holder::Tenant("umbrella".into()));
    assert_eq!(adopt(&mut store, &object, &"job".into(), &shared, NOW).unwrap(), Adopted::New);
    let charge = vec![Charge::Object { kind: "job".into(), tenant: None, account: None }];
    assert!(reserve(&mut store, &call(1, charge)).unwrap().is_ok());
    assert!(bind(&mut store, &Uuid::from_u128(1), &object, NOW, NOW).unwrap());
    assert!(store.owner(&object).unwrap().unwrap().is_held_by("umbrella"));
    let now = balance(&mut store, &acme(), &Meter::Objects("job".into()));
    assert_eq!((now.used, now.held), (0, 0));
}

#[test]
fn deleting_an_unsettled_job_charges_what_was_reserved() {
    let mut store = Memory::default();
    let (id, job) = (Uuid::from_u128(1), Uuid::from_u128(100));
    let object = Charge::Object { kind: "job".into(), tenant: None, account: None };
    let charge = vec![object, minutes(10, monthly(20), MinutesLimit::Granted)];
    assert!(reserve(&mut store, &call(1, charge)).unwrap().is_ok());
    assert!(bind(&mut store, &id, &job, NOW, NOW).unwrap());
    assert!(store.owner(&job).unwrap().unwrap().job_open);
    assert!(delete(&mut store, &job, NOW).unwrap());
    assert!(!delete(&mut store, &job, NOW).unwrap());
    assert_eq!(balance(&mut store, &acme(), &Meter::Minutes).used, 10);
    assert_eq!(balance(&mut store, &acme(), &Meter::Objects("job".into())).used, 0);
    assert_eq!(store.reservation(&id).unwrap().unwrap().state, State::Settled);
}

#[test]
fn a_rotated_key_ends_with_the_overlap_and_repeats_change_nothing() {
    let mut store = Memory::default();
    let key = |id: &str| IssuedKey {
        key: id.into(),
        tenant: "acme".into(),
        sha256: "00".into(),
        note: "".into(),
        created: NOW,
        expires: None,
        revoked: None,
        successor: None,
    };
    assert_eq!(issue(&mut store, &key("a")).unwrap(), Issued::New);
    assert_eq!(issue(&mut store, &key("a")).unwrap(), Issued::Exists(key("a")));
    let ends = Moment(NOW.0 + 1000);
    assert_eq!(rotate(&mut store, "a", &key("b"), ends).unwrap(), Rotated::New);
    assert_eq!(store.key("a").unwrap().unwrap().expires, Some(ends));
    let again = rotate(&mut store, "a", &key("c"), ends).unwrap();
    assert_eq!(again, Rotated::Already("b".into()));
    assert_eq!(rotate(&mut store, "x", &key("c"), ends).unwrap(), Rotated::Unknown);
    assert_eq!(revoke(&mut store, "b", NOW).unwrap(), Some(true));
    assert_eq!(revoke(&mut store, "b", NOW).unwrap(), Some(false));
    assert_eq!(revoke(&mut store, "x", NOW).unwrap(), None);
    assert_eq!(rotate(&mut store, "b", &key("c"), ends).unwrap(), Rotated::Revoked);
    assert_eq!(store.keys().unwrap().len(), 2);
}

/// One step of a random history; numbers choose among what is there.
#[derive(Debug, Clone)]
enum Step {
    Reserve { id: u8, amount: i64, tenant: Option<i64> },
    Bind(u8),
    Settle(u8, Option<i64>, bool),
    Release(u8, bool),
    Lose(u8),
    Delete(u8),
    Grant(i64),
    Later(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0u8..12;
    prop_oneof![
        4 => (id.clone(), 0i64..40, proptest::option::of(0i64..120))
            .prop_map(|(id, amount, tenant)| Step::Reserve { id, amount, tenant }),
        3 => id.clone().prop_map(Step::Bind),
        2 => (id.clone(), proptest::option::of(0i64..90), any::<bool>())
            .prop_map(|(id, length, policy)| Step::Settle(id, length, policy)),
        1 => (id.clone(), any::<bool>()).prop_map(|(id, policy)| Step::Release(id, policy)),
        1 => id.clone().prop_map(Step::Lose),
        1 => id.prop_map(Step::Delete),
        1 => (-20i64..60).prop_map(Step::Grant),
        1 => (-3_000_000_000i64..3_000_000_000).prop_map(Step::Later),
    ]
}

fn take(store: &mut Memory, step: &Step, now: &mut Moment) {
    let (id, job) =
        (|n: u8| Uuid::from_u128(n.into()), |n: u8| Uuid::from_u128(1000 + u128::from(n)));
    let why = |policy: bool, why| if policy { Why::Policy } else { why };
    match step {
        Step::Reserve { id: number, amount, tenant } => {
            if store.reservation(&id(*number)).unwrap().is_some() {
                return;
            }
            let limit = tenant.map_or(MinutesLimit::Granted, monthly);
            let object = Charge::Object { kind: "job".into(), tenant: Some(8), account: Some(9) };
            let charges = vec![object, minutes(*amount, limit, monthly(150))];
            let wanted = Reserve { at: *now, ..call((*number).into(), charges) };
            let account = period(store, &Payer::Account, &Calendar::default(), *now).unwrap();
            if reserve(store, &wanted).unwrap().is_ok() {
                let month = store.balance(&Payer::Account, &Meter::Minutes, account.start).unwrap();
                assert!(month.taken() <= 150 || *amount == 0, "admitted above the limit");
                let objects = store.balance(&acme(), &Meter::Objects("job".into()), Moment(0));
                assert!(objects.unwrap().taken() <= 8);
            }
        }
        Step::Bind(n) => drop(bind(store, &id(*n), &job(*n), *now, *now).unwrap()),
        Step::Settle(n, length, policy) => {
            let audio = length.filter(|_| !policy).and_then(audio);
            settle(store, &id(*n), audio, why(*policy, Why::Done), *now).unwrap();
        }
        Step::Release(n, policy) => {
            release(store, &id(*n), why(*policy, Why::Failed), *now).unwrap();
        }
        Step::Lose(n) => drop(lose(store, &id(*n), *now).unwrap()),
        Step::Delete(n) => drop(delete(store, &job(*n), *now).unwrap()),
        Step::Grant(n) => grant(store, &acme(), AudioMillis(*n), &"".into(), *now).unwrap(),
        Step::Later(by) => now.0 += by,
    }
}

proptest! {
    /// Whatever the history: the journal recounts, what is closed holds nothing, and all balances
    /// are those of the reservations that are still open.
    #[test]
    fn no_history_loses_or_doubles_anything(steps in prop::collection::vec(step(), 1..60)) {
        let (mut store, mut now) = (Memory::default(), NOW);
        for step in &steps {
            take(&mut store, step, &mut now);
        }
        let (recount, differences) = verify(&mut store).unwrap();
        prop_assert!(differences.is_empty(), "{differences:?}");
        prop_assert_eq!(recount.lines, store.journal(0, usize::MAX).unwrap().len() as u64);
        let all = [State::Open, State::Lost, State::Bound, State::Settled, State::Released];
        let all: Vec<_> = all.iter().flat_map(|state| store.in_state(*state, 999).unwrap()).collect();
        for payer in [acme(), Payer::Account] {
            let mut held = 0;
            let mut used = 0;
            for (meter, _, balance) in store.balances(&payer).unwrap() {
                prop_assert!(balance.held >= 0, "{meter}: {balance:?}");
                if crate::records::is_minutes(&meter) {
                    (held, used) = (held + balance.held, used + balance.used);
                }
            }
            let open = all.iter().filter(|one| !one.state.is_closed());
            let expected: i64 = open.map(|one| one.opening.minutes.unwrap_or_default().0).sum();
            prop_assert_eq!(held, expected);
            let billed: i64 = all.iter().map(|one| one.billed.unwrap_or_default().0).sum();
            prop_assert_eq!(used, billed);
        }
    }
}
