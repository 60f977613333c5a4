//! What does a transcription tell once it has ended?
//!
//! Everything is drawn from the transcription's id: the same job always tells the same story.

use serde_json::{Value, json};

use super::clock::iso;
use super::configurations::ExtractionField;
use super::criteria::{Criterion, Kind};
use super::evaluators::Evaluator;
use super::transcriptions::{Status, Transcription};

/// The language that every simulated call is held in.
pub(crate) const LANGUAGE: &str = "en";
/// How many people every simulated call has.
pub(crate) const SPEAKERS: u32 = 2;
const GREETING: &str = "Hello, this is a simulated call, how can I help you?";

/// `details`. The shapes in progress and after a failure are not published: what is known then.
pub(crate) fn of(transcription: &Transcription) -> Value {
    let created_at = iso(transcription.created);
    let ended = transcription.ended.map(iso);
    match transcription.status {
        Status::InProgress => json!({ "created_at": created_at }),
        Status::Failed => json!({
            "created_at": created_at,
            "completed_at": ended,
            "error": "The audio could not be processed",
        }),
        Status::Completed => {
            let configuration = &transcription.configuration;
            let summary = json!({ "summary": "The caller asked about a simulated bill." });
            let fields = &configuration.extraction_fields;
            let values: Vec<_> =
                fields.iter().map(|field| value_of(transcription, field)).collect();
            json!({
                "language": LANGUAGE,
                "num_speakers": SPEAKERS,
                "created_at": created_at,
                "completed_at": ended,
                "conversation": { "segments": [
                    { "text": GREETING, "speaker": "SPEAKER_00" },
                    { "text": "I have a question on my bill.", "speaker": "SPEAKER_01" },
                ] },
                "summary": if configuration.summary { summary } else { Value::Null },
                "fields": if fields.is_empty() { Value::Null } else { json!({ "fields": values }) },
                // The value without an evaluator is not published.
                "evaluation": transcription.evaluator.as_ref().map(|evaluator| {
                    evaluation(evaluator, Verdict::on(transcription, evaluator), ended.as_deref())
                }),
            })
        }
    }
}

/// A number below `sides`, always the same for the same id and purpose.
pub(crate) fn draw(id: &str, purpose: u32, sides: u32) -> u32 {
    let mut seed = purpose.to_le_bytes().to_vec();
    seed.extend(id.as_bytes());
    crc32fast::hash(&seed).checked_rem(sides).unwrap_or_default()
}

/// What was found for one extraction field: one in five stays empty.
pub(crate) fn found(transcription: &Transcription, field: &ExtractionField) -> Value {
    let purpose = crc32fast::hash(field.name.as_bytes());
    let drawn = draw(&transcription.id, purpose, 5);
    match (drawn, field.kind.as_str()) {
        (0, _) => Value::Null,
        (_, "number") => json!(drawn),
        (_, "boolean") => json!(drawn > 2),
        (_, "array") => json!(["first", "second"]),
        _ => json!(format!("A-20{drawn}")),
    }
}

fn value_of(transcription: &Transcription, field: &ExtractionField) -> Value {
    json!({ "name": field.name, "value": found(transcription, field) })
}

/// How one call did under one evaluator.
#[derive(Debug)]
pub(crate) struct Verdict<'a> {
    pub(crate) score: f64,
    pub(crate) critical_fail: bool,
    pub(crate) marks: Vec<Mark<'a>>,
}

/// How one call did under one criterion.
#[derive(Debug)]
pub(crate) struct Mark<'a> {
    pub(crate) criterion: &'a Criterion,
    raw: u32,
    points: f64,
    pub(crate) failed: bool,
}

impl<'a> Verdict<'a> {
    pub(crate) fn on(transcription: &Transcription, evaluator: &'a Evaluator) -> Self {
        let drawn = |criterion: &Criterion| {
            let purpose = crc32fast::hash(criterion.id.as_bytes());
            draw(&transcription.id, purpose, 10)
        };
        let mark = |criterion| Mark::of(criterion, drawn(criterion));
        let marks: Vec<_> = evaluator.criteria.iter().map(mark).collect();
        let strict = marks.iter().filter(|mark| mark.criterion.kind == Kind::Strict);
        Self {
            score: marks.iter().map(|mark| mark.points).sum(),
            critical_fail: strict.into_iter().any(|mark| mark.failed),
            marks,
        }
    }

    /// The names of the criteria that it failed.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &'a str> {
        self.marks.iter().filter(|mark| mark.failed).map(|mark| mark.criterion.name.as_str())
    }
}

impl<'a> Mark<'a> {
    /// Boolean: all or nothing. Scale: 1 to 5, below 3 fails. Strict: no points, only the flag.
    fn of(criterion: &'a Criterion, drawn: u32) -> Self {
        let weight = criterion.points();
        let passed = drawn >= 2;
        let (raw, points, failed) = match criterion.kind {
            Kind::Boolean => (u32::from(passed), if passed { weight } else { 0.0 }, !passed),
            Kind::Strict => (u32::from(passed), 0.0, !passed),
            Kind::Scale => {
                let raw = drawn / 2 + 1;
                (raw, f64::from(raw) / 5.0 * weight, raw < 3)
            }
        };
        Self { criterion, raw, points, failed }
    }
}

/// `status` and a passed criterion's `PASS` are guesses: only `FAIL` was seen.
fn evaluation(evaluator: &Evaluator, verdict: Verdict<'_>, generated_at: Option<&str>) -> Value {
    let result = |mark: &Mark<'_>| {
        json!({
            "criteria_id": mark.criterion.id,
            "name": mark.criterion.name,
            "type": mark.criterion.kind,
            "max_weight": mark.criterion.weight,
            "score_raw_ai": mark.raw,
            "score_obtained": mark.points,
            "status": if mark.failed { "FAIL" } else { "PASS" },
            "reasoning": "Drawn by the simulator.",
            "quote": GREETING,
        })
    };
    json!({
        "score": verdict.score,
        "critical_fail": verdict.critical_fail,
        "status": "COMPLETED",
        "breakdown": {
            "evaluator_id": evaluator.evaluator_id,
            "evaluator_tag": evaluator.tag,
            "generated_at": generated_at,
            "language_used": LANGUAGE,
            "final_score": verdict.score,
            "critical_fail_triggered": verdict.critical_fail,
            "summary_feedback": "### Overview\n\nA simulated call.",
            "results": verdict.marks.iter().map(result).collect::<Vec<_>>(),
        },
    })
}
