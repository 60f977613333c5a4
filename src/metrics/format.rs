//! In which of Prometheus's two text formats does a scraper want the metrics?
//!
//! OpenMetrics where it asks for it, as Prometheus does; else the older format, which curl, promtool
//! and most agents expect.

use http::HeaderValue;

const OPEN_METRICS: &str = "application/openmetrics-text";
const PLAIN: &str = "text/plain";

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The format of Prometheus, version 0.0.4.
    Plain,
}

impl Format {
    /// The one that `Accept` prefers; of two that are as welcome OpenMetrics.
    pub(super) fn wanted(accept: Option<&HeaderValue>) -> Self {
        let accept = accept.and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let weight = |name: &str| {
            let ranges = accept.split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                if !parts.next()?.eq_ignore_ascii_case(name) {
                    return None;
                }
                let weight = parts.find_map(|part| part.strip_prefix("q="));
                Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
            });
            ranges.fold(0.0, f64::max)
        };
        let open = weight(OPEN_METRICS);
        if open > 0.0 && open >= weight(PLAIN) { Self::OpenMetrics } else { Self::Plain }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Writes OpenMetrics in the older format. Samples are the same in both; a family of counters is named
/// like its samples there, an info is a gauge, and there are no units and no end.
pub(super) fn plain(open: &str) -> String {
    let mut written = String::with_capacity(open.len() + 4096);
    let mut help = None;
    for line in open.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(_), text) => help = Some(text.unwrap_or_default()),
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    other => ("", other),
                };
                let help = help.take().unwrap_or_default();
                for line in [
                    ["# HELP ", name, suffix, " ", help, "\n"],
                    ["# TYPE ", name, suffix, " ", kind, "\n"],
                ] {
                    line.into_iter().for_each(|part| written.push_str(part));
                }
            }
            (Some("#"), ..) => {}
            _ => {
                written.push_str(line);
                written.push('\n');
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_gets_openmetrics_and_whoever_does_not_ask_the_older_format() {
        let wanted = |accept: &'static str| Format::wanted(Some(&HeaderValue::from_static(accept)));
        for of_prometheus in [
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;\
             q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
            "Application/OpenMetrics-Text",
        ] {
            assert_eq!(wanted(of_prometheus), Format::OpenMetrics, "{of_prometheus}");
        }
        for other in [
            "*/*",
            "text/html",
            "text/plain;version=0.0.4",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.3,text/plain;q=0.6",
            "application/openmetrics-text;q=nonsense",
        ] {
            assert_eq!(wanted(other), Format::Plain, "{other}");
        }
        assert_eq!(Format::wanted(None), Format::Plain);
    }

    #[test]
    fn the_older_format_names_a_family_like_its_samples() {
        let open = "# HELP a_requests Answers.\n# TYPE a_requests counter\n\
                    a_requests_total{of=\"# HELP it\"} 2\n# HELP a_build What runs.\n\
                    # TYPE a_build info\na_build_info{version=\"1\"} 1\n# HELP a_seconds Time.\n\
                    # TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 0.5\n# EOF\n";
        let older = "# HELP a_requests_total Answers.\n# TYPE a_requests_total counter\n\
                     a_requests_total{of=\"# HELP it\"} 2\n# HELP a_build_info What runs.\n\
                     # TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
                     # HELP a_seconds Time.\n# TYPE a_seconds gauge\na_seconds 0.5\n";
        assert_eq!(plain(open), older);
    }
}
