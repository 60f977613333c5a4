//! `check --live`: does the real upstream answer as the gateway expects?
//!
//! Three calls that cannot cost anything: an id that no transcription has, a body without its
//! required field, and a path that does not exist. What Heify does not promise (the exact shape of an
//! error at its edges) is a warning where it differs: the gateway rewrites such answers.

use std::io::{self, Write};

use heify_gateway::config::Settings;
use heify_gateway::contract::{Contract, Lookup};
use heify_gateway::refusal::is_envelope;
use heify_gateway::secret::Secret;
use heify_gateway::upstream::Upstream;
use http::{Method, StatusCode};

use super::Exit;
use super::call::{self, NoAnswer};

/// Reads one object, so it changes and costs nothing.
const READ: &str = "/get-transcription";
const NO_SUCH_ID: &str = r#"{"transcription_id":"00000000-0000-0000-0000-000000000000"}"#;
const MISSING: &str = "Missing required field: transcription_id";
const NO_SUCH_PATH: &str = "/heify-gateway-live-check";
/// An envelope has a few hundred bytes.
const LARGEST_BODY: usize = 64 * 1024;
/// The longest text of the upstream that is shown.
const LONGEST_TEXT: usize = 120;

/// Asks the upstream, and writes one line per finding.
pub(crate) fn run(
    settings: &Settings,
    contract: &Contract,
    out: &mut dyn Write,
) -> io::Result<Exit> {
    if !matches!(contract.find(READ, &Method::POST), Lookup::Found(_)) {
        let text = format!("--live knows only Heify's API; the contract has no {READ}");
        return conclude(&[Finding::wrong(text)], out);
    }
    let upstream = match call::upstream(&settings.upstream) {
        Ok(upstream) => upstream,
        Err(error) => return conclude(&[Finding::wrong(error.to_string())], out),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(ask(&upstream));
    // A resolver that still waits on another thread must not hold up the end.
    runtime.shutdown_background();
    conclude(&findings, out)
}

/// What was found out, and how much it matters.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    weight: Weight,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Fine,
    Odd,
    Wrong,
    Unreachable,
}

impl Finding {
    fn new(weight: Weight, text: impl Into<String>) -> Self {
        Self { weight, text: text.into() }
    }

    fn fine(text: impl Into<String>) -> Self {
        Self::new(Weight::Fine, text)
    }

    fn odd(text: impl Into<String>) -> Self {
        Self::new(Weight::Odd, text)
    }

    fn wrong(text: impl Into<String>) -> Self {
        Self::new(Weight::Wrong, text)
    }
}

fn conclude(findings: &[Finding], out: &mut dyn Write) -> io::Result<Exit> {
    for Finding { weight, text } in findings {
        let word = match weight {
            Weight::Fine => "ok  ",
            Weight::Odd => "warn",
            Weight::Wrong | Weight::Unreachable => "FAIL",
        };
        writeln!(out, "{word} {text}")?;
    }
    let any = |weight| findings.iter().any(|finding| finding.weight == weight);
    Ok(match (any(Weight::Unreachable), any(Weight::Wrong)) {
        (true, _) => Exit::Unreachable,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    })
}

/// One answer of the upstream, as far as it is judged.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    /// The text in Heify's envelope; `None`: the body is something else.
    text: Option<String>,
}

async fn ask(upstream: &Upstream) -> Vec<Finding> {
    let key = &upstream.settings().api_key;
    let mut findings = match call(upstream, READ, NO_SUCH_ID).await {
        Ok(answer) => vec![
            Finding::fine(format!("{} answers", upstream.settings().url)),
            judge_key(&answer, key),
        ],
        Err(finding) => vec![finding],
    };
    // Without an accepted key every further answer would say the same again.
    if findings.iter().any(|finding| matches!(finding.weight, Weight::Wrong | Weight::Unreachable))
    {
        return findings;
    }
    for (path, body, judge) in [
        (READ, "{}", judge_check as fn(&Answer, &Secret) -> Finding),
        (NO_SUCH_PATH, "{}", judge_path),
    ] {
        let answer = call(upstream, path, body).await;
        findings.push(answer.map_or_else(|finding| finding, |answer| judge(&answer, key)));
    }
    findings
}

/// What the answer to an unknown id says about the key.
fn judge_key(answer: &Answer, key: &Secret) -> Finding {
    let Answer { status, text } = answer;
    let said = said(answer, key);
    match (status.as_u16(), text) {
        (404, Some(_)) => Finding::fine("the central key is accepted"),
        (404, None) => Finding::wrong(format!(
            "this does not look like Heify: {READ} is unknown there: {said}"
        )),
        (401 | 403, _) => Finding::wrong(format!("the central key is rejected: {said}")),
        (402, _) => Finding::odd(format!("the account has no minutes left: {said}")),
        (429, _) => {
            Finding::wrong(format!("the account is over its rate; try again later: {said}"))
        }
        (400, Some(_)) => Finding::odd(format!(
            "the central key is accepted, but an unknown id is not answered with 404: {said}"
        )),
        (500..=599, _) => Finding::wrong(format!("the upstream is failing: {said}")),
        _ => Finding::wrong(format!("this does not look like Heify: an unknown id gets {said}")),
    }
}

/// What the answer to an empty object says.
fn judge_check(answer: &Answer, key: &Secret) -> Finding {
    match (answer.status.as_u16(), answer.text.as_deref()) {
        (400, Some(MISSING)) => {
            Finding::fine("a missing field is named with the published text, in Heify's envelope")
        }
        _ => Finding::odd(format!(
            "a missing field is not answered as published: expected 400 {MISSING:?}, not {}",
            said(answer, key)
        )),
    }
}

/// What the answer at an unknown path says.
fn judge_path(answer: &Answer, key: &Secret) -> Finding {
    match (answer.status.as_u16(), &answer.text) {
        (404, Some(_)) => Finding::fine("an unknown path gets 404, in Heify's envelope"),
        _ => Finding::odd(format!(
            "an unknown path is not answered with 404 in Heify's envelope: {}",
            said(answer, key)
        )),
    }
}

/// The status and the text, on one line, and never with the key in it.
fn said(answer: &Answer, key: &Secret) -> String {
    let status = answer.status.as_u16();
    match &answer.text {
        None => format!("{status} without the envelope"),
        Some(text) if text.contains(key.expose()) => format!("{status} with the key in its text"),
        Some(text) => {
            let start: String = text.chars().take(LONGEST_TEXT).collect();
            format!("{status} {start:?}")
        }
    }
}

/// One call, and what is to be said where there is no answer.
async fn call(
    upstream: &Upstream,
    path: &'static str,
    body: &'static str,
) -> Result<Answer, Finding> {
    let answer = call::call(upstream, &Method::POST, path, body, LARGEST_BODY).await;
    let (status, body) = answer.map_err(|error| {
        let weight = match error {
            NoAnswer::Late { .. } | NoAnswer::Unreachable { .. } => Weight::Unreachable,
            NoAnswer::Broken { .. } | NoAnswer::NoPath => Weight::Wrong,
        };
        Finding::new(weight, error.to_string())
    })?;
    // Too large or broken off: no envelope either way.
    let text = body.filter(|body| is_envelope(body)).and_then(|body| text(&body));
    Ok(Answer { status, text })
}

fn text(envelope: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(envelope).ok()?;
    Some(value.get("error")?.get("message")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, text: Option<&str>) -> Answer {
        Answer { status: StatusCode::from_u16(status).unwrap(), text: text.map(str::to_owned) }
    }

    #[test]
    fn only_what_proves_the_key_counts_as_accepted() {
        let key = Secret::new("the-central-key");
        let weight = |status, text| judge_key(&answer(status, text), &key).weight;
        assert_eq!(weight(404, Some("Transcription not found")), Weight::Fine);
        for (status, text) in
            [(404, None), (403, Some("Invalid API key")), (401, None), (200, None), (503, None)]
        {
            assert_eq!(weight(status, text), Weight::Wrong, "{status}");
        }
        assert_eq!(weight(402, None), Weight::Odd);
    }

    #[test]
    fn other_errors_than_the_published_ones_are_warnings() {
        let key = Secret::new("the-central-key");
        assert_eq!(judge_path(&answer(403, None), &key).weight, Weight::Odd);
        assert_eq!(judge_check(&answer(400, Some("Bad")), &key).weight, Weight::Odd);
    }

    #[test]
    fn a_text_with_the_key_in_it_is_not_shown() {
        let key = Secret::new("the-central-key");
        let found = judge_key(&answer(403, Some("wrong key: the-central-key")), &key);
        assert!(!found.text.contains("the-central-key"), "{found:?}");
        let found = judge_key(&answer(403, Some("a\u{1b}[2J\nb")), &key);
        assert!(!found.text.contains(['\u{1b}', '\n']), "{found:?}");
    }

    #[test]
    fn the_heaviest_finding_decides_on_the_exit() {
        let of = |weights: &[Weight]| {
            let findings: Vec<_> = weights.iter().map(|one| Finding::new(*one, "x")).collect();
            conclude(&findings, &mut Vec::new()).unwrap()
        };
        assert_eq!(of(&[Weight::Fine, Weight::Odd]), Exit::Done);
        assert_eq!(of(&[Weight::Fine, Weight::Wrong]), Exit::Failed);
        assert_eq!(of(&[Weight::Wrong, Weight::Unreachable]), Exit::Unreachable);
    }
}
