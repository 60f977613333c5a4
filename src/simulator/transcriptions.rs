//! How does an account submit and keep transcriptions?
//!
//! No audio is ever fetched. What becomes of a job is read off its URL, or its name for an upload,
//! whose length is that of the file where it is a plain WAV:
//! - a path that contains `fail` ends as FAILED, any other as COMPLETED;
//! - `?duration=84.5` sets the length in seconds (over 7,200: FAILED); without it the length follows
//!   from the id;
//! - a path that ends like a document or an image is refused at once as no audio. Whether Heify
//!   refuses it at submit or fails the job is not published.

use std::time::Duration;

use http::Uri;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::account::Account;
use super::answer::{Outcome, Rejection, Success};
use super::clock::Moment;
use super::configurations::{self, Configuration};
use super::details;
use super::evaluators::{self, Evaluator};
use super::fields::{Fields, invalid, is_url};
use super::participants::{self, Participant};
use super::presigned::Signer;
use super::shelf::new_id;

/// Memory stays bounded however long a load test runs: beyond this the oldest is forgotten.
const MOST: usize = 10_000;
const LONGEST_MILLIS: i64 = 7_200_000;
const NOT_AUDIO: [&str; 24] = [
    "txt", "pdf", "doc", "docx", "xlsx", "pptx", "csv", "json", "xml", "html", "htm", "png", "jpg",
    "jpeg", "gif", "svg", "webp", "zip", "gz", "tar", "rar", "7z", "exe", "srt",
];

/// One job. It holds its templates as they were when it was made: deleting them changes nothing.
#[derive(Debug)]
pub(crate) struct Transcription {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) configuration: Configuration,
    pub(crate) evaluator: Option<Evaluator>,
    pub(crate) participant: Option<Participant>,
    pub(crate) name: Option<String>,
    pub(crate) group: Option<Group>,
    pub(crate) length_millis: i64,
    fate: Status,
    /// The file is not there yet.
    pub(crate) awaits_upload: bool,
    pub(crate) created: Timestamp,
    pub(crate) ended: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    InProgress,
    Completed,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Group {
    PendingReview,
    UnderReview,
    Archived,
}

pub(crate) fn submit(
    account: &mut Account,
    fields: Fields<'_>,
    now: Moment,
    processing: Duration,
) -> Outcome {
    fields.id("configuration_id")?;
    let url = fields.required_text("url", usize::MAX)?;
    if !is_url(url, &["http", "https"]) {
        return Err(invalid("url"));
    }
    let uri: Uri = url.parse().map_err(|_| invalid("url"))?;
    if ends_as_no_audio(uri.path()) {
        return Err(Rejection::UnsupportedAudio);
    }
    let mut made = prepare(account, fields, now)?;
    if let Some(length_millis) = uri.query().and_then(asked_length) {
        made.length_millis = length_millis;
    }
    let too_long = made.length_millis > LONGEST_MILLIS;
    made.fate = fate(uri.path(), too_long);
    let id = made.id.clone();
    account.start(made, now, processing);
    let message = "Transcription created successfully";
    Ok(Success::created(json!({ "message": message, "transcription_id": id })))
}

/// The job waits for its file at the address in the answer, for good if it never comes: what Heify
/// does with such jobs is not published. 402 is published for submit operations: this is taken to be one.
pub(crate) fn request_upload(
    account: &mut Account,
    fields: Fields<'_>,
    now: Moment,
    signer: &Signer,
) -> Outcome {
    let mut made = prepare(account, fields, now)?;
    made.fate = fate(made.name.as_deref().unwrap_or_default(), false);
    made.awaits_upload = true;
    let upload_url = signer.sign(&account.client_id, &made, now.wall);
    let answer = json!({
        "transcription_id": made.id,
        "upload_url": upload_url,
        "configuration_id": made.configuration.configuration_id,
        "participant_id": made.participant.as_ref().map(|participant| &participant.participant_id),
        "evaluator_id": made.evaluator.as_ref().map(|evaluator| &evaluator.evaluator_id),
        "name": made.name,
    });
    account.keep(made);
    Ok(Success::ok(answer))
}

/// The documented shape was never seen; entries are chosen to lack `details`, which would make a
/// list of many calls very long.
pub(crate) fn list(account: &Account) -> Outcome {
    let all: Vec<_> = account.transcriptions.iter().map(Transcription::summary).collect();
    Ok(Success::ok(json!({ "transcriptions": all, "count": all.len() })))
}

pub(crate) fn show(account: &Account, fields: Fields<'_>) -> Outcome {
    let id = fields.id("transcription_id")?;
    Ok(Success::ok(account.transcriptions.find(id).ok_or(NOT_FOUND)?.whole()))
}

/// The older page shows this answer without `data`; it is wrapped here as all newer answers are.
pub(crate) fn update_group(account: &mut Account, fields: Fields<'_>) -> Outcome {
    let id = fields.id("transcription_id")?;
    let group = match fields.value("group").ok_or(Rejection::MissingField("group".into()))?.as_str()
    {
        Some("") => None,
        Some("PENDING_REVIEW") => Some(Group::PendingReview),
        Some("UNDER_REVIEW") => Some(Group::UnderReview),
        Some("ARCHIVED") => Some(Group::Archived),
        _ => return Err(Rejection::InvalidGroup),
    };
    let kept = account.transcriptions.find_mut(id).ok_or(NOT_FOUND)?;
    kept.group = group;
    let message = "Transcription group updated successfully.";
    Ok(Success::ok(json!({ "message": message, "transcription": kept.whole() })))
}

/// Neither the answer nor what happens in progress is published: here it simply goes.
pub(crate) fn delete(account: &mut Account, fields: Fields<'_>) -> Outcome {
    account.transcriptions.remove(fields.id("transcription_id")?).ok_or(NOT_FOUND)?;
    Ok(Success::ok(json!({ "message": "Transcription deleted successfully" })))
}

const NOT_FOUND: Rejection = Rejection::NotFound("Transcription");

/// Checks what both ways of submitting share. The minutes are looked at before the objects: the
/// order that Heify keeps is not published.
fn prepare(
    account: &mut Account,
    fields: Fields<'_>,
    now: Moment,
) -> Result<Transcription, Rejection> {
    let configuration_id = fields.id("configuration_id")?;
    let name = fields.text("name", usize::MAX)?;
    let participant_id = fields.text("participant_id", usize::MAX)?;
    let evaluator_id = fields.text("evaluator_id", usize::MAX)?;
    if account.balance_millis <= 0 {
        return Err(Rejection::NoMinutes);
    }
    let evaluator = evaluator_id.map(|id| evaluators::find(account, id)).transpose()?.cloned();
    let participant = participant_id.map(|id| participants::find(account, id)).transpose()?;
    let (participant, id) = (participant.cloned(), new_id());
    let made = Transcription {
        status: Status::InProgress,
        configuration: configurations::find(account, configuration_id)?.clone(),
        evaluator,
        participant,
        name: name.map(|name| name.chars().filter(char::is_ascii).collect()),
        group: None,
        // Half a minute to five and a half, with a fraction.
        length_millis: 30_000 + i64::from(details::draw(&id, 0, 300_000)),
        fate: Status::Completed,
        awaits_upload: false,
        created: now.wall,
        ended: None,
        id,
    };
    if account.transcriptions.len() >= MOST {
        account.transcriptions.remove_oldest();
    }
    Ok(made)
}

fn fate(hint: &str, too_long: bool) -> Status {
    if too_long || hint.contains("fail") { Status::Failed } else { Status::Completed }
}

fn ends_as_no_audio(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| NOT_AUDIO.contains(&extension.as_str()))
}

fn asked_length(query: &str) -> Option<i64> {
    let seconds = query.split('&').find_map(|pair| pair.strip_prefix("duration="))?;
    let length = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    i64::try_from(length.as_millis()).ok()
}

impl Transcription {
    pub(crate) fn end(&mut self, at: Timestamp) {
        (self.status, self.ended) = (self.fate, Some(at));
    }

    /// Its file has come; of this length, where that can be told.
    pub(crate) fn uploaded(&mut self, length_millis: Option<i64>) {
        self.awaits_upload = false;
        self.length_millis = length_millis.unwrap_or(self.length_millis);
        if self.length_millis > LONGEST_MILLIS {
            self.fate = Status::Failed;
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        // Exact: an audio's milliseconds are far below 2^53.
        self.length_millis as f64 / 1000.0
    }

    fn summary(&self) -> Value {
        let (evaluator, participant) = (self.evaluator.as_ref(), self.participant.as_ref());
        json!({
            "transcription_id": self.id,
            "status": self.status,
            "configuration_id": self.configuration.configuration_id,
            "configuration_tag": self.configuration.tag,
            "evaluator_id": evaluator.map(|evaluator| &evaluator.evaluator_id),
            "evaluator_tag": evaluator.map(|evaluator| &evaluator.tag),
            "participant_id": participant.map(|participant| &participant.participant_id),
            "participant_tag": participant.map(|participant| &participant.tag),
            "name": self.name,
            "group": self.group,
            "duration": (self.status == Status::Completed).then(|| self.seconds()),
        })
    }

    fn whole(&self) -> Value {
        let mut object = self.summary();
        object["details"] = details::of(self);
        object
    }
}
