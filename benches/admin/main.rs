//! What does an answer of the admin API cost, after 90 days with 100 tenants?
//!
//! `cargo bench --bench admin` writes such a history into a file of records, starts the real binary on
//! it, lets it refuse calls of all tenants, and then asks for whatever the admin API and the dashboard
//! can show. The table has the CPU time of all threads of the gateway per answer; the wanted most is
//! 100 ms. taskset is used where it is installed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a report for people; what fails in it may end it"
)]

mod ask;
mod history;
#[path = "../cost/process.rs"]
#[allow(dead_code, reason = "the report on forwarding uses more of it")]
mod process;

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Instant;

use ask::Connection;
use history::History;
use process::Running;

/// What no answer should cost more than, in milliseconds.
const MOST: f64 = 100.0;
const TOKEN: &str = "a-token-for-the-bench-only";
/// As many as the gateway keeps of each of 100 tenants.
const REFUSED_EACH: usize = 100;
const WARM_UP: usize = 3;
const ASKED: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    process::pin_self();
    let folder = tempfile::tempdir()?;
    let began = Instant::now();
    let database = folder.path().join("records.db");
    let history = history::write(&database)?;
    println!(
        "{} tenants, {} days, {} jobs, {} lines of the journal ({:.1?})",
        history::TENANTS,
        history::DAYS,
        history.jobs,
        history.lines,
        began.elapsed()
    );
    let (data, admin) = (free()?, free()?);
    let file = folder.path().join("gateway.toml");
    fs::write(&file, configuration(data, admin, &database)?)?;
    let file = file.to_string_lossy();
    let command = [env!("CARGO_BIN_EXE_heify-gateway"), "--config", &file, "serve"];
    let running = Running::start(&command.map(str::to_owned), data)?;
    let refused = refuse(data)?;
    report(&running, admin, &history, &refused)
}

fn free() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// Nothing is forwarded, so the upstream is a port where nobody listens.
fn configuration(
    data: SocketAddr,
    admin: SocketAddr,
    database: &Path,
) -> Result<String, std::fmt::Error> {
    let mut config = format!(
        "[server]\nlisten = \"{data}\"\nworkers = 1\n\
         [status]\nlisten = \"{admin}\"\n[admin]\nlisten = \"{admin}\"\ntoken = \"{TOKEN}\"\n\
         [upstream]\nurl = \"http://127.0.0.1:9\"\napi_key = \"the-central-key-of-the-bench\"\n\
         [account]\nminutes = {{ monthly = 100_000_000 }}\n\
         [records]\nurl = \"sqlite://{}\"\n",
        database.display()
    );
    for tenant in 0..history::TENANTS {
        let (id, key) = (history::tenant(tenant), key(tenant));
        write!(
            config,
            "[[tenants]]\nid = \"{id}\"\nlabel = \"Team {tenant}\"\nkeys = [{{ key = \"{key}\" }}]\n\
             minutes = {{ monthly = 100_000 }}\n"
        )?;
    }
    Ok(config)
}

fn key(tenant: usize) -> String {
    format!("the-key-of-tenant-{tenant:03}")
}

/// Has each tenant refused, and gives the id of the last such request.
fn refuse(data: SocketAddr) -> Result<String, Box<dyn Error>> {
    let mut connection = Connection::open(data)?;
    let mut last = String::new();
    for tenant in 0..history::TENANTS {
        let fields = format!("x-api-key: {}\r\ncontent-type: application/json\r\n", key(tenant));
        for _ in 0..REFUSED_EACH {
            last = connection.ask("POST /submit", &fields, "{}")?.request;
        }
    }
    Ok(last)
}

/// What is asked for: a name, and the paths that are loaded together.
fn questions(
    history: &History,
    refused: &str,
) -> Result<Vec<(String, Vec<String>)>, std::io::Error> {
    let (from, to, full) = (&history.first_day, &history.last_day, &history.full_day);
    let id = history::tenant(history::TENANTS / 2);
    let (request, middle, month) = (&history.request, history.lines / 2, &history.month);
    let api = [
        "/openapi.json",
        "/session",
        "/overview",
        "/config",
        "/log-level",
        "/live",
        "/refusals",
        "/refusals?most=1000",
        &format!("/refusals?most=1000&tenant={id}"),
        &format!("/explain/{refused}"),
        &format!("/explain/{request}"),
        "/explain/nobody-sent-this",
        "/account",
        "/tenants",
        &format!("/tenants/{id}"),
        &format!("/tenants/{id}/limits"),
        "/keys",
        &format!("/keys?tenant={id}"),
        "/usage",
        &format!("/usage?month={month}&format=csv"),
        &format!("/usage?from={from}&to={to}"),
        &format!("/usage?from={from}&to={to}&format=csv"),
        &format!("/usage?from={from}&to={to}&tenant={id}"),
        &format!("/usage/jobs?from={to}"),
        &format!("/usage/jobs?month={month}&tenant={id}"),
        &format!("/usage/jobs?month={month}"),
        &format!("/usage/jobs?month={month}&format=csv"),
        &format!("/usage/jobs?from={full}&to={to}"),
        &format!("/usage/jobs?from={full}&to={to}&format=csv"),
        &format!("/usage/jobs?from={from}&to={to}&tenant={id}"),
        "/journal",
        &format!("/journal?after={middle}&most=1000"),
        "/audit",
        "/audit?most=1000",
        "/unresolved",
    ];
    let of_api = |path: &&str| (format!("GET {path}"), vec![format!("GET /admin/v1{path}")]);
    let mut questions: Vec<_> = api.iter().map(of_api).collect();
    let mut files = vec!["GET /".to_owned()];
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/dashboard/page");
    for folder in [page.clone(), page.join("vendor")] {
        for file in fs::read_dir(folder)? {
            let name = file?.file_name().to_string_lossy().into_owned();
            if [".js", ".css", ".svg"].iter().any(|kind| name.ends_with(kind)) {
                files.push(format!("GET /dashboard/{name}"));
            }
        }
    }
    questions.push((format!("the dashboard ({} files)", files.len()), files));
    Ok(questions)
}

fn report(
    running: &Running,
    admin: SocketAddr,
    history: &History,
    refused: &str,
) -> Result<(), Box<dyn Error>> {
    println!(
        "CPU time per answer (user + kernel), the mean of {ASKED}; at most {MOST} ms is wanted"
    );
    let mut connection = Connection::open(admin)?;
    let fields = format!("authorization: Bearer {TOKEN}\r\n");
    let mut ask = |paths: &[String], times: usize| -> Result<usize, Box<dyn Error>> {
        let mut size = 0;
        for path in paths.iter().cycle().take(paths.len() * times) {
            let answer = connection.ask(path, &fields, "")?;
            if answer.status != 200 {
                return Err(format!("{path}: {}", answer.status).into());
            }
            size += answer.size;
        }
        Ok(size / times)
    };
    for (name, paths) in questions(history, refused)? {
        ask(&paths, WARM_UP)?;
        let each = |time: std::time::Duration| time.as_secs_f64() * 1e3 / ASKED as f64;
        let (size, waited, took) = loop {
            let threads = running.threads()?;
            let (before, began) = (running.cpu()?, Instant::now());
            let size = ask(&paths, ASKED)?;
            let (waited, after) = (began.elapsed(), running.cpu()?);
            // An idle thread that ends takes its time along, and the difference would be too small.
            if running.threads()? == threads {
                break (size, each(waited), each(after.saturating_sub(before)));
            }
        };
        let verdict = if took > MOST { "  TOO MUCH" } else { "" };
        let size = size as f64 / 1024.0;
        println!("  {name:<64} {took:8.2} ms CPU {waited:8.2} ms {size:9.1} KiB{verdict}");
    }
    Ok(())
}
