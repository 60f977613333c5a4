//! Which faults can be scripted, and which one strikes next?

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::Value;

/// More scripts than a test needs, and still a bound.
const MOST_SCRIPTS: usize = 1000;
/// Beyond what any HTTP client takes as one header.
const OVERSIZED: usize = 1024 * 1024;
const MOST_OVERSIZED: usize = 16 * OVERSIZED;

/// Strikes the next calls of an endpoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    /// A path, known or not, or `*` for all of them.
    endpoint: String,
    #[serde(default = "once")]
    times: NonZeroU32,
    /// Whether the request is carried out before the fault replaces its answer: the answer is lost,
    /// the effect is not. Faults that show the true answer always carry it out.
    #[serde(default)]
    pub(crate) perform: bool,
    pub(crate) fault: Fault,
}

/// What goes wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// Another answer. A text is sent as it is, `null` as nothing, anything else as JSON.
    Status {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: Value,
    },
    /// The true answer, late.
    Delay { millis: u64 },
    /// The connection closes.
    Close {
        #[serde(default)]
        at: Place,
    },
    /// The connection is reset.
    Reset {
        #[serde(default)]
        at: Place,
    },
    /// The true answer, its body in small pieces.
    Drip { bytes: NonZeroUsize, interval_millis: u64 },
    /// No answer, and no end of the connection.
    Hang,
    /// Bytes that are no HTTP, then the end of the connection.
    Garbage,
    /// The true answer with one more header of so many bytes.
    OversizedHeader {
        #[serde(default = "oversized")]
        bytes: usize,
    },
    /// 200 with the request as it arrived.
    Echo,
}

/// Where a connection ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// Before any byte of the answer.
    #[default]
    Head,
    /// After the head and half of the true answer's body.
    Body,
}

fn once() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn oversized() -> usize {
    OVERSIZED
}

impl Script {
    /// Reads a script, or tells what is wrong with it.
    pub(crate) fn read(json: &[u8]) -> Result<Self, String> {
        let script: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        match &script.fault {
            Fault::Status { status, headers, .. } => {
                status_of(*status).ok_or("status: expected 200 to 599")?;
                headers_of(headers).ok_or("headers: expected valid header names and values")?;
            }
            Fault::OversizedHeader { bytes } if *bytes > MOST_OVERSIZED => {
                return Err(format!("bytes: expected at most {MOST_OVERSIZED}"));
            }
            _ => {}
        }
        Ok(script)
    }
}

/// A final status: 1xx are no answers.
pub(crate) fn status_of(status: u16) -> Option<StatusCode> {
    StatusCode::from_u16(status).ok().filter(|_| (200..600).contains(&status))
}

pub(crate) fn headers_of(headers: &BTreeMap<String, String>) -> Option<HeaderMap> {
    let pair = |(name, value): (&String, &String)| {
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    };
    headers.iter().map(pair).collect()
}

/// The scripts that wait, in the order in which they were written.
#[derive(Debug, Default)]
pub(crate) struct Scripts(Vec<Script>);

impl Scripts {
    /// Adds a script; `false` when there are too many.
    pub(crate) fn add(&mut self, script: Script) -> bool {
        let fits = self.0.len() < MOST_SCRIPTS;
        if fits {
            self.0.push(script);
        }
        fits
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes one stroke off the first script for this path.
    pub(crate) fn strike(&mut self, path: &str) -> Option<Script> {
        let meant = |script: &Script| script.endpoint == "*" || script.endpoint == path;
        let place = self.0.iter().position(meant)?;
        match NonZeroU32::new(self.0.get(place)?.times.get() - 1) {
            None => Some(self.0.remove(place)),
            Some(left) => {
                let script = self.0.get_mut(place)?;
                script.times = left;
                Some(script.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_strike_in_order_and_as_often_as_written() {
        let mut scripts = Scripts::default();
        for json in [
            r#"{"endpoint":"/submit","times":2,"fault":{"kind":"hang"}}"#,
            r#"{"endpoint":"*","fault":{"kind":"echo"}}"#,
        ] {
            assert!(scripts.add(Script::read(json.as_bytes()).unwrap()));
        }
        let mut next = || scripts.strike("/submit").map(|script| script.fault);
        assert!(matches!(next(), Some(Fault::Hang)));
        assert!(matches!(next(), Some(Fault::Hang)));
        assert!(matches!(next(), Some(Fault::Echo)));
        assert!(next().is_none());
    }

    #[test]
    fn a_script_that_cannot_be_played_is_refused() {
        for json in [
            r#"{"endpoint":"*","fault":{"kind":"explode"}}"#,
            r#"{"endpoint":"*","fault":{"kind":"status","status":99}}"#,
            r#"{"endpoint":"*","fault":{"kind":"status","status":200,"headers":{"a b":"c"}}}"#,
            r#"{"endpoint":"*","times":0,"fault":{"kind":"hang"}}"#,
        ] {
            assert!(Script::read(json.as_bytes()).is_err(), "{json}");
        }
    }
}
