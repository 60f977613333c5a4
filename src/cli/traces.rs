//! Who exports spans while the gateway runs, and what is left at its end?

use std::time::Duration;

use heify_gateway::config::Settings;
use heify_gateway::trace::Tracer;

use super::gateway::StartError;

/// At the end of the process, how long to wait for the receiver of spans.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the exporter, where the configuration names a receiver.
#[cfg(feature = "otlp")]
pub(super) fn start(settings: &Settings) -> Result<Option<Tracer>, StartError> {
    use heify_gateway::otlp::Exporter;

    let Some(export) = &settings.traces else { return Ok(None) };
    let (tracer, left) = Tracer::new(export.ratio);
    let exporter = Exporter::new(export, &settings.upstream.url, &tracer, left);
    tokio::spawn(exporter.map_err(StartError::Traces)?.run());
    Ok(Some(tracer))
}

/// The configuration has refused what this build cannot do.
#[cfg(not(feature = "otlp"))]
pub(super) fn start(_: &Settings) -> Result<Option<Tracer>, StartError> {
    Ok(None)
}

/// Exports what is left, and says what could not be exported in time.
pub(super) async fn end(tracer: &Tracer) {
    let flushed = tokio::time::timeout(PATIENCE, tracer.flush()).await;
    let counts = tracer.counts();
    if flushed.is_err() {
        tracing::warn!(spans = counts.open(), "spans were not exported in time, and are lost");
    }
    let (exported, dropped, failed) = (counts.exported(), counts.dropped(), counts.failed());
    tracing::info!(exported, dropped, failed, "no more spans");
}
