//! How long does a start take, and how much memory, after so many jobs?
//!
//! `cargo bench --bench start`: writes a journal of 200,000 jobs (or as many as `HEIFY_BENCH_JOBS`
//! says), and opens it as a gateway does: once in pieces, as it is, and once with all of it in memory,
//! for comparison. Each is measured in a process of its own, so that its peak of memory is its own. The
//! file is made in the folder for temporary files, or in the one that `HEIFY_BENCH_FOLDER` names.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use heify_gateway::records::ledger::{self, Charge, MinutesLimit, Reserve};
use heify_gateway::records::{
    AudioMillis, Calendar, Moment, Opening, Sqlite, Store, Stored, Why, recount, verify,
};
use uuid::Uuid;

/// Says to a child what it measures, and where the file is.
const PART: &str = "HEIFY_BENCH_PART";
const FILE: &str = "HEIFY_BENCH_FILE";
/// Jobs in one transaction.
const PIECE: u64 = 2000;

fn main() {
    if let (Ok(part), Some(file)) = (std::env::var(PART), std::env::var_os(FILE)) {
        return measure(&part, Path::new(&file));
    }
    let jobs = std::env::var("HEIFY_BENCH_JOBS").map_or(200_000, |jobs| jobs.parse().unwrap());
    let folder = std::env::var_os("HEIFY_BENCH_FOLDER").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(folder).expect("a folder for the file");
    let file = folder.path().join("records.db");
    let began = Instant::now();
    write(&file, jobs).expect("records");
    let bytes = std::fs::metadata(&file).expect("the file").len();
    println!("written:   {jobs} jobs in {:.1?}: {} MB", began.elapsed(), bytes >> 20);
    let itself = std::env::current_exe().expect("this program");
    for part in ["start", "verify", "in memory"] {
        let mut child = Command::new(&itself);
        let ended = child.env(PART, part).env(FILE, &file).status().expect("a child");
        assert!(ended.success());
    }
}

fn measure(part: &str, file: &Path) {
    let began = Instant::now();
    match part {
        "start" => drop(Sqlite::serve(file).expect("records")),
        "verify" => {
            let mut store = Sqlite::read_only(file).expect("records");
            assert!(verify(&mut store).expect("records").1.is_empty());
        }
        _ => {
            let mut store = Sqlite::read_only(file).expect("records");
            let whole = recount(&mut store).expect("records").contents;
            assert!(whole.differences(&store.contents().expect("records")).is_empty());
        }
    }
    let took = began.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim();
    println!("{part:<10} {took:.2?}, {peak} of memory at most");
}

/// Jobs of ten tenants; one of a hundred is not settled.
fn write(file: &Path, jobs: u64) -> Stored<()> {
    let mut store = Sqlite::serve(file)?;
    let mut done = 0;
    while done < jobs {
        store.begin()?;
        for job in done..jobs.min(done + PIECE) {
            let id = Uuid::now_v7();
            let reserved = ledger::reserve(&mut store, &reserve(id, job % 10))?;
            reserved.expect("there is no limit");
            ledger::bind(&mut store, &id, &Uuid::now_v7(), Moment::now(), Moment::now())?;
            if job % 100 != 0 {
                let audio = Some((AudioMillis(61_234), AudioMillis(62_000)));
                ledger::settle(&mut store, &id, audio, Why::Done, Moment::now())?;
            }
        }
        store.commit()?;
        done += PIECE;
    }
    Ok(())
}

fn reserve(id: Uuid, tenant: u64) -> Reserve {
    let (path, limit): (Arc<str>, _) = ("/work".into(), MinutesLimit::Granted);
    let minutes = AudioMillis(600_000);
    Reserve {
        opening: Opening {
            reservation: id,
            tenant: format!("tenant-{tenant}").into(),
            label: None,
            key: format!("tenant-{tenant}-1").into(),
            endpoint: path,
            request: Uuid::now_v7().to_string().into(),
            creates: Some("transcription".into()),
            minutes: Some(minutes),
            upload: false,
        },
        at: Moment::now(),
        tenant_calendar: Calendar::default(),
        account_calendar: Calendar::default(),
        charges: vec![
            Charge::Object { kind: "transcription".into(), tenant: None, account: None },
            Charge::Minutes { amount: minutes, tenant: limit, account: limit },
        ],
    }
}
