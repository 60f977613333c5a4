//! Two tenants, one account, and an upstream that makes what it is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use heify_gateway::isolate;
use heify_gateway::records::{Balance, Calendar, Memory, Meter, Moment, Payer, Records, ledger};
use heify_gateway::stack::Settings;
use heify_gateway::traffic::Traffic;
use uuid::Uuid;

use super::support::gateway::{Answer, Gateway, add_tenant, settings};
use super::support::upstream::{Act, Upstream};

pub const OTHER_KEY: &str = "a-key-that-team-b-has";
pub const CREATE: &str = "/create-configuration";
pub const TAG: &str = r#"{"tag":"calls"}"#;

/// A gateway with records in memory in front of a scripted upstream.
pub struct World {
    pub gateway: Gateway,
    pub upstream: Upstream,
    pub records: Records,
}

impl World {
    /// Two tenants, kept apart.
    pub async fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let traffic = Arc::new(Traffic::new(Instant::now()));
        Self::start_counted(change, &traffic).await
    }

    /// The same, counted there.
    pub async fn start_counted(change: impl FnOnce(&mut Settings), traffic: &Arc<Traffic>) -> Self {
        let upstream = Upstream::start([]).await;
        let mut settings = settings(upstream.address);
        add_tenant(&mut settings, "team-b", OTHER_KEY);
        settings.isolate = Some(isolate::Settings::default());
        change(&mut settings);
        let records = Records::start(Box::new(Memory::default()), None).unwrap();
        let gateway = Gateway::start_counted(settings, &records, traffic).await;
        Self { gateway, upstream, records }
    }

    /// A POST with the other tenant's key.
    pub async fn other(&self, path: &str, body: &str) -> Answer {
        self.gateway.post(path, &[("x-api-key", OTHER_KEY)], body).await
    }

    /// Creates a configuration as the first tenant.
    pub async fn configuration(&self) -> Uuid {
        let id = fresh();
        self.upstream.then(created("configuration_id", id));
        assert_eq!(self.gateway.call(CREATE, TAG).await.status, 201);
        id
    }

    /// A balance of a payer in the present month, by UTC.
    pub async fn balance(&self, payer: &str, meter: Meter) -> Balance {
        let payer = Payer::from(Arc::<str>::from(payer));
        let read = move |store: &mut dyn heify_gateway::records::Store| {
            let month = ledger::period(store, &payer, &Calendar::default(), Moment::now())?;
            let period = match meter {
                Meter::Calls(_) | Meter::Minutes => month.start,
                Meter::Objects(_) | Meter::Granted => Moment(0),
            };
            store.balance(&payer, &meter, period)
        };
        self.records.read(read).await.unwrap()
    }

    /// How many lines the journal has.
    pub async fn lines(&self) -> usize {
        let read = |store: &mut dyn heify_gateway::records::Store| store.journal(0, usize::MAX);
        self.records.read(read).await.unwrap().len()
    }
}

/// An id that nothing had before.
pub fn fresh() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Uuid::from_u128(0x3f0c_1a52_7b1e_4d6a_9c55_0000_0000_0000 + u128::from(number))
}

/// The answer to a creation.
pub fn created(field: &str, id: Uuid) -> Act {
    Act::json(201, &format!(r#"{{"data":{{"message":"ok","{field}":"{id}"}}}}"#))
}

/// A body that names one object.
pub fn naming(field: &str, id: Uuid) -> String {
    format!(r#"{{"{field}":"{id}"}}"#)
}
