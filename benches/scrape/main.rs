//! What does a scrape of `/metrics` cost with 1,000 tenants?
//!
//! `cargo bench --bench scrape` writes a year of 1,000 tenants into a file of records, starts the real
//! binary on it, has every tenant call, and scrapes: with nothing written since the last time, and with
//! a grant in between, after which the records are read again. The table has the CPU time of all
//! threads per scrape, of which 50 ms are wanted at most, and the instructions where valgrind is
//! installed. taskset is used where it is.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a report for people; what fails in it may end it"
)]

#[path = "../admin/ask.rs"]
mod ask;
#[path = "../cost/process.rs"]
#[allow(dead_code, reason = "the report on forwarding uses more of it")]
mod process;
mod year;

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use ask::Connection;
use heify_gateway::contract::Contract;
use process::Running;

/// What no scrape should cost more than, in milliseconds.
const MOST: f64 = 50.0;
/// A scrape should not be larger, in bytes.
const LARGEST: usize = 1 << 20;
const TENANTS: usize = 1_000;
const TOKEN: &str = "a-token-for-the-bench-only";
const WARM_UP: usize = 3;
const SCRAPES: usize = 20;
/// Two runs under valgrind; their difference is free of the start and of the calls.
const COUNTED: [usize; 2] = [2, 12];
const OPEN: &str = "accept: application/openmetrics-text\r\n";

/// What happens before a scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Grant,
}

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    process::pin_self();
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("records.db");
    let balances = year::write(&database, TENANTS)?;
    println!("{TENANTS} tenants, {balances} balances");
    let (data, status) = (free()?, free()?);
    let file = folder.path().join("gateway.toml");
    fs::write(&file, configuration(data, status, &database)?)?;
    let file = file.to_string_lossy().into_owned();
    let command = [env!("CARGO_BIN_EXE_heify-gateway"), "--config", &file, "serve"];
    let command: Vec<String> = command.iter().map(ToString::to_string).collect();
    let running = Running::start(&command, data)?;
    call(data)?;
    let kinds = [("nothing written", Before::Nothing), ("a grant before each", Before::Grant)];
    for (name, before) in kinds {
        scrape(status, before, WARM_UP, None)?;
        let (size, took) = scrape(status, before, SCRAPES, Some(&running))?;
        let each = took.as_secs_f64() * 1e3 / SCRAPES as f64;
        let verdict = if each > MOST || size > LARGEST { "  TOO MUCH" } else { "" };
        let size = size as f64 / 1024.0;
        println!("  {name:<24} {each:8.2} ms CPU {size:9.1} KiB{verdict}");
    }
    running.end()?;
    if process::installed("valgrind") {
        for (name, before) in kinds {
            let counts = COUNTED.map(|times| instructions(&command, data, status, before, times));
            let [few, many] = counts;
            let each = (many? - few?) / (COUNTED[1] - COUNTED[0]) as u64;
            println!("  {name:<24} {:8.1} million instructions", each as f64 / 1e6);
        }
    }
    Ok(())
}

fn free() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// Nothing is forwarded, so the upstream is a port where nobody listens.
fn configuration(
    data: SocketAddr,
    status: SocketAddr,
    database: &Path,
) -> Result<String, std::fmt::Error> {
    let mut config = format!(
        "[server]\nlisten = \"{data}\"\nworkers = 1\n\
         [status]\nlisten = \"{status}\"\n[admin]\nlisten = \"{status}\"\ntoken = \"{TOKEN}\"\n\
         [upstream]\nurl = \"http://127.0.0.1:9\"\napi_key = \"the-central-key-of-the-bench\"\n\
         [account]\nminutes = {{ monthly = 100_000_000 }}\n\
         [records]\nurl = \"sqlite://{}\"\n",
        database.display()
    );
    for number in 0..TENANTS {
        write!(
            config,
            "[[tenants]]\nid = \"{}\"\nkeys = [{{ key = \"{}\" }}]\nminutes = {{ monthly = 1000 }}\n\
             total = {{ per_minute = 600, burst = 50 }}\n",
            year::tenant(number),
            key(number)
        )?;
    }
    Ok(config)
}

fn key(tenant: usize) -> String {
    format!("the-key-of-tenant-{tenant:04}")
}

/// Has each tenant call, and one of them all endpoints.
fn call(data: SocketAddr) -> Result<(), Box<dyn Error>> {
    let contract = Contract::built_in().map_err(|mistakes| format!("{mistakes:?}"))?;
    let mut connection = Connection::open(data)?;
    let mut ask = |tenant: usize, path: &str| {
        let fields = format!("x-api-key: {}\r\ncontent-type: application/json\r\n", key(tenant));
        connection.ask(&format!("POST {path}"), &fields, "{}").map(drop)
    };
    for tenant in 0..TENANTS {
        ask(tenant, "/submit")?;
        ask(tenant, "/get-transcription")?;
    }
    contract.endpoints().iter().try_for_each(|endpoint| ask(0, &endpoint.path))
}

/// Scrapes so often, and gives the size of the last one, and the CPU time of the scrapes alone where a
/// process is measured.
fn scrape(
    status: SocketAddr,
    before: Before,
    times: usize,
    measured: Option<&Running>,
) -> Result<(usize, Duration), Box<dyn Error>> {
    let cpu = || measured.map_or(Ok(Duration::ZERO), Running::cpu);
    let mut connection = Connection::open(status)?;
    let (mut size, mut took) = (0, Duration::ZERO);
    for _ in 0..times {
        if before == Before::Grant {
            let fields =
                format!("authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n");
            let grant = format!("{{\"tenant\":\"{}\",\"minutes\":1}}", year::tenant(0));
            let granted = connection.ask("POST /admin/v1/grants", &fields, &grant)?;
            if granted.status >= 300 {
                return Err(format!("no grant: {}", granted.status).into());
            }
        }
        let began = cpu()?;
        let scraped = connection.ask("GET /metrics", OPEN, "")?;
        took += cpu()?.saturating_sub(began);
        if scraped.status != 200 {
            return Err(format!("no scrape: {}", scraped.status).into());
        }
        size = scraped.size;
    }
    Ok((size, took))
}

/// User-space instructions of a whole life with so many scrapes.
fn instructions(
    command: &[String],
    data: SocketAddr,
    status: SocketAddr,
    before: Before,
    times: usize,
) -> Result<u64, Box<dyn Error>> {
    let file = tempfile::NamedTempFile::new()?;
    let out = format!("--callgrind-out-file={}", file.path().display());
    let mut observed = ["valgrind", "-q", "--tool=callgrind", &out].map(str::to_owned).to_vec();
    observed.extend(command.iter().cloned());
    let running = Running::start(&observed, data)?;
    call(data)?;
    scrape(status, before, times, None)?;
    running.end()?;
    let text = fs::read_to_string(file.path())?;
    let summary = text.lines().find_map(|line| line.strip_prefix("summary: "));
    Ok(summary.ok_or("callgrind wrote no summary")?.trim().parse()?)
}
