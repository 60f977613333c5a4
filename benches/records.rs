//! How many reservations share one wait for the disk?
//!
//! `cargo bench --bench records`: 500 callers at once, each with a reservation and its close, against
//! one caller alone on the same disk. The file is made in the folder for temporary files, or in the
//! one that `HEIFY_BENCH_FOLDER` names.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heify_gateway::records::ledger::{self, Charge, MinutesLimit, Reserve};
use heify_gateway::records::{AudioMillis, Calendar, Moment, Opening, Records, Sqlite, Why};
use uuid::Uuid;

const CALLERS: usize = 500;
const CALLS_EACH: usize = 20;
const ALONE: usize = 200;

fn main() {
    let folder = std::env::var_os("HEIFY_BENCH_FOLDER").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(folder).expect("a folder for the file");
    let file = folder.path().join("records.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run(&file));
}

async fn run(file: &Path) {
    let writer = Sqlite::serve(file).expect("records");
    let reader = Sqlite::read_only(file).expect("records");
    let records = Records::start(Box::new(writer), Some(Box::new(reader))).expect("threads");

    let before = records.commits();
    let took = alone(&records).await;
    let (commits, _) = since(&records, before);
    let rate = commits as f64 / took.as_secs_f64();
    println!("alone:    {commits} commits in {took:.2?}: {rate:.0} commits a second");

    let before = records.commits();
    let took = together(&records).await;
    let (commits, jobs) = since(&records, before);
    let calls = CALLERS * CALLS_EACH;
    println!(
        "together: {calls} calls of {CALLERS} callers in {took:.2?}: {:.0} calls a second, \
         {:.1} changes and {:.1} reservations per commit",
        calls as f64 / took.as_secs_f64(),
        jobs as f64 / commits as f64,
        calls as f64 / commits as f64,
    );
}

fn since(records: &Records, (commits, jobs): (u64, u64)) -> (u64, u64) {
    let (commits_now, jobs_now) = records.commits();
    (commits_now - commits, jobs_now - jobs)
}

async fn alone(records: &Records) -> Duration {
    let began = Instant::now();
    for _ in 0..ALONE / 2 {
        call(records).await;
    }
    began.elapsed()
}

async fn together(records: &Records) -> Duration {
    let began = Instant::now();
    let caller = |_| async move {
        for _ in 0..CALLS_EACH {
            call(records).await;
        }
    };
    futures_util::future::join_all((0..CALLERS).map(caller)).await;
    began.elapsed()
}

/// One call: reserved, and paid when it is done.
async fn call(records: &Records) {
    let id = Uuid::now_v7();
    let reserved = records.reserve(reserve(id)).await.expect("the store answers");
    reserved.expect("there is no limit");
    let close = move |store: &mut dyn heify_gateway::records::Store| {
        ledger::settle(store, &id, None, Why::Done, Moment::now())
    };
    records.write(close).await.expect("the store answers");
}

fn reserve(id: Uuid) -> Reserve {
    let (path, limit) = (Arc::from("/work"), MinutesLimit::Granted);
    let minutes = AudioMillis(600_000);
    Reserve {
        opening: Opening {
            reservation: id,
            tenant: "acme".into(),
            label: None,
            key: "acme-1".into(),
            endpoint: Arc::clone(&path),
            request: id.to_string().into(),
            creates: None,
            minutes: Some(minutes),
            upload: false,
        },
        at: Moment::now(),
        tenant_calendar: Calendar::default(),
        account_calendar: Calendar::default(),
        charges: vec![
            Charge::Call { path, tenant: None, account: None },
            Charge::Minutes { amount: minutes, tenant: limit, account: limit },
        ],
    }
}
