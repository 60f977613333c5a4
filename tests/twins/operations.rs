//! What can be asked of Heify, with whose ids, and what does it make?

use fastrand::Rng;
use serde_json::{Value, json};

/// The four kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Configuration,
    Evaluator,
    Participant,
    Transcription,
}

pub const KINDS: [Kind; 4] =
    [Kind::Configuration, Kind::Evaluator, Kind::Participant, Kind::Transcription];

impl Kind {
    /// The field that names one.
    pub fn field(self) -> &'static str {
        match self {
            Self::Configuration => "configuration_id",
            Self::Evaluator => "evaluator_id",
            Self::Participant => "participant_id",
            Self::Transcription => "transcription_id",
        }
    }

    pub fn list(self) -> &'static str {
        match self {
            Self::Configuration => "/list-configurations",
            Self::Evaluator => "/list-evaluators",
            Self::Participant => "/list-participants",
            Self::Transcription => "/list-transcriptions",
        }
    }

    /// The paths that take the id of one such object, besides creations.
    pub fn named_by(self) -> &'static [&'static str] {
        match self {
            Self::Configuration => &[
                "/get-configuration",
                "/update-configuration",
                "/delete-configuration",
                "/analytics",
            ],
            Self::Evaluator => &[
                "/get-evaluator",
                "/update-evaluator",
                "/delete-evaluator",
                "/analytics-evaluator",
            ],
            Self::Participant => &[
                "/get-participant",
                "/update-participant",
                "/delete-participant",
                "/analytics-participant",
            ],
            Self::Transcription => {
                &["/get-transcription", "/update-transcription-group", "/delete-transcription"]
            }
        }
    }

    /// The paths that make one.
    pub fn made_by(self) -> &'static [&'static str] {
        match self {
            Self::Configuration => &["/create-configuration"],
            Self::Evaluator => &["/create-evaluator"],
            Self::Participant => &["/create-participant"],
            Self::Transcription => &["/submit", "/request-upload-url"],
        }
    }
}

/// The whole body of a call that names one object, valid in all but perhaps the id.
pub fn naming(path: &str, kind: Kind, id: &str, rng: &mut Rng) -> Value {
    let mut body = changes(path, rng);
    body[kind.field()] = id.into();
    body
}

fn changes(path: &str, rng: &mut Rng) -> Value {
    let number = rng.u32(0..1000);
    match path {
        "/update-configuration" => json!({
            "vocabulary": [format!("word-{number}")],
            "summary": rng.bool(),
            "extraction_fields": [{"name": "topic", "type": "string", "description": "About what?"}],
            "webhooks": {"success_url": format!("https://example.org/{number}")},
        }),
        "/update-evaluator" => json!({ "description": format!("description {number}") }),
        "/update-participant" => json!({ "metadata": { "number": number, "vip": true } }),
        "/update-transcription-group" => {
            let groups = ["PENDING_REVIEW", "UNDER_REVIEW", "ARCHIVED", ""];
            json!({ "group": rng.choice(groups).unwrap() })
        }
        _ => json!({}),
    }
}

/// The body of a creation; what is made by `/submit` and `/request-upload-url` names others.
pub fn making(path: &str, number: usize, rng: &mut Rng) -> Value {
    match path {
        "/create-configuration" => json!({ "tag": format!("c-{number}"), "summary": rng.bool() }),
        "/create-evaluator" => json!({ "tag": format!("e-{number}"), "criteria": criteria(rng) }),
        "/create-participant" => {
            json!({ "tag": format!(" p-{number} "), "metadata": { "number": number } })
        }
        "/submit" => {
            let seconds = rng.u32(1..600);
            let file = ["call.mp3", "fail.mp3", "call.wav"][rng.usize(0..3)];
            json!({ "url": format!("https://media.example.org/{file}?duration={seconds}.5") })
        }
        "/request-upload-url" => json!({ "name": format!("upload {number} é") }),
        _ => unreachable!("{path} makes nothing"),
    }
}

fn criteria(rng: &mut Rng) -> Value {
    let weights: &[u32] = [&[100][..], &[60, 40], &[50, 30, 20]][rng.usize(0..3)];
    let criterion = |(place, weight): (usize, &u32)| json!({ "name": format!("n-{place}"), "description": "Was it so?", "weight": weight });
    weights.iter().enumerate().map(criterion).collect()
}
