//! How is what passes written: answers, times, tenants and connections?

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::metrics::MetricType;

use super::tenants::Names;
use super::write::{Encoder, Labels, counter, counters, gauges, histogram, histograms, number};
use crate::histogram::Buckets;
use crate::traffic::{Connected, EndpointMeter, Source, Traffic};

pub(super) fn requests(encoder: Encoder<'_, '_>, traffic: &Traffic) -> fmt::Result {
    let help = "Answers by endpoint, status, reason (empty for the upstream's) and source. \
                Status 0 is any that Heify does not document.";
    let mut family = encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
    for endpoint in traffic.endpoints() {
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
    counters(encoder, &[("requests_abandoned", help, traffic.abandoned())])
}

pub(super) fn durations(encoder: Encoder<'_, '_>, traffic: &Traffic) -> fmt::Result {
    type Of = fn(&EndpointMeter) -> Buckets;
    let families: [(&str, &str, Of); 3] = [
        (
            "own_duration",
            "The gateway's own time for a request, until the head of the answer; waiting for the \
             client's body, for a preflight and for the account's rate included.",
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
    let endpoints = traffic.endpoints();
    for (name, help, of) in families {
        let mut family = histograms(encoder, name, help)?;
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

pub(super) fn tenants(encoder: Encoder<'_, '_>, traffic: &Traffic, names: &Names) -> fmt::Result {
    let tenants = traffic.tenants();
    let mut counted: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for tenant in &tenants {
        let line = counted.entry(names.of(&tenant.id)).or_default();
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

pub(super) fn shadows(encoder: Encoder<'_, '_>, traffic: &Traffic, names: &Names) -> fmt::Result {
    let mut counted: BTreeMap<(String, Arc<str>, &str), u64> = BTreeMap::new();
    for tenant in traffic.tenants() {
        for (endpoint, reason, count) in tenant.shadowed() {
            let name = names.of(&tenant.id).to_owned();
            *counted.entry((name, endpoint, reason)).or_default() += count;
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

/// The connections of clients.
pub(super) fn connections(encoder: Encoder<'_, '_>, read: &Connected) -> fmt::Result {
    gauges(
        encoder,
        &[
            ("connections_open", "Connections of clients at the data port.", number(read.open)),
            ("connections_limit", "As many as there may be at once.", number(read.limit)),
        ],
    )?;
    counters(
        encoder,
        &[
            ("connections_accepted", "All connections that were served.", read.accepted),
            (
                "connections_delayed",
                "Connections that had to wait, because there were as many as there may be.",
                read.delayed,
            ),
            (
                "connections_accept_failures",
                "Attempts to accept a connection that failed, as for want of file descriptors.",
                read.not_accepted,
            ),
            (
                "tls_handshake_failures",
                "Connections of clients that ended before TLS was agreed on.",
                read.handshakes_failed,
            ),
        ],
    )?;
    let help = "Connections that were refused for what they sent in place of a request's head.";
    let name = "connections_refused";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (reason, count) in read.refused {
        let labels: Labels<'_> = vec![("reason", reason)];
        counter(family.encode_family(&labels)?, count)?;
    }
    Ok(())
}
