//! Does the layer hold calls back as long as it helps, and no longer?

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use heify_gateway::contract::Contract;
use heify_gateway::pace::{Pace, PaceLayer, Paces, Pacing, Settings};
use heify_gateway::rate::Rate;
use heify_gateway::refusal::Refusal;
use heify_gateway::tenant::Tenant;
use http::{Request, Response};
use http_body_util::Full;
use tokio::time::{Instant, advance};
use tower::{Layer, Service, ServiceExt};

const DOCUMENT: &str = "
openapi: 3.1.1
paths:
  /fast:
    post:
      x-gateway-effect: { kind: reads, object: book }
      x-gateway-limits: { rate: 600, burst: 1 }
  /free:
    post:
      x-gateway-effect: { kind: reads, object: book }
";
const FAST: usize = 0;
const FREE: usize = 1;

/// Counts its calls; it is ready at the second question only, and a clone of it is not.
#[derive(Debug, Default)]
struct Inner {
    calls: Arc<AtomicUsize>,
    asked: usize,
}

impl Clone for Inner {
    fn clone(&self) -> Self {
        Self { calls: Arc::clone(&self.calls), asked: 0 }
    }
}

type Answer = Result<Response<Full<Bytes>>, &'static str>;

impl Service<Request<()>> for Inner {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.asked += 1;
        if self.asked < 2 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(self.asked >= 2, "called without being ready");
        self.asked = 0;
        self.calls.fetch_add(1, Ordering::Relaxed);
        let broken = request.headers().contains_key("broken");
        Box::pin(async move { if broken { Err("broken") } else { Ok(Response::default()) } })
    }
}

struct Scene {
    contract: Contract,
    inner: Inner,
    paces: Arc<Paces>,
}

fn on(max_wait: u64) -> Settings {
    Settings { state: Pacing::On, max_wait: Duration::from_millis(max_wait), ..Settings::default() }
}

fn scene(settings: &Settings) -> Scene {
    let contract = Contract::parse(DOCUMENT, "library.yaml").unwrap();
    let paces = Arc::new(Paces::new(settings, &contract, None));
    Scene { contract, inner: Inner::default(), paces }
}

impl Scene {
    fn reload(&mut self, settings: &Settings) {
        self.paces = Arc::new(Paces::new(settings, &self.contract, Some(&self.paces)));
    }

    fn pace(&self) -> Pace<Inner> {
        PaceLayer::new(Arc::clone(&self.paces)).layer(self.inner.clone())
    }

    fn request(&self, endpoint: usize, tenant: &str) -> Request<()> {
        let mut request = Request::new(());
        request.extensions_mut().insert(Arc::clone(&self.contract.endpoints()[endpoint]));
        request.extensions_mut().insert(Arc::new(Tenant { index: 0, id: tenant.into() }));
        request
    }

    /// Begins a call; it has its place in the order from now on.
    async fn begin(&self, tenant: &str) -> Pin<Box<impl Future<Output = Answer> + use<>>> {
        let mut pace = self.pace();
        pace.ready().await.unwrap();
        Box::pin(pace.call(self.request(FAST, tenant)))
    }

    #[track_caller]
    fn forwarded(&self, calls: usize) {
        assert_eq!(self.inner.calls.load(Ordering::Relaxed), calls);
    }
}

/// The status, and how long to wait before another try.
fn outcome(answer: Answer) -> (u16, Option<Duration>) {
    let answer = answer.unwrap();
    let refusal = answer.extensions().get::<Refusal>();
    assert!(refusal.is_none_or(|refusal| refusal.reason() == "account_rate_limited"));
    (answer.status().as_u16(), refusal.and_then(Refusal::retry_after))
}

const PASSED: (u16, Option<Duration>) = (200, None);

fn refused(millis: u64) -> (u16, Option<Duration>) {
    (429, Some(Duration::from_millis(millis)))
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_its_token_and_passes() {
    let scene = scene(&on(500));
    let begin = Instant::now();
    for passed in 0..4 {
        assert_eq!(outcome(scene.begin("a").await.await), PASSED);
        assert_eq!(begin.elapsed(), Duration::from_millis(passed * 100));
    }
    scene.forwarded(4);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_pass_in_time_is_refused_at_once_and_not_forwarded() {
    let scene = scene(&on(99));
    let begin = Instant::now();
    assert_eq!(outcome(scene.begin("a").await.await), PASSED);
    assert_eq!(outcome(scene.begin("a").await.await), refused(100));
    assert_eq!(begin.elapsed(), Duration::ZERO);
    scene.forwarded(1);
    // It left nothing behind.
    advance(Duration::from_millis(100)).await;
    assert_eq!(outcome(scene.begin("a").await.await), PASSED);
    assert_eq!(begin.elapsed(), Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_flood_does_not_hold_up_a_trickle_and_both_go_in_order() {
    let scene = scene(&on(500));
    let begin = Instant::now();
    assert_eq!(outcome(scene.begin("flood").await.await), PASSED);
    let mut calls = Vec::new();
    for tenant in ["flood", "flood", "flood", "flood", "flood", "flood", "trickle"] {
        let call = scene.begin(tenant).await;
        calls.push(async move { (outcome(call.await), begin.elapsed().as_millis()) });
    }
    let outcomes = futures_util::future::join_all(calls).await;
    let expected = [
        (PASSED, 100),
        (PASSED, 300),
        (PASSED, 400),
        (PASSED, 500),
        // Its place was the last one before the trickle came.
        (refused(100), 500),
        (refused(600), 0),
        (PASSED, 200),
    ];
    assert_eq!(outcomes, expected);
    scene.forwarded(6);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_leaves_its_place_to_the_next() {
    let scene = scene(&on(500));
    let begin = Instant::now();
    assert_eq!(outcome(scene.begin("a").await.await), PASSED);
    let mut gone = scene.begin("a").await;
    let next = scene.begin("b").await;
    // It waits, with a timer of its own, and then it is dropped.
    let waits = poll_fn(|context| Poll::Ready(gone.as_mut().poll(context).is_pending())).await;
    assert!(waits);
    let next = tokio::spawn(next);
    tokio::task::yield_now().await;
    drop(gone);
    assert_eq!(outcome(next.await.unwrap()), PASSED);
    assert_eq!(begin.elapsed(), Duration::from_millis(100));
    scene.forwarded(2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_polled_holds_up_nobody_for_good() {
    let scene = scene(&on(500));
    let begin = Instant::now();
    assert_eq!(outcome(scene.begin("a").await.await), PASSED);
    let idle = scene.begin("b").await;
    let next = scene.begin("c").await;
    assert_eq!(outcome(next.await), PASSED);
    assert!(begin.elapsed() <= Duration::from_millis(300));
    assert_eq!(outcome(idle.await), PASSED, "its token waited for it");
}

#[tokio::test(start_paused = true)]
async fn what_has_no_rate_and_what_is_switched_off_passes() {
    let free = scene(&on(500));
    for _ in 0..100 {
        let answer = free.pace().oneshot(free.request(FREE, "a")).await;
        assert_eq!(outcome(answer), PASSED);
    }
    let off = scene(&Settings::default());
    for _ in 0..100 {
        // Without any fact.
        assert_eq!(outcome(off.pace().oneshot(Request::new(())).await), PASSED);
    }
    off.forwarded(100);
}

#[tokio::test(start_paused = true)]
async fn a_missing_fact_is_a_defect_and_nothing_passes_unchecked() {
    let scene = scene(&on(500));
    let mut no_tenant = scene.request(FREE, "a");
    no_tenant.extensions_mut().remove::<Arc<Tenant>>();
    for request in [Request::new(()), no_tenant] {
        let answer = scene.pace().oneshot(request).await.unwrap();
        assert_eq!(answer.headers()["x-gateway-reason"], "misassembled");
    }
    scene.forwarded(0);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_inner_service_passes_also_after_a_wait() {
    let scene = scene(&on(500));
    for _ in 0..2 {
        let mut request = scene.request(FAST, "a");
        request.headers_mut().insert("broken", "yes".parse().unwrap());
        assert_eq!(scene.pace().oneshot(request).await.unwrap_err(), "broken");
    }
    scene.forwarded(2);
}

#[tokio::test(start_paused = true)]
async fn the_rate_of_the_settings_goes_before_that_of_the_contract() {
    let rates = HashMap::from([("/fast".into(), Rate::new(60, 2).unwrap())]);
    let scene = scene(&Settings { rates, ..on(500) });
    assert_eq!(outcome(scene.begin("a").await.await), PASSED);
    assert_eq!(outcome(scene.begin("b").await.await), PASSED);
    assert_eq!(outcome(scene.begin("c").await.await), refused(1_000));
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_the_line_and_what_is_spent_unless_the_numbers_change() {
    let mut scene = scene(&on(500));
    let begin = Instant::now();
    assert_eq!(outcome(scene.begin("a").await.await), PASSED);
    let waiting = scene.begin("a").await;
    scene.reload(&on(150));
    assert_eq!(outcome(scene.begin("b").await.await), refused(200), "the line stands on");
    scene.reload(&on(500));
    let behind = scene.begin("b").await;
    let outcomes = tokio::join!(behind, waiting);
    assert_eq!((outcome(outcomes.0), outcome(outcomes.1)), (PASSED, PASSED));
    assert_eq!(begin.elapsed(), Duration::from_millis(200));
    let rates = HashMap::from([("/fast".into(), Rate::new(60, 1).unwrap())]);
    scene.reload(&Settings { rates, ..on(500) });
    assert_eq!(outcome(scene.begin("a").await.await), PASSED, "new numbers start anew");
    assert_eq!(begin.elapsed(), Duration::from_millis(200));
}

/// As in production: threads with a runtime of their own share the line.
#[test]
fn on_several_threads_every_call_gets_its_token_and_none_too_early() {
    let rates = HashMap::from([("/fast".into(), Rate::new(60_000, 10).unwrap())]);
    let scene = Arc::new(scene(&Settings { rates, ..on(60_000) }));
    let begin = std::time::Instant::now();
    let threads: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|tenant| {
            let scene = Arc::clone(&scene);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async {
                    let mut calls = Vec::new();
                    for call in 0..60 {
                        let future = scene.begin(tenant).await;
                        // Every third client goes away.
                        if call % 3 != 0 {
                            calls.push(future);
                        }
                    }
                    for answer in futures_util::future::join_all(calls).await {
                        assert_eq!(outcome(answer), PASSED);
                    }
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let passed = scene.inner.calls.load(Ordering::Relaxed);
    assert!(passed >= 160, "{passed}");
    let tokens = 10 + begin.elapsed().as_millis() as usize;
    assert!(passed <= tokens, "{passed} calls, {tokens} tokens");
}
