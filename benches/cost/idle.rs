//! How often does a gateway wake up that nobody calls?
//!
//! Each time that a thread has waited and goes on counts, as the kernel counts it (voluntary context
//! switches). What is left has its reason: the control thread asks the records every 5 s whether a job
//! is to be settled, for which the reading thread wakes up, too, and looks at the stamps of the
//! configuration's files every 30 s; tokio's timers need about as many turns again. The threads of
//! the data path have no timer, and sleep.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::time::Duration;

use super::peers::Subject;
use super::process::Running;

/// After the start, until the first connection of the start itself has run out.
const SETTLES: Duration = Duration::from_secs(15);
const WATCHED: Duration = Duration::from_secs(10);

pub(crate) fn report(subject: &Subject) -> Result<(), Box<dyn Error>> {
    let running = subject.start()?;
    std::thread::sleep(SETTLES);
    let before = (switches(&running)?, running.cpu()?);
    std::thread::sleep(WATCHED);
    let after = (switches(&running)?, running.cpu()?);
    let mut woken = BTreeMap::new();
    for (thread, (name, switches)) in &after.0 {
        let earlier = before.0.get(thread).map_or(0, |(_, earlier)| *earlier);
        *woken.entry(name.as_str()).or_insert(0) += switches.saturating_sub(earlier);
    }
    let total: u64 = woken.values().sum();
    let woken: Vec<_> = woken.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!(
        "idle          {:<28} {total} wake-ups in {} s ({}), {:.1} ms of CPU",
        subject.name,
        WATCHED.as_secs(),
        woken.join(", "),
        (after.1 - before.1).as_secs_f64() * 1e3
    );
    Ok(())
}

type Switches = BTreeMap<std::path::PathBuf, (String, u64)>;

fn switches(running: &Running) -> Result<Switches, Box<dyn Error>> {
    let mut switches = BTreeMap::new();
    for thread in running.threads()? {
        let name = fs::read_to_string(thread.join("comm"))?.trim().to_owned();
        let status = fs::read_to_string(thread.join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        switches.insert(thread, (name, line.unwrap_or("0").trim().parse()?));
    }
    Ok(switches)
}
