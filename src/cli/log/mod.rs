//! What is logged, and how?
//!
//! To standard output, as containers expect it, unless that holds what a person reads or pastes: text
//! on a terminal, one JSON object per line elsewhere.

mod diagnostics;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::Duration;

use heify_gateway::config::{Log, LogFormat};
use heify_gateway::log::{AccessLog, Form, Lines};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, reload};

use self::diagnostics::Diagnostics;
use super::Global;

/// The gateway's own variable for the filter.
const VARIABLE: &str = "HEIFY_GATEWAY_LOG";
/// The variable that Rust programs share.
const SHARED_VARIABLE: &str = "RUST_LOG";
/// At the end of the process, how long to wait for who reads the log.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// The log, once it has been started.
pub(crate) struct Started {
    /// Its filter.
    pub(crate) filter: Filter,
    /// Where its lines go.
    pub(crate) lines: Lines,
}

impl Started {
    /// Who writes a line per request.
    pub(crate) fn access(&self) -> AccessLog {
        AccessLog::new(self.lines.clone())
    }
}

/// Waits, but not for long, until everything is written: the process ends.
pub(crate) fn end(lines: &Lines) {
    lines.flush(PATIENCE);
}

/// Starts to log, once per process.
///
/// # Errors
/// Says which filter cannot be understood, or that logging has been started before.
pub(crate) fn start(
    stream: Stream,
    log: Log,
    global: &Global,
    environment: &[(OsString, OsString)],
) -> Result<Started, String> {
    let filter = filter(log, global, environment)?;
    // The stream itself, without the buffer of the standard library and its lock.
    let (to, terminal) = match stream {
        Stream::Output => (io::stdout().as_fd().try_clone_to_owned(), io::stdout().is_terminal()),
        Stream::Error => (io::stderr().as_fd().try_clone_to_owned(), io::stderr().is_terminal()),
    };
    let form = match global.log_format.unwrap_or(log.format) {
        LogFormat::Auto if !terminal => Form::Json,
        LogFormat::Json => Form::Json,
        LogFormat::Auto | LogFormat::Text => Form::Text,
    };
    let lines = to.and_then(|to| Lines::start(File::from(to), form));
    let lines = lines.map_err(|error| format!("cannot log: {error}"))?;
    let (filter, handle) = reload::Layer::new(filter);
    let layer = Diagnostics { lines: lines.clone(), colors: terminal };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
    subscriber.try_init().map_err(|error| error.to_string())?;
    let filter: Filter = Box::new(move |to| {
        if let Some(to) = to {
            let filter = parse(to).ok_or_else(|| format!("level: {}", meant(OsStr::new(to))))?;
            handle.reload(filter).map_err(|error| error.to_string())?;
        }
        handle.with_current(ToString::to_string).map_err(|error| error.to_string())
    });
    Ok(Started { filter, lines })
}

/// Changes the filter of the log where one is given, and shows it.
pub(crate) type Filter = Box<dyn Fn(Option<&str>) -> Result<String, String> + Send>;

fn parse(text: &str) -> Option<EnvFilter> {
    // A lone word that is no level would name a target, and silence all others.
    let lone_word = text.chars().all(char::is_alphabetic);
    let is_meant = !lone_word || text.parse::<LevelFilter>().is_ok();
    is_meant.then(|| EnvFilter::try_new(text).ok()).flatten()
}

fn meant(text: &OsStr) -> String {
    format!("must be a level or a filter such as info,hyper=debug, not {text:?}")
}

/// `auto`, `text` or `json`.
pub(crate) fn parse_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be auto, text or json".to_owned()),
    }
}

/// The argument, else the gateway's variable, else the shared one, else the configuration.
fn filter(
    log: Log,
    global: &Global,
    environment: &[(OsString, OsString)],
) -> Result<EnvFilter, String> {
    let variable = |name: &str| {
        let found = environment.iter().find(|(candidate, _)| candidate == name);
        found.map(|(_, value)| value.as_os_str()).filter(|value| !value.is_empty())
    };
    let argument = global.log_level.as_deref().map(|level| ("--log-level", OsStr::new(level)));
    let given = argument
        .or_else(|| Some((VARIABLE, variable(VARIABLE)?)))
        .or_else(|| Some((SHARED_VARIABLE, variable(SHARED_VARIABLE)?)));
    let Some((source, text)) = given else {
        return Ok(EnvFilter::new(log.level.to_string()));
    };
    text.to_str().and_then(parse).ok_or_else(|| format!("{source}: {}", meant(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(level: Option<&str>, environment: &[(&str, &str)]) -> Result<String, String> {
        let log_level = level.map(str::to_owned);
        let global = Global { log_level, ..Global::default() };
        let environment: Vec<(OsString, OsString)> =
            environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        filter(Log::default(), &global, &environment).map(|filter| filter.to_string())
    }

    #[test]
    fn the_nearest_source_decides_on_the_level() {
        let both = [(SHARED_VARIABLE, "error"), (VARIABLE, "warn")];
        assert_eq!(chosen(None, &[]).unwrap(), "info");
        assert_eq!(chosen(None, &both[..1]).unwrap(), "error");
        assert_eq!(chosen(None, &both).unwrap(), "warn");
        assert_eq!(chosen(Some("debug"), &both).unwrap(), "debug");
        assert_eq!(chosen(None, &[(VARIABLE, "")]).unwrap(), "info");
    }

    #[test]
    fn a_filter_that_is_none_is_named_with_its_source() {
        for wrong in ["a=b=c", "loud"] {
            assert!(chosen(Some(wrong), &[]).unwrap_err().starts_with("--log-level: must be"));
        }
        assert_eq!(chosen(Some("info,hyper=debug"), &[]).unwrap(), "hyper=debug,info");
    }
}
