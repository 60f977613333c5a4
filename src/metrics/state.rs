//! How is the state of the gateway itself written: what is full, what is durable, what is loaded?

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::MetricType;

use super::Present;
use super::books::Book;
use super::write::{
    Encoder, Labels, count, counter, counters, gauges, histogram, histograms, labeled_gauges,
    number, optional_gauge,
};
use crate::alerts::Count;
use crate::pace::Paces;
use crate::records::{Moment, QUEUE, Records, State};
use crate::stack::Levels;
use crate::version::{COMMIT, VERSION};

/// Whether the gateway wants requests.
pub(super) fn readiness(encoder: Encoder<'_, '_>, checks: &[(&str, bool)]) -> fmt::Result {
    let series = checks.iter().map(|(check, passes)| {
        let labels: Labels<'_> = vec![("check", check)];
        (labels, f64::from(u8::from(*passes)))
    });
    let help = "1 where a check of /readyz passes; the gateway is ready when all of them do.";
    labeled_gauges(encoder, ("ready", help), series)
}

/// How full the rooms are.
pub(super) fn levels(encoder: Encoder<'_, '_>, levels: &Levels) -> fmt::Result {
    let waiting = count(levels.paces().map_or(0, Paces::waiting));
    gauges(
        encoder,
        &[
            ("requests_in_flight", "Requests between head and answer.", count(levels.in_flight())),
            (
                "requests_in_flight_limit",
                "As many as there may be.",
                count(levels.in_flight_limit()),
            ),
            ("body_bytes", "Bytes of request bodies in memory.", count(levels.body_bytes())),
            ("body_bytes_limit", "As many as there may be.", count(levels.body_bytes_limit())),
            ("list_bytes", "Bytes of lists in memory.", count(levels.list_bytes())),
            ("list_bytes_limit", "As many as there may be.", count(levels.list_bytes_limit())),
            ("uploads_in_progress", "Files on their way to storage.", count(levels.uploads())),
            (
                "uploads_in_progress_limit",
                "As many as there may be.",
                count(levels.uploads_limit()),
            ),
            ("account_rate_waiting_requests", "Calls that wait for the account's rate.", waiting),
        ],
    )?;
    let help = "Upload addresses that were left as they were.";
    counters(encoder, &[("uploads_not_relayed", help, levels.uploads_unchanged())])
}

/// The way to the upstream.
pub(super) fn upstream(encoder: Encoder<'_, '_>, levels: &Levels) -> fmt::Result {
    let connected = levels.upstream_connections();
    let paused = i64::from(levels.upstream_is_paused());
    gauges(
        encoder,
        &[
            ("upstream_paused", "1 while no call is sent, because none could connect.", paused),
            ("upstream_connections_open", "Connections to the upstream.", number(connected.open)),
            (
                "upstream_connections_idle",
                "Those of HTTP/1 without a call.",
                number(connected.idle),
            ),
        ],
    )?;
    counters(
        encoder,
        &[
            ("upstream_connections_opened", "All that were made.", connected.opened),
            ("upstream_connect_failures", "Attempts that failed.", connected.failed),
        ],
    )
}

/// Looks at files before their calls are forwarded.
pub(super) fn preflights(encoder: Encoder<'_, '_>, levels: &Levels) -> fmt::Result {
    let help = "Looks at files before a call is forwarded, by how they ended.";
    let mut family = encoder.encode_descriptor("preflights", help, None, MetricType::Counter)?;
    for (outcome, count) in levels.preflights().iter().flat_map(|counts| counts.read()) {
        let labels: Labels<'_> = vec![("outcome", outcome.as_str())];
        counter(family.encode_family(&labels)?, count)?;
    }
    Ok(())
}

/// The configuration and the certificate.
pub(super) fn config(encoder: Encoder<'_, '_>, present: &Present) -> fmt::Result {
    let loaded = number(seconds(present.loaded));
    gauges(
        encoder,
        &[
            ("config_version", "How often a configuration was loaded.", number(present.version)),
            (
                "config_last_reload_successful",
                "1 unless the last one was refused.",
                i64::from(present.succeeded),
            ),
            (
                "config_last_reload_success_timestamp_seconds",
                "When the one in use was loaded.",
                loaded,
            ),
        ],
    )?;
    let help = "Configurations that were refused.";
    counters(encoder, &[("config_reload_failures", help, present.failures)])?;
    let name = "tls_certificate_not_after_timestamp_seconds";
    let help = "Until when the certificate of the data port is valid.";
    let until = present.in_use.certificate_ends.map(|ends| seconds(ends) as f64);
    optional_gauge(encoder, (name, help), until)?;
    let help = "What is running.";
    let mut info = encoder.encode_descriptor("build", help, None, MetricType::Info)?;
    info.encode_info(&vec![("version", VERSION), ("commit", COMMIT)])
}

/// The records; without any, they are well and empty.
pub(super) fn records(
    encoder: Encoder<'_, '_>,
    records: Option<&Records>,
    file: Option<&Path>,
    read: Option<Moment>,
) -> fmt::Result {
    let healthy = records.is_none_or(Records::is_healthy);
    let fares = records.map(Records::fares).unwrap_or_default();
    gauges(
        encoder,
        &[
            ("records_healthy", "0 while records cannot be written.", i64::from(healthy)),
            ("records_queue_limit", "As many jobs as may wait for a thread.", count(QUEUE)),
        ],
    )?;
    let queues = records.map(|_| [("write", fares.writes), ("read", fares.reads)]);
    let queues = queues.iter().flatten().map(|(queue, waiting)| {
        let labels: Labels<'_> = vec![("queue", queue)];
        (labels, *waiting as f64)
    });
    let help = "Jobs that wait for the thread of the records which writes, or which reads.";
    labeled_gauges(encoder, ("records_queue_jobs", help), queues)?;
    counters(
        encoder,
        &[
            ("records_commits", "Transactions of the records.", fares.commits),
            ("records_jobs", "Jobs that they carried.", fares.jobs),
            ("records_commit_failures", "Transactions that failed.", fares.failures),
            (
                "records_uncounted_calls",
                "Calls that passed while none could be counted.",
                fares.uncounted,
            ),
            (
                "records_unresolved_calls",
                "Calls that were closed by policy, because nobody told what became of them.",
                fares.unresolved,
            ),
        ],
    )?;
    let help = "From the begin of a transaction until it is durable.";
    histogram(histograms(encoder, "records_commit_duration", help)?, &fares.commit)?;
    let help = "The file of the records.";
    optional_gauge(encoder, ("records_file_bytes", help), file.and_then(size))?;
    let log = file.map(|file| {
        let mut name = file.as_os_str().to_owned();
        name.push("-wal");
        name
    });
    let help = "The log beside it.";
    optional_gauge(encoder, ("records_log_bytes", help), log.and_then(|log| size(log.as_ref())))?;
    let help = "When limits, audio and reservations were read from the records: a scrape does not \
                wait for them.";
    let read = read.map(|read| (read.0 / 1000) as f64);
    optional_gauge(encoder, ("records_read_timestamp_seconds", help), read)
}

fn size(file: &Path) -> Option<f64> {
    fs::metadata(file).ok().map(|found| found.len() as f64)
}

/// What is not settled.
pub(super) fn reservations(encoder: Encoder<'_, '_>, book: &Book, now: Moment) -> fmt::Result {
    let known = book.read.is_some();
    let of = |state| book.unclosed.iter().find(move |one| one.state == state);
    let states = [State::Open, State::Lost, State::Bound].into_iter().filter(|_| known);
    let counts = states.map(|state| {
        let labels: Labels<'_> = vec![("state", state.as_str())];
        (labels, of(state).map_or(0.0, |one| one.count as f64))
    });
    let help = "Calls that are not closed: open, on their way; lost, nobody knows what became of \
                them; bound, their jobs are not settled.";
    labeled_gauges(encoder, ("reservations", help), counts)?;
    let late = || book.unclosed.iter().filter(|one| one.state != State::Open);
    let overdue = known.then(|| late().map(|one| one.overdue).sum::<u64>() as f64);
    let help = "Calls that are not closed although the deadline of settling is over.";
    optional_gauge(encoder, ("reservations_overdue", help), overdue)?;
    let oldest = late().map(|one| one.oldest).min();
    let lag = oldest.map_or(Duration::ZERO, |oldest| oldest.until(now)).as_secs_f64();
    let help = "The age of the oldest call that is answered or lost, and not settled.";
    optional_gauge(encoder, ("settlement_lag_seconds", help), known.then_some(lag))
}

/// What webhooks were told.
pub(super) fn alerts(encoder: Encoder<'_, '_>, present: &Present) -> fmt::Result {
    let counts = present.alerts.read();
    type Of = fn(&Count) -> u64;
    let families: [(&str, &str, Of); 3] = [
        ("alerts_sent", "Alerts that a webhook has taken.", |of| of.sent),
        ("alerts_attempts_failed", "Attempts that failed.", |of| of.attempts_failed),
        ("alerts_failed", "Alerts that were given up.", |of| of.failed),
    ];
    for (name, help, of) in families {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (webhook, count) in &counts {
            let labels: Labels<'_> = vec![("webhook", webhook)];
            counter(family.encode_family(&labels)?, of(count))?;
        }
    }
    let pending = counts.iter().map(|(webhook, count)| {
        let labels: Labels<'_> = vec![("webhook", webhook)];
        (labels, count.pending as f64)
    });
    labeled_gauges(encoder, ("alerts_pending", "Alerts that wait for their webhook."), pending)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
