//! What does the process itself use?
//!
//! Under the names that all Prometheus clients use, read from /proc; where there is none, they are
//! left out.

use std::fmt;
use std::fs;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

/// The clock ticks of /proc/self/stat; Linux fixes them at 100 for all that read it.
const TICKS: f64 = 100.0;
/// Memory is counted in kilobytes in /proc/self/status.
const KILOBYTE: u64 = 1024;

#[derive(Debug)]
pub(super) struct Process {
    pub(super) started: SystemTime,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        type NoLabels = Vec<(&'static str, &'static str)>;
        if let Some(seconds) = cpu() {
            let help = "CPU time, of user and system.";
            let kind = MetricType::Counter;
            let mut metric = encoder.encode_descriptor("process_cpu_seconds", help, None, kind)?;
            metric.encode_counter::<NoLabels, _, u64>(&seconds, None)?;
        }
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Memory in use.", kilobytes("VmRSS:")),
            ("process_virtual_memory_bytes", "Addresses in use.", kilobytes("VmSize:")),
            ("process_threads", "Threads.", of_status("Threads:")),
            ("process_open_fds", "Open file descriptors.", open_files()),
            ("process_max_fds", "As many as there may be.", most_files()),
            ("process_start_time_seconds", "When it started.", Some(started.as_secs())),
        ] {
            if let Some(value) = value {
                let value = i64::try_from(value).unwrap_or(i64::MAX);
                encoder
                    .encode_descriptor(name, help, None, MetricType::Gauge)?
                    .encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}

fn cpu() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<f64>().ok()?, fields.next()?.parse::<f64>().ok()?);
    Some((user + system) / TICKS)
}

fn of_status(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kilobytes(field: &str) -> Option<u64> {
    Some(of_status(field)? * KILOBYTE)
}

fn open_files() -> Option<u64> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

/// The soft limit; the hard one is the next number.
fn most_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
