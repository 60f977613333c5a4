//! Do the workers of one process bring everything to its end, whatever fails in between?

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bytes::Bytes;
use heify_gateway::contract::Contract;
use heify_gateway::pace::{self, PaceLayer, Paces, Pacing};
use heify_gateway::quota::{Policy, Rounding, Settle};
use heify_gateway::rate::Rate;
use heify_gateway::records::{
    LONGEST_WAIT, Memory, Moment, Records, Reservation, State, Store, Unavailable, Why, ledger,
    verify,
};
use heify_gateway::secret::Secret;
use heify_gateway::settle::{Settler, Setup};
use heify_gateway::tenant::Tenant;
use heify_gateway::upstream::{self, Breaker, Upstream};
use http::{Request, Response};
use http_body_util::Full;
use tokio::sync::watch;
use tower::{Layer, ServiceExt, service_fn};
use uuid::Uuid;

use super::faulty::{Faults, Faulty, job};
use super::process::until;
use super::upstream::{Turn, Upstream as Heify, error, length, well};

const NOW: Moment = Moment(1_790_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

async fn reservation(records: &Records, id: Uuid) -> Option<Reservation> {
    records.read(move |store| store.reservation(&id)).await.ok().flatten()
}

/// Reserves a job and binds it, to be asked about at once.
async fn bound(records: &Records, number: u128, at: Moment) -> Uuid {
    assert!(records.reserve(job(id(number), at)).await.unwrap().is_ok());
    let bind = move |store: &mut dyn Store| {
        ledger::bind(store, &id(number), &id(number + 1000), Moment(at.0 - 1000), at)
    };
    assert!(records.write(bind).await.unwrap());
    id(number + 1000)
}

async fn settle(records: &Records, heify: &Heify, settle: Settle, clock: fn() -> Moment) {
    let contract = Contract::built_in().unwrap();
    let paces = Arc::new(Paces::new(&pace::Settings::default(), &contract, None));
    settle_at(records, heify, settle, paces, clock).await;
}

async fn settle_at(
    records: &Records,
    heify: &Heify,
    settle: Settle,
    paces: Arc<Paces>,
    clock: fn() -> Moment,
) {
    let url = format!("http://{}", heify.address).parse().unwrap();
    let settings = upstream::Settings::new(url, Secret::new("the-central-key"));
    let setup = Setup {
        contract: Arc::new(Contract::built_in().unwrap()),
        upstream: Arc::new(
            Upstream::new(&settings, Arc::new(Breaker::new(Instant::now()))).unwrap(),
        ),
        settle,
        rounding: Rounding::None,
        paces,
    };
    let (_, setups) = watch::channel(Arc::new(setup));
    Settler::new(records.clone(), setups, clock).run().await;
}

fn often(policy: Policy) -> Settle {
    Settle { per_minute: 6000.try_into().unwrap(), deadline: HOUR, policy }
}

#[tokio::test]
async fn a_reserve_that_nobody_waited_for_is_taken_back_even_when_that_fails_at_first() {
    let store = Faulty::default();
    let faults = Arc::clone(&store.faults);
    let (open, gate) = channel();
    faults.lock().unwrap().commit = Some(gate);
    let records = Records::start(Box::new(store), None).unwrap();
    let caller = records.clone();
    let reserving = tokio::spawn(async move { caller.reserve(job(id(1), NOW)).await });
    until("committing", async || faults.lock().unwrap().commit.is_none()).await;
    // The caller's patience ends while its commit is on the way to the disk.
    tokio::time::pause();
    tokio::time::advance(LONGEST_WAIT).await;
    assert_eq!(reserving.await.unwrap(), Err(Unavailable));
    tokio::time::resume();
    *faults.lock().unwrap() = Faults { begins: 2, ..Faults::default() };
    open.send(()).unwrap();
    until("taken back", async || {
        let one = reservation(&records, id(1)).await;
        one.is_some_and(|one| (one.state, one.why) == (State::Released, Some(Why::Abandoned)))
    })
    .await;
    assert_eq!(faults.lock().unwrap().hits, 2, "it has failed, and was tried again");
    let (_, differences) = records.read(|store| verify(store)).await.unwrap();
    assert_eq!(differences, Vec::<String>::new());
}

#[tokio::test]
async fn a_job_that_cannot_be_written_keeps_no_other_waiting_and_is_tried_again() {
    let heify = Heify::start(|seen| Box::pin(async move { well(&seen) })).await;
    let store = Faulty::default();
    let faults = Arc::clone(&store.faults);
    let records = Records::start(Box::new(store), None).unwrap();
    bound(&records, 1, NOW).await;
    bound(&records, 2, Moment(NOW.0 + 1)).await;
    faults.lock().unwrap().about = Some(id(1));
    let mut worker =
        std::pin::pin!(settle(&records, &heify, often(Policy::Charge), || NOW.later(HOUR / 2)));
    let state = async |number| reservation(&records, id(number)).await.map(|one| one.state);
    tokio::select! {
        () = &mut worker => unreachable!("it never ends"),
        () = until("the other one is booked", async || state(2).await == Some(State::Settled)) => {}
    }
    assert_eq!(state(1).await, Some(State::Bound));
    faults.lock().unwrap().about = None;
    // It had its turn, and gets another one after a minute.
    let soon = async {
        for _ in 0..120 {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(1)).await;
            tokio::time::resume();
            if state(1).await == Some(State::Settled) {
                return true;
            }
        }
        false
    };
    tokio::select! {
        () = &mut worker => unreachable!("it never ends"),
        booked = soon => assert!(booked, "never tried again"),
    }
    assert_eq!(reservation(&records, id(1)).await.unwrap().billed.unwrap().0, length(&id(1001)));
}

#[tokio::test]
async fn the_worker_keeps_the_accounts_rate_and_tenants_feel_what_it_takes() {
    let heify = Heify::start(|seen| Box::pin(async move { well(&seen) })).await;
    let records = Records::start(Box::new(Memory::default()), None).unwrap();
    bound(&records, 1, NOW).await;
    bound(&records, 2, Moment(NOW.0 + 1)).await;
    let contract = Contract::built_in().unwrap();
    let once = Rate::new(1, 1).unwrap();
    let rates = [("/get-transcription".into(), once)].into();
    let settings = pace::Settings { state: Pacing::On, rates, ..pace::Settings::default() };
    let paces = Arc::new(Paces::new(&settings, &contract, None));
    let (clock, often) = (|| NOW.later(HOUR / 2), often(Policy::Charge));
    let worker = settle_at(&records, &heify, often, Arc::clone(&paces), clock);
    let put_off = until("the other one is put off", async || {
        let plans = records.read(|store| store.due(Moment(i64::MAX), 9)).await.unwrap();
        let [(left, asked)] = plans.as_slice() else { return false };
        let due = records.read(|store| store.due(NOW.later(HOUR / 2), 9)).await.unwrap();
        assert_eq!((left.opening.reservation, left.state, *asked), (id(2), State::Bound, 0));
        due.is_empty()
    });
    tokio::select! {
        () = worker => unreachable!("it never ends"),
        () = put_off => {}
    }
    assert_eq!(heify.asked(), 1, "the account has room for one question a minute");

    let reader = contract.endpoints().iter().find(|one| &*one.path == "/get-transcription");
    let mut request = Request::new(());
    request.extensions_mut().insert(Arc::clone(reader.unwrap()));
    request.extensions_mut().insert(Arc::new(Tenant { index: 0, id: "acme".into() }));
    let inner = service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())));
    let refused = PaceLayer::new(paces).layer(inner).oneshot(request).await.unwrap();
    assert_eq!(refused.headers()["x-gateway-reason"], "account_rate_limited");
}

#[tokio::test]
async fn what_nobody_tells_is_closed_by_policy_and_put_right_once_when_it_is_told_after_all() {
    static CLOCK: AtomicI64 = AtomicI64::new(NOW.0);
    let tells = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&tells);
    let heify = Heify::start(move |seen| {
        let turn = if told.load(Ordering::SeqCst) { well(&seen) } else { error(500) };
        Box::pin(async move { turn })
    })
    .await;
    let records = Records::start(Box::new(Memory::default()), None).unwrap();
    let object = bound(&records, 1, NOW).await;
    assert!(records.reserve(job(id(2), NOW)).await.unwrap().is_ok());
    assert!(records.write(|store| ledger::lose(store, &id(2), NOW)).await.unwrap());
    let clock = || Moment(CLOCK.load(Ordering::SeqCst));
    CLOCK.store(NOW.later(HOUR).0, Ordering::SeqCst);
    let mut worker = std::pin::pin!(settle(&records, &heify, often(Policy::Charge), clock));
    let at = async |number| reservation(&records, id(number)).await.unwrap();
    tokio::select! {
        () = &mut worker => unreachable!("it never ends"),
        () = until("closed", async || {
            at(1).await.state.is_closed() && at(2).await.state.is_closed()
        }) => {}
    }
    for number in [1, 2] {
        let one = at(number).await;
        assert_eq!((one.state, one.why), (State::Settled, Some(Why::Policy)));
        assert_eq!(one.billed.unwrap().0, 600_000);
    }
    tells.store(true, Ordering::SeqCst);
    CLOCK.store(NOW.later(HOUR * 8).0, Ordering::SeqCst);
    tokio::select! {
        () = &mut worker => unreachable!("it never ends"),
        () = until("put right", async || at(1).await.why == Some(Why::Done)) => {}
    }
    assert_eq!(at(1).await.billed.unwrap().0, length(&object));
    assert_eq!(at(2).await.why, Some(Why::Policy), "there is no job to ask about");
    assert!(records.read(|store| store.due(Moment(i64::MAX), 9)).await.unwrap().is_empty());
    let (_, differences) = records.read(|store| verify(store)).await.unwrap();
    assert_eq!(differences, Vec::<String>::new());
}

#[tokio::test]
async fn a_policy_that_releases_gives_back_what_was_lost() {
    let heify = Heify::start(|_| Box::pin(async { Turn::Lose })).await;
    let records = Records::start(Box::new(Memory::default()), None).unwrap();
    bound(&records, 1, NOW).await;
    assert!(records.reserve(job(id(2), NOW)).await.unwrap().is_ok());
    assert!(records.write(|store| ledger::lose(store, &id(2), NOW)).await.unwrap());
    let worker = settle(&records, &heify, often(Policy::Release), || NOW.later(HOUR));
    let released =
        async |number| reservation(&records, id(number)).await.unwrap().state == State::Released;
    tokio::select! {
        () = worker => unreachable!("it never ends"),
        () = until("released", async || released(1).await && released(2).await) => {}
    }
}
