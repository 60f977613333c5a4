//! What was lost of what should have been told?

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::write::counter;
use crate::log::Lines;

#[derive(Debug, Clone)]
pub(super) struct Observing {
    pub(super) lines: Lines,
}

impl Collector for Observing {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Lines of the log that were lost, because nobody took them away.";
        let kind = MetricType::Counter;
        let metric = encoder.encode_descriptor("log_dropped_lines", help, None, kind)?;
        counter(metric, self.lines.lost())
    }
}
