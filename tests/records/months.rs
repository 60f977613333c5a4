//! Does a clock that steps grant a second quota, or lose what was used?

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use heify_gateway::body::Body;
use heify_gateway::checked::Checked;
use heify_gateway::contract::{Contract, Endpoint};
use heify_gateway::quota::{MinutesBudget, QuotaLayer, Quotas, Settings, TenantBudget};
use heify_gateway::records::{
    AudioMillis, Balance, Calendar, Memory, Meter, Moment, Payer, Records, ledger, verify,
};
use heify_gateway::refusal::Refusal;
use heify_gateway::tenant::Tenant;
use http::{Request, Response};
use http_body_util::Full;
use jiff::tz::TimeZone;
use tokio_util::task::TaskTracker;
use tower::{Layer, ServiceExt, service_fn};

/// The last second of a month, and moments in others.
const NOVEMBER: Moment = Moment(1_796_083_199_000);
const DECEMBER: Moment = Moment(NOVEMBER.0 + 1000);
const YEARS_AHEAD: Moment = Moment(NOVEMBER.0 + 4 * 31_557_600_000);

/// The clock of one test.
struct Clock(AtomicI64);

impl Clock {
    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::SeqCst))
    }

    fn set(&self, moment: Moment) {
        self.0.store(moment.0, Ordering::SeqCst);
    }
}

struct Room {
    quotas: Arc<Quotas>,
    records: Records,
    /// The clock, and where it is set to while a call is on its way.
    clock: &'static Clock,
    meanwhile: Option<Moment>,
}

impl Room {
    /// One tenant with two calls a month, and minutes for two jobs.
    fn new(clock: &'static Clock, tell: fn() -> Moment) -> Self {
        let records = Records::start(Box::new(Memory::default()), None).unwrap();
        Self::over(records, Calendar::default(), clock, tell)
    }

    /// The same with records of before, and other months.
    fn over(
        records: Records,
        calendar: Calendar,
        clock: &'static Clock,
        tell: fn() -> Moment,
    ) -> Self {
        let contract = Arc::new(Contract::built_in().unwrap());
        let mut tenant = TenantBudget { id: "acme".into(), ..TenantBudget::default() };
        tenant.budget.monthly.insert("/analytics".into(), 2);
        tenant.budget.minutes = MinutesBudget::Monthly(AudioMillis::from_minutes(20));
        tenant.budget.calendar = calendar;
        let settings = Settings { tenants: vec![tenant], ..Settings::default() };
        let tasks = TaskTracker::new();
        let quotas = Quotas::new(&settings, &contract, records.clone(), tasks, tell, None);
        Self { quotas: Arc::new(quotas), records, clock, meanwhile: None }
    }

    /// The status and reason of a call at a moment.
    async fn call(&self, path: &str, at: Moment) -> (u16, Option<&'static str>) {
        self.clock.set(at);
        let contract = Contract::built_in().unwrap();
        let of_path = |endpoint: &&Arc<Endpoint>| &*endpoint.path == path;
        let endpoint = Arc::clone(contract.endpoints().iter().find(of_path).unwrap());
        let (clock, meanwhile) = (self.clock, self.meanwhile);
        let inner = service_fn(move |_: Request<Full<Bytes>>| async move {
            if let Some(moment) = meanwhile {
                clock.set(moment);
            }
            let body = format!(r#"{{"data":{{"transcription_id":"{}"}}}}"#, uuid::Uuid::now_v7());
            Ok::<_, Infallible>(Response::new(Body::<Full<Bytes>>::from(Bytes::from(body))))
        });
        let mut request = Request::new(Full::from("{}"));
        request.extensions_mut().insert(endpoint);
        request.extensions_mut().insert(Arc::new(Tenant { index: 0, id: "acme".into() }));
        request.extensions_mut().insert(Checked::from(&serde_json::json!({})));
        let quota = QuotaLayer::new(Some(Arc::clone(&self.quotas))).layer(inner);
        let answer = quota.oneshot(request).await.unwrap();
        let reason = answer.extensions().get::<Refusal>().map(Refusal::reason);
        (answer.status().as_u16(), reason)
    }

    /// What the tenant has of a meter in the month around a moment.
    async fn balance(&self, meter: Meter, at: Moment) -> Balance {
        let read = self.records.read(move |store| {
            let payer = Payer::Tenant("acme".into());
            let month = ledger::period(store, &payer, &Calendar::default(), at)?;
            store.balance(&payer, &meter, month.start)
        });
        read.await.unwrap()
    }
}

fn calls() -> Meter {
    Meter::Calls("/analytics".into())
}

const DONE: (u16, Option<&str>) = (200, None);
const NO_CALLS: (u16, Option<&str>) = (429, Some("quota_exhausted"));
const NO_MINUTES: (u16, Option<&str>) = (402, Some("minutes_exhausted"));

#[tokio::test]
async fn a_clock_that_steps_back_or_far_ahead_grants_no_second_quota_and_keeps_all_months() {
    static CLOCK: Clock = Clock(AtomicI64::new(0));
    let room = Room::new(&CLOCK, || CLOCK.now());
    let months = [NOVEMBER, DECEMBER, YEARS_AHEAD];
    for month in months {
        for (path, refused) in [("/analytics", NO_CALLS), ("/submit", NO_MINUTES)] {
            assert_eq!(room.call(path, month).await, DONE);
            assert_eq!(room.call(path, month).await, DONE);
            assert_eq!(room.call(path, month).await, refused);
        }
    }
    // Back and forth over the ends of months: every month is as it was left.
    for month in [DECEMBER, NOVEMBER, YEARS_AHEAD, NOVEMBER, DECEMBER, NOVEMBER] {
        assert_eq!(room.call("/analytics", month).await, NO_CALLS);
        assert_eq!(room.call("/submit", month).await, NO_MINUTES);
    }
    for month in months {
        assert_eq!(room.balance(calls(), month).await.used, 2);
        assert_eq!(room.balance(Meter::Minutes, month).await.held, 1_200_000);
    }
    // Nor do other months from now on: those that have begun stay as they are.
    let calendar = Calendar::new(TimeZone::get("Asia/Tokyo").unwrap(), 15).unwrap();
    let room = Room::over(room.records, calendar, &CLOCK, || CLOCK.now());
    for month in months {
        assert_eq!(room.call("/analytics", month).await, NO_CALLS);
        assert_eq!(room.call("/submit", month).await, NO_MINUTES);
    }
    let verified = room.records.read(|store| verify(store)).await.unwrap();
    assert_eq!(verified.1, Vec::<String>::new());
}

#[tokio::test]
async fn a_call_counts_for_the_month_in_which_it_was_reserved_whenever_it_ends() {
    static CLOCK: Clock = Clock(AtomicI64::new(0));
    let mut room = Room::new(&CLOCK, || CLOCK.now());
    room.meanwhile = Some(DECEMBER);
    assert_eq!(room.call("/analytics", NOVEMBER).await, DONE);
    room.meanwhile = Some(NOVEMBER);
    assert_eq!(room.call("/analytics", DECEMBER).await, DONE);
    assert_eq!(room.call("/analytics", DECEMBER).await, DONE);
    assert_eq!(room.balance(calls(), NOVEMBER).await.used, 1);
    assert_eq!(room.balance(calls(), DECEMBER).await.used, 2);
    assert_eq!(room.call("/analytics", DECEMBER).await, NO_CALLS);
    assert_eq!(room.call("/analytics", NOVEMBER).await, DONE);
}
