//! The two worlds: one account that is shared through the gateway, and two accounts without one.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use heify_gateway::isolate;
use heify_gateway::quota::{Budget, Rounding, Settle};
use heify_gateway::records::{Meter, Moment, Payer, Records, Sqlite, Store, verify};
use heify_gateway::secret::Secret;
use heify_gateway::settle::{Settler, Setup};
use heify_gateway::simulator::{self, AccountSettings, Rates, Simulator, start};
use heify_gateway::stack::Settings;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::support::gateway::{Answer, Gateway, add_tenant, post, settings};
use crate::support::{CENTRAL, KEY};

/// The tenants' keys, through the gateway and at their own accounts alike.
pub const KEYS: [&str; 2] = [KEY, "a-key-that-team-b-has"];
/// What Heify calls the accounts: the shared one, and one for each tenant.
pub const CLIENTS: [&str; 3] = ["client-shared", "client-of-a", "client-of-b"];

/// The gateway with its records in a file, in front of one account.
pub struct Shared {
    pub gateway: Gateway,
    pub records: Records,
    folder: TempDir,
    settler: tokio::task::JoinHandle<()>,
    _simulator: Simulator,
    _setups: watch::Sender<Arc<Setup>>,
}

impl Shared {
    /// Two tenants, kept apart; neither caps nor months bind unless `change` says so.
    pub async fn start(processing: Duration, change: impl FnOnce(&mut Settings)) -> Self {
        let simulator = start(simulator_settings(processing, &[(CLIENTS[0], CENTRAL)])).await;
        let simulator = simulator.unwrap();
        let mut settings = settings(simulator.address());
        add_tenant(&mut settings, "team-b", KEYS[1]);
        settings.isolate = Some(isolate::Settings::default());
        let tenants = settings.quota.tenants.iter_mut().map(|tenant| &mut tenant.budget);
        tenants.chain([&mut settings.quota.account]).for_each(unlimited);
        change(&mut settings);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.db");
        let writer = Sqlite::serve(&file).unwrap();
        let reader: Box<dyn Store> = Box::new(Sqlite::read_only(&file).unwrap());
        let records = Records::start(Box::new(writer), Some(reader)).unwrap();
        let gateway = Gateway::start_recorded(settings, &records).await;
        let setup = Setup {
            contract: Arc::clone(gateway.rooms.contract()),
            upstream: gateway.rooms.upstream().unwrap(),
            settle: Settle { per_minute: NonZeroU32::new(500).unwrap(), ..Settle::default() },
            rounding: Rounding::None,
            paces: Arc::clone(gateway.rooms.paces()),
        };
        let (setups, watched) = watch::channel(Arc::new(setup));
        let settler = Settler::new(records.clone(), watched, Moment::now);
        let settler = tokio::spawn(settler.run());
        Self { gateway, _simulator: simulator, records, folder, settler, _setups: setups }
    }

    /// A POST with one tenant's key.
    pub async fn call(&self, tenant: usize, path: &str, body: &str) -> Answer {
        self.gateway.post(path, &[("x-api-key", KEYS[tenant])], body).await
    }

    /// How many objects of a kind the records count, for good and for calls in progress.
    pub async fn booked(&self, kind: &str, payer: Payer) -> (i64, i64) {
        let meter = Meter::Objects(kind.into());
        let balance = self.records.read(move |store| store.balance(&payer, &meter, Moment(0)));
        let balance = balance.await.unwrap();
        (balance.used, balance.held)
    }

    /// Checks that the journal recounts to what the records say.
    pub fn assert_clean(&self) {
        let file = self.folder.path().join("gateway.db");
        let mut store = Sqlite::read_only(&file).unwrap();
        let (_, differences) = verify(&mut store).unwrap();
        assert!(differences.is_empty(), "{differences:#?}");
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.settler.abort();
    }
}

/// Two accounts that know nothing of each other.
pub async fn apart(processing: Duration) -> Simulator {
    let accounts = [(CLIENTS[1], KEYS[0]), (CLIENTS[2], KEYS[1])];
    start(simulator_settings(processing, &accounts)).await.unwrap()
}

/// A POST to one's own account.
pub async fn direct(simulator: &Simulator, tenant: usize, path: &str, body: &str) -> Answer {
    post(simulator.address(), path, &[("x-api-key", KEYS[tenant])], body).await
}

fn simulator_settings(processing: Duration, accounts: &[(&str, &str)]) -> simulator::Settings {
    let account = |(client, key): &(&str, &str)| AccountSettings {
        client_id: (*client).to_owned(),
        balance_millis: i64::MAX / 2,
        rates: Rates::Off,
        ..AccountSettings::with_key(Secret::new(key))
    };
    simulator::Settings {
        accounts: accounts.iter().map(account).collect(),
        processing,
        // Far from midnight: both worlds see the same day and hour.
        wall_clock: SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000),
        ..simulator::Settings::with_key(Secret::new("replaced"))
    }
}

fn unlimited(budget: &mut Budget) {
    for path in ["/analytics", "/analytics-evaluator", "/analytics-participant"] {
        budget.monthly.insert(path.into(), 1_000_000);
    }
    for kind in ["configuration", "evaluator", "participant"] {
        budget.caps.insert(kind.into(), 1_000);
    }
}
