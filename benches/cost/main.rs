//! What does a request cost, next to a bare hyper forwarder, nginx and HAProxy?
//!
//! `cargo bench --bench cost` runs the real binary and its peers one after another on one core, with
//! load and upstream on the other, and prints CPU time, instructions, system calls and memory. nginx,
//! HAProxy, valgrind, strace and taskset are used where they are installed. Absolute times depend on
//! the machine; ratios within one run and instruction counts hold. Behind `--`, the words `cpu`,
//! `instructions`, `observing`, `calls`, `memory` and `idle` choose a part of the report.
//!
//! Cargo builds floor and gateway with the features of the tests, tokio's paused clock among them: that
//! is some 500 instructions more than what is shipped.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a report for people; what fails in it may end it"
)]

mod floor;
mod idle;
mod load;
mod peers;
#[allow(dead_code, reason = "the report on the admin API uses more of it")]
mod process;
mod stub;

use std::error::Error;

use load::Load;
use peers::Subject;
use process::Running;

const CONNECTIONS: usize = 32;
const WARM_UP: usize = 2_000;
const REQUESTS: usize = 20_000;
const ROUNDS: usize = 5;
/// Two runs under valgrind or strace; their difference is free of start-up and warm-up.
const COUNTED: [usize; 2] = [1_000, 4_000];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--as-floor") {
        return floor::run(arguments[place + 1].parse()?, arguments[place + 2].parse()?);
    }
    // `cargo test --benches` only wants to know that it starts.
    if arguments.iter().any(|argument| argument == "--test") {
        return Ok(());
    }
    process::pin_self();
    let upstream = stub::start()?;
    let folder = std::env::temp_dir().join(format!("heify-gateway-cost-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let subjects = peers::all(upstream, &folder)?;
    let wants = |what: &str| {
        let mut chosen = arguments[1..].iter().filter(|word| !word.starts_with("--")).peekable();
        chosen.peek().is_none() || chosen.any(|word| word == what)
    };
    let outcome = report(&subjects, &wants).and_then(|()| match wants("observing") {
        true => observing(&peers::observing(upstream, &folder)?),
        false => Ok(()),
    });
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn report(subjects: &[Subject], wants: &dyn Fn(&str) -> bool) -> Result<(), Box<dyn Error>> {
    if wants("cpu") {
        cpu(subjects)?;
    }
    for subject in subjects.iter().filter(|subject| subject.counted) {
        if wants("instructions") && process::installed("valgrind") {
            count("instructions", subject, |run| subject.instructions(run))?;
        }
        if wants("calls") && process::installed("strace") {
            count("system calls", subject, |run| subject.system_calls(run))?;
        }
        if wants("memory") {
            memory(subject)?;
        }
        if wants("idle") {
            idle::report(subject)?;
        }
    }
    Ok(())
}

/// CPU time per request, in rounds over all subjects, so that what disturbs the machine disturbs all.
fn cpu(subjects: &[Subject]) -> Result<(), Box<dyn Error>> {
    println!("CPU time per request (user + kernel), {CONNECTIONS} connections, {ROUNDS} rounds");
    let mut times: Vec<Vec<Vec<f64>>> =
        subjects.iter().map(|subject| vec![Vec::new(); subject.loads.len()]).collect();
    let running: Vec<Running> = subjects.iter().map(Subject::start).collect::<Result<_, _>>()?;
    for _ in 0..ROUNDS {
        for ((subject, running), times) in subjects.iter().zip(&running).zip(&mut times) {
            for (load, times) in subject.loads.iter().zip(times) {
                load.run(subject.address, CONNECTIONS, WARM_UP)?;
                let before = running.cpu()?;
                load.run(subject.address, CONNECTIONS, REQUESTS)?;
                times.push((running.cpu()? - before).as_secs_f64() * 1e6 / REQUESTS as f64);
            }
        }
    }
    let floor = median(&times[0][0]);
    for (subject, times) in subjects.iter().zip(&times) {
        for (load, times) in subject.loads.iter().zip(times) {
            let time = median(times);
            let low = times.iter().copied().fold(f64::INFINITY, f64::min);
            let high = times.iter().copied().fold(0.0, f64::max);
            println!(
                "  {:<28} {:<22} {time:6.1} us  {:5.2} x floor   ({low:.1} to {high:.1})",
                subject.name,
                load.name,
                time / floor
            );
        }
    }
    Ok(())
}

fn count(
    what: &str,
    subject: &Subject,
    counted: impl Fn(&dyn Fn() -> load::Outcome) -> Result<u64, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    for load in &subject.loads {
        let each = each(subject, load, &counted)?;
        println!("{what:<13} {:<28} {:<22} {each:9.1} per request", subject.name, load.name);
    }
    Ok(())
}

/// So much of what is counted is one request.
fn each(
    subject: &Subject,
    load: &Load,
    counted: impl Fn(&dyn Fn() -> load::Outcome) -> Result<u64, Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let total = |requests: usize| counted(&|| load.run(subject.address, 4, requests));
    let (few, many) = (total(COUNTED[0])?, total(COUNTED[1])?);
    Ok(many.saturating_sub(few) as f64 / (COUNTED[1] - COUNTED[0]) as f64)
}

/// What it costs to be told what happens, next to the first of these. The counters of the metrics are
/// in all of them: they cannot be switched off.
fn observing(subjects: &[Subject]) -> Result<(), Box<dyn Error>> {
    if !process::installed("valgrind") {
        return Ok(());
    }
    let mut first = None;
    for subject in subjects {
        let each = each(subject, &subject.loads[0], |run| subject.instructions(run))?;
        let more = 100.0 * (each / *first.get_or_insert(each) - 1.0);
        println!(
            "observing     {:<40} {each:9.1} instructions per request  {more:+5.1} %",
            subject.name
        );
    }
    Ok(())
}

fn memory(subject: &Subject) -> Result<(), Box<dyn Error>> {
    let running = subject.start()?;
    subject.loads[0].run(subject.address, 1, 10)?;
    let idle = running.pss()?;
    let open = load::open(subject.address, 1_000)?;
    subject.loads[0].run(subject.address, 1, 10)?;
    let connected = running.pss()?;
    drop(open);
    println!(
        "memory        {:<28} {:.1} MiB idle, {:.1} KiB per idle connection",
        subject.name,
        idle as f64 / 1024.0,
        connected.saturating_sub(idle) as f64 / 1_000.0
    );
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The requests that every subject gets.
fn forwarded() -> Load {
    Load::new("forwarded", 201, ("/submit", peers::KEY, stub::BODY))
}

fn refused() -> Load {
    Load::new("refused (wrong key)", 403, ("/submit", peers::WRONG_KEY, stub::BODY))
}

/// The requests that only the gateway tells apart.
fn limited() -> Load {
    Load::new("refused (rate)", 429, ("/submit", peers::SLOW_KEY, stub::BODY))
}

fn read() -> Load {
    Load::new("read of an own object", 201, ("/get-transcription", peers::KEY, stub::READ))
}
