//! What was lost of what should have been told?

use std::fmt;

use prometheus_client::metrics::MetricType;

use super::write::{Encoder, Labels, counter, counters};
use crate::log::Lines;
use crate::trace::Counts;

/// Lines of the log.
pub(super) fn lines(encoder: Encoder<'_, '_>, lines: Option<&Lines>) -> fmt::Result {
    let help = "Lines of the log that were lost, because nobody took them away.";
    counters(encoder, &[("log_dropped_lines", help, lines.map_or(0, Lines::lost))])
}

/// Spans; no series where none are exported.
pub(super) fn spans(encoder: Encoder<'_, '_>, spans: Option<&Counts>) -> fmt::Result {
    let help = "Spans by what became of them: exported, dropped (there was no room), or failed (the \
                receiver has not taken them).";
    let mut family = encoder.encode_descriptor("spans", help, None, MetricType::Counter)?;
    let Some(spans) = spans else { return Ok(()) };
    for (outcome, count) in
        [("exported", spans.exported()), ("dropped", spans.dropped()), ("failed", spans.failed())]
    {
        let labels: Labels<'_> = vec![("outcome", outcome)];
        counter(family.encode_family(&labels)?, count)?;
    }
    Ok(())
}
