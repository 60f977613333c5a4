//! Is a webhook told once that a limit is nearly used up, and does nobody wait for it?

use std::sync::Arc;

use heify_gateway::alerts::{Alerter, Counts, Setup, signature};
use heify_gateway::contract::Contract;
use heify_gateway::quota::{self, About, MinutesBudget, Webhook};
use heify_gateway::records::{AlertState, AudioMillis, Moment, Records, Store};
use heify_gateway::secret::Secret;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::support::SUBMIT;
use super::support::upstream::{Act, Upstream};
use super::world::{World, created, fresh};

const SECRET: &str = "a-secret-of-both-sides";

/// The worker on the records of a world; it ends with it.
struct Telling {
    task: tokio::task::JoinHandle<()>,
    _setups: watch::Sender<Arc<Setup>>,
    counts: Counts,
}

impl Telling {
    fn start(records: &Records, quota: quota::Settings, webhooks: Vec<Webhook>) -> Self {
        let contract = Arc::new(Contract::built_in().unwrap());
        let (setups, watched) = watch::channel(Arc::new(Setup { contract, quota, webhooks }));
        let counts = Counts::default();
        let worker = Alerter::new(records.clone(), watched, Moment::now, counts.clone());
        Self { task: tokio::spawn(worker.run()), _setups: setups, counts }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn webhook(name: &str, receiver: &Upstream, tenants: Option<&[&str]>) -> Webhook {
    let tenants = tenants.map(|ids| ids.iter().map(|id| Arc::from(*id)).collect());
    Webhook {
        name: name.into(),
        url: format!("http://{}/hook?room=7", receiver.address).parse().unwrap(),
        secret: Secret::new(SECRET),
        about: About { account: tenants.is_none(), tenants },
        thresholds: vec![50, 100],
    }
}

/// Two submits fit: the first takes a half.
fn budgets() -> quota::Settings {
    let tenant = |id: &str| {
        let mut tenant = quota::TenantBudget { id: id.into(), ..Default::default() };
        tenant.budget.minutes = MinutesBudget::Monthly(AudioMillis::from_minutes(20));
        tenant
    };
    quota::Settings { tenants: vec![tenant("team-a"), tenant("team-b")], ..Default::default() }
}

async fn world() -> World {
    World::start(|settings| {
        settings.isolate = None;
        settings.quota = budgets();
    })
    .await
}

async fn submit(world: &World) -> u16 {
    world.upstream.then(created("transcription_id", fresh()));
    world.gateway.call("/submit", SUBMIT).await.status
}

/// One message, with its fields.
fn message(request: &str) -> (Value, impl Fn(&str) -> String) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_owned();
    let field = move |name: &str| {
        let start = format!("{name}: ");
        head.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
    };
    (serde_json::from_str(body).unwrap(), field)
}

#[tokio::test]
async fn each_threshold_is_told_once_signed_and_not_again_by_another_worker() {
    let (world, receiver) = (world().await, Upstream::start([]).await);
    let telling = Telling::start(&world.records, budgets(), vec![webhook("ops", &receiver, None)]);
    assert_eq!(submit(&world).await, 201);
    receiver.asked(1).await;
    assert_eq!(submit(&world).await, 201);
    receiver.asked(2).await;
    let requests = receiver.requests();
    assert!(requests[0].starts_with("POST /hook?room=7 HTTP/1.1\r\n"), "{}", requests[0]);
    for (request, threshold) in requests.iter().zip([50, 100]) {
        let (body, field) = message(request);
        assert_eq!((&body["tenant"], &body["limit"]), (&json!("team-a"), &json!("minutes")));
        assert_eq!(
            (&body["threshold_percent"], &body["used_percent"]),
            (&json!(threshold), &json!(threshold))
        );
        assert_eq!(body["id"], field("x-gateway-alert-id"));
        let text = request.split_once("\r\n\r\n").unwrap().1;
        let timestamp = field("x-gateway-timestamp").parse().unwrap();
        let signed = signature(&Secret::new(SECRET), timestamp, text.as_bytes());
        assert_eq!(field("x-gateway-signature"), signed);
        assert!(!request.contains(super::support::CENTRAL));
    }
    let refused = world.gateway.call("/submit", SUBMIT).await;
    refused.assert_refused(402, "minutes_exhausted");
    let sent = telling.counts.read();
    drop(telling);
    // Whoever comes after it knows what was told; something else is still new.
    let mut quota = budgets();
    quota.tenants[0].budget.monthly.insert("/analytics".into(), 1);
    let configuration = world.configuration().await;
    let body = super::world::naming("configuration_id", configuration);
    assert_eq!(world.gateway.call("/analytics", &body).await.status, 200);
    let _telling = Telling::start(&world.records, quota, vec![webhook("ops", &receiver, None)]);
    receiver.asked(3).await;
    let (body, _) = message(&receiver.requests()[2]);
    assert_eq!(
        (&body["limit"], &body["threshold_percent"]),
        (&json!("calls:/analytics"), &json!(100))
    );
    let waits = |store: &mut dyn Store| store.pending_alerts("ops", 9);
    while !world.records.read(waits).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.requests().len(), 3, "the minutes are not told again");
    assert!(sent[0].1.sent >= 1, "{sent:?}");
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_again_with_the_same_alert() {
    let world = world().await;
    let receiver = Upstream::start([Act::json(500, "{}"), Act::Close]).await;
    let telling = Telling::start(&world.records, budgets(), vec![webhook("ops", &receiver, None)]);
    assert_eq!(submit(&world).await, 201);
    receiver.asked(3).await;
    let requests = receiver.requests();
    let ids: Vec<_> = requests.iter().map(|one| message(one).1("x-gateway-alert-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let state = async || {
        let read = |store: &mut dyn Store| store.alerts(9);
        let alerts = world.records.read(read).await.unwrap();
        assert_eq!(alerts.len(), 1);
        (alerts[0].state, alerts[0].tried)
    };
    while state().await.0 == AlertState::Pending {
        tokio::task::yield_now().await;
    }
    assert_eq!(state().await, (AlertState::Sent, 2));
    while telling.counts.read()[0].1.sent == 0 {
        tokio::task::yield_now().await;
    }
    let count = telling.counts.read()[0].1;
    assert_eq!((count.sent, count.attempts_failed, count.pending), (1, 2, 0));
}

#[tokio::test]
async fn a_receiver_that_is_dead_delays_no_call_and_no_other_receiver() {
    let world = world().await;
    let (dead, alive) = (Upstream::start([Act::Hang]).await, Upstream::start([]).await);
    let webhooks = vec![webhook("dead", &dead, None), webhook("team", &alive, Some(&["team-a"]))];
    let _telling = Telling::start(&world.records, budgets(), webhooks);
    assert_eq!(submit(&world).await, 201);
    dead.asked(1).await;
    // The attempt hangs, and all else goes on.
    assert_eq!(submit(&world).await, 201);
    alive.asked(2).await;
    assert_eq!(dead.requests().len(), 1);
}

#[tokio::test]
async fn what_is_crossed_at_once_is_told_once_and_only_to_whom_it_concerns() {
    let world = world().await;
    let (ops, other) = (Upstream::start([]).await, Upstream::start([]).await);
    assert_eq!(submit(&world).await, 201);
    assert_eq!(submit(&world).await, 201);
    let mut quota = budgets();
    let account = MinutesBudget::Monthly(AudioMillis::from_minutes(40));
    quota.account.minutes = account;
    let webhooks = vec![webhook("ops", &ops, None), webhook("other", &other, Some(&["team-b"]))];
    let _telling = Telling::start(&world.records, quota, webhooks);
    ops.asked(2).await;
    let told: Vec<_> = ops.requests().iter().map(|one| message(one).0).collect();
    let about = |one: &Value| format!("{} {}", one["of"], one["threshold_percent"]);
    let mut about: Vec<_> = told.iter().map(about).collect();
    about.sort();
    assert_eq!(about, ["\"account\" 50", "\"tenant\" 100"]);
    let kept = world.records.read(|store: &mut dyn Store| store.alerts(9)).await.unwrap();
    let states: Vec<_> = kept.iter().filter(|one| one.state == AlertState::Passed).collect();
    assert_eq!((kept.len(), states.len(), states[0].of.threshold), (3, 1, 50));
    assert!(other.requests().is_empty());
}
