//! How are numbers written for Prometheus?

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::histogram::{BOUNDS, Buckets};

pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;
pub(super) type Encoder<'a, 'b> = &'a mut DescriptorEncoder<'b>;

/// Writes single counters.
pub(super) fn counters(encoder: Encoder<'_, '_>, of: &[(&str, &str, u64)]) -> fmt::Result {
    for (name, help, value) in of {
        counter(encoder.encode_descriptor(name, help, None, MetricType::Counter)?, *value)?;
    }
    Ok(())
}

/// Writes single gauges.
pub(super) fn gauges(encoder: Encoder<'_, '_>, of: &[(&str, &str, i64)]) -> fmt::Result {
    for (name, help, value) in of {
        let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        gauge.encode_gauge(value)?;
    }
    Ok(())
}

/// Writes a gauge of each of these labels.
pub(super) fn labeled_gauges<'l>(
    encoder: Encoder<'_, '_>,
    (name, help): (&str, &str),
    of: impl IntoIterator<Item = (Labels<'l>, f64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in of {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

/// Writes a gauge that there may be none of.
pub(super) fn optional_gauge(
    encoder: Encoder<'_, '_>,
    (name, help): (&str, &str),
    value: Option<f64>,
) -> fmt::Result {
    let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    value.map_or(Ok(()), |value| gauge.encode_gauge(&value))
}

pub(super) fn counter(mut encoder: MetricEncoder<'_>, value: u64) -> fmt::Result {
    encoder.encode_counter::<Labels<'_>, _, u64>(&value, None)
}

/// Begins a family of histograms of seconds.
pub(super) fn histograms<'e>(
    encoder: &'e mut DescriptorEncoder<'_>,
    name: &'e str,
    help: &str,
) -> Result<MetricEncoder<'e>, fmt::Error> {
    encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)
}

pub(super) fn histogram(mut encoder: MetricEncoder<'_>, read: &Buckets) -> fmt::Result {
    let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
    let bounds = BOUNDS.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(read.counts).collect();
    encoder.encode_histogram::<Labels<'_>>(seconds(read.sum), read.count(), &buckets, None)
}

pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
