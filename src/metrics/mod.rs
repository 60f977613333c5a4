//! What does Prometheus read?
//!
//! The numbers of [`Traffic`] and the present levels of the gateway, read at each scrape and written
//! in the OpenMetrics text format. Names of endpoints and reasons come from closed sets; tenants are
//! named up to a bound, and are `other` beyond it, so that a scrape stays small however many there are.

mod process;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::alerts::{Count, Counts};
use crate::records::Records;
use crate::stack::Levels;
use crate::traffic::{BOUNDS, Buckets, EndpointMeter, Source, Traffic};

/// Tenants that have a name in the metrics.
const NAMED_TENANTS: usize = 200;
const PREFIX: &str = "heify_gateway";

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// All that is exported. Clones are the same handle.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Exported>);

#[derive(Debug)]
struct Exported {
    traffic: Arc<Traffic>,
    records: Option<Records>,
    present: Mutex<Present>,
    started: SystemTime,
}

/// What a reload changes.
#[derive(Debug, Clone)]
struct Present {
    levels: Levels,
    version: u64,
    loaded: SystemTime,
    succeeded: bool,
    failures: u64,
    /// What webhooks were told.
    alerts: Counts,
}

impl Metrics {
    /// Exports the traffic, and the levels of the configuration in use.
    pub fn new(
        traffic: Arc<Traffic>,
        levels: Levels,
        records: Option<Records>,
        now: SystemTime,
    ) -> Self {
        let (version, alerts) = (1, Counts::default());
        let present =
            Present { levels, version, loaded: now, succeeded: true, failures: 0, alerts };
        Self(Arc::new(Exported { traffic, records, present: Mutex::new(present), started: now }))
    }

    /// Another configuration is in use.
    pub fn reloaded(&self, levels: Levels, version: u64, now: SystemTime) {
        let mut present = self.0.present();
        *present = Present { levels, version, loaded: now, succeeded: true, ..present.clone() };
    }

    /// Webhooks are told things, and counted there.
    pub fn alerting(&self, counts: Counts) {
        self.0.present().alerts = counts;
    }

    /// The same configuration has other limits or keys.
    pub fn renewed(&self, levels: Levels) {
        self.0.present().levels = levels;
    }

    /// A configuration was refused, and the old one is in use.
    pub fn not_reloaded(&self) {
        let mut present = self.0.present();
        present.succeeded = false;
        present.failures += 1;
    }

    /// The text of a scrape.
    pub fn text(&self) -> String {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(Arc::clone(&self.0)));
        let mut written = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode_registry(&mut written, &registry);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process { started: self.0.started }));
        let _ = text::encode(&mut written, &registry);
        written
    }
}

impl Exported {
    fn present(&self) -> std::sync::MutexGuard<'_, Present> {
        // What is inside is whole between any two statements.
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Answers by endpoint, status, reason (empty for the upstream's) and source. \
                    Status 0 is any that Heify does not document.";
        let mut family = encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
        for endpoint in self.traffic.endpoints() {
            for answers in endpoint.answers() {
                let status = answers.status.to_string();
                let (source, reason) = match answers.source {
                    Source::Gateway(reason) => ("gateway", reason),
                    Source::Upstream => ("upstream", ""),
                };
                let labels: Labels<'_> = vec![
                    ("endpoint", &endpoint.path),
                    ("status", &status),
                    ("reason", reason),
                    ("source", source),
                ];
                counter(family.encode_family(&labels)?, answers.count)?;
            }
        }
        let help = "Requests whose clients went away before there was an answer.";
        let family = encoder.encode_descriptor("abandoned", help, None, MetricType::Counter)?;
        counter(family, self.traffic.abandoned())
    }

    fn durations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Of = fn(&EndpointMeter) -> Buckets;
        let families: [(&str, &str, Of); 3] = [
            (
                "own_duration",
                "The gateway's own time for a request, until the head of the answer; waiting for the \
                 client's body and for the account's rate included.",
                |endpoint| endpoint.own.read(),
            ),
            (
                "upstream_duration",
                "From sending a call to the head of the upstream's answer.",
                |endpoint| endpoint.upstream.read(),
            ),
            (
                "request_duration",
                "From the head of a request to the last byte of its answer.",
                |endpoint| endpoint.total.read(),
            ),
        ];
        let endpoints = self.traffic.endpoints();
        for (name, help, of) in families {
            let unit = Some(&Unit::Seconds);
            let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
            for endpoint in &endpoints {
                let read = of(endpoint);
                if read.count() > 0 {
                    let labels: Labels<'_> = vec![("endpoint", &endpoint.path)];
                    histogram(family.encode_family(&labels)?, &read)?;
                }
            }
        }
        Ok(())
    }

    fn tenants(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let tenants = self.traffic.tenants();
        let mut counted: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (place, tenant) in tenants.iter().enumerate() {
            let name = if place < NAMED_TENANTS { &*tenant.id } else { "other" };
            let line = counted.entry(name).or_default();
            line.0 += tenant.forwarded();
            line.1 += tenant.refused();
        }
        type Of = fn(&(u64, u64)) -> u64;
        let families: [(&str, &str, Of); 2] = [
            ("tenant_forwarded", "Calls of a tenant that were sent to the upstream.", |of| of.0),
            ("tenant_refused", "Answers to a tenant that the gateway made.", |of| of.1),
        ];
        for (name, help, of) in families {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (tenant, counts) in &counted {
                let labels: Labels<'_> = vec![("tenant", tenant)];
                counter(family.encode_family(&labels)?, of(counts))?;
            }
        }
        Ok(())
    }

    fn shadows(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut counted: BTreeMap<(String, Arc<str>, &str), u64> = BTreeMap::new();
        for (place, tenant) in self.traffic.tenants().iter().enumerate() {
            for (endpoint, reason, count) in tenant.shadowed() {
                let name = if place < NAMED_TENANTS { &*tenant.id } else { "other" };
                *counted.entry((name.to_owned(), endpoint, reason)).or_default() += count;
            }
        }
        let help = "Calls that exceeded a limit which is not enforced, by the refusal that it would \
                    have been.";
        let mut family =
            encoder.encode_descriptor("shadow_refusals", help, None, MetricType::Counter)?;
        for ((tenant, endpoint, reason), count) in &counted {
            let labels: Labels<'_> =
                vec![("tenant", tenant), ("endpoint", endpoint), ("reason", reason)];
            counter(family.encode_family(&labels)?, *count)?;
        }
        Ok(())
    }

    fn alerts(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.present().alerts.read();
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
        let help = "Alerts that wait for their webhook.";
        let mut family =
            encoder.encode_descriptor("alerts_pending", help, None, MetricType::Gauge)?;
        for (webhook, count) in &counts {
            let labels: Labels<'_> = vec![("webhook", webhook)];
            family.encode_family(&labels)?.encode_gauge(&number(count.pending))?;
        }
        Ok(())
    }

    fn levels(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let present = self.present().clone();
        let levels = &present.levels;
        let loaded = present.loaded.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let breaker = i64::from(levels.upstream_is_paused());
        let records = self.records.as_ref();
        let healthy = records.map_or(1, |records| i64::from(records.is_healthy()));
        for (name, help, value) in [
            ("in_flight", "Requests between head and answer.", count(levels.in_flight())),
            ("in_flight_limit", "As many as there may be.", count(levels.in_flight_limit())),
            ("body_bytes", "Bytes of request bodies in memory.", count(levels.body_bytes())),
            ("body_bytes_limit", "As many as there may be.", count(levels.body_bytes_limit())),
            ("list_bytes", "Bytes of lists in memory.", count(levels.list_bytes())),
            ("list_bytes_limit", "As many as there may be.", count(levels.list_bytes_limit())),
            ("upstream_paused", "1 while no call is sent, because none could connect.", breaker),
            ("config_version", "How often a configuration was loaded.", number(present.version)),
            (
                "config_last_reload_successful",
                "1 unless the last one was refused.",
                i64::from(present.succeeded),
            ),
            ("config_loaded_timestamp_seconds", "When it was loaded.", number(loaded.as_secs())),
            ("records_healthy", "0 while records cannot be written.", healthy),
        ] {
            let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            gauge.encode_gauge(&value)?;
        }
        let (commits, jobs) = records.map_or((0, 0), Records::commits);
        let uncounted = records.map_or(0, Records::uncounted);
        for (name, help, value) in [
            ("config_reload_failures", "Configurations that were refused.", present.failures),
            ("records_commits", "Transactions of the records.", commits),
            ("records_jobs", "Jobs that they carried.", jobs),
            (
                "records_uncounted_calls",
                "Calls that passed while none could be counted.",
                uncounted,
            ),
        ] {
            counter(encoder.encode_descriptor(name, help, None, MetricType::Counter)?, value)?;
        }
        let help = "What is running.";
        let mut info = encoder.encode_descriptor("build", help, None, MetricType::Info)?;
        info.encode_info(&vec![("version", env!("CARGO_PKG_VERSION"))])
    }
}

impl Collector for Exported {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.requests(&mut encoder)?;
        self.durations(&mut encoder)?;
        self.tenants(&mut encoder)?;
        self.shadows(&mut encoder)?;
        self.alerts(&mut encoder)?;
        self.levels(&mut encoder)
    }
}

fn counter(mut encoder: MetricEncoder<'_>, value: u64) -> fmt::Result {
    encoder.encode_counter::<Labels<'_>, _, u64>(&value, None)
}

fn histogram(mut encoder: MetricEncoder<'_>, read: &Buckets) -> fmt::Result {
    let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
    let bounds = BOUNDS.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(read.counts).collect();
    encoder.encode_histogram::<Labels<'_>>(seconds(read.sum), read.count(), &buckets, None)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
