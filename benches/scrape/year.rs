//! What is in the records after a year of many tenants?
//!
//! Written by the ledger, as the gateway itself does; only the clock is turned back. Each tenant has a
//! balance of each of its limits in each month, and a job that is not settled.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use heify_gateway::contract::Contract;
use heify_gateway::records::ledger::{self, Charge, MinutesLimit, Reserve};
use heify_gateway::records::{
    AudioMillis, Calendar, Moment, Opening, Payer, Sqlite, Store, StoreError, Stored, Why,
};
use uuid::Uuid;

const MONTHS: i64 = 12;
const MONTH: i64 = 2_629_800_000;
/// So long nobody asks the upstream about a job.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// The id of a tenant.
pub(crate) fn tenant(number: usize) -> String {
    format!("team-{number:04}")
}

/// Writes the year into a new file; the number of balances in it.
pub(crate) fn write(database: &Path, tenants: usize) -> Result<usize, Box<dyn Error>> {
    let contract = Contract::built_in().map_err(|mistakes| format!("{mistakes:?}"))?;
    let charges = charges(&contract);
    let mut store = Sqlite::serve(database)?;
    let now = Moment::now();
    for month in (0..MONTHS).rev() {
        store.begin()?;
        for number in 0..tenants {
            job(&mut store, number, Moment(now.0 - month * MONTH), month > 0, &charges)?;
        }
        store.commit()?;
    }
    store.begin()?;
    for number in 0..tenants {
        let payer = Payer::Tenant(tenant(number).into());
        ledger::grant(&mut store, &payer, AudioMillis(6_000_000), &"a year".into(), now)?;
    }
    store.commit()?;
    let mut balances = store.balances(&Payer::Account)?.len();
    for number in 0..tenants {
        balances += store.balances(&Payer::Tenant(tenant(number).into()))?.len();
    }
    Ok(balances)
}

/// One of everything that the contract limits, and minutes.
fn charges(contract: &Contract) -> Vec<Charge> {
    let limited = contract.endpoints().iter().filter(|endpoint| endpoint.monthly.is_some());
    let call =
        |path: &Arc<str>| Charge::Call { path: Arc::clone(path), tenant: None, account: None };
    let mut charges: Vec<_> = limited.map(|endpoint| call(&endpoint.path)).collect();
    let capped = contract.endpoints().iter().filter(|endpoint| endpoint.cap.is_some());
    for kind in capped.filter_map(|endpoint| endpoint.effect.object.as_deref()) {
        charges.push(Charge::Object { kind: kind.into(), tenant: None, account: None });
    }
    let limit = MinutesLimit::Monthly(AudioMillis::from_minutes(1_000_000));
    let amount = AudioMillis(600_000);
    charges.push(Charge::Minutes { amount, tenant: limit, account: limit });
    charges
}

/// A job, settled or not.
fn job(
    store: &mut dyn Store,
    number: usize,
    at: Moment,
    settled: bool,
    charges: &[Charge],
) -> Stored<()> {
    let id = Uuid::now_v7();
    let opening = Opening {
        reservation: id,
        tenant: tenant(number).into(),
        label: None,
        key: format!("{}-1", tenant(number)).into(),
        endpoint: "/submit".into(),
        request: format!("request-{id}").into(),
        creates: Some("transcription".into()),
        minutes: Some(AudioMillis(600_000)),
        upload: false,
    };
    let reserve = Reserve {
        opening,
        at,
        tenant_calendar: Calendar::default(),
        account_calendar: Calendar::default(),
        charges: charges.to_vec(),
    };
    ledger::reserve(store, &reserve)?
        .map_err(|denied| StoreError(format!("the bench was denied: {denied:?}")))?;
    ledger::bind(store, &id, &Uuid::now_v7(), Moment::now().later(NEVER), at)?;
    if settled {
        let audio = (AudioMillis(431_234), AudioMillis(480_000));
        ledger::settle(store, &id, Some(audio), Why::Done, Moment(at.0 + 120_000))?;
    }
    Ok(())
}
