//! How does an account keep its configurations?

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::account::Account;
use super::answer::{Outcome, Rejection, Success};
use super::clock::{Moment, iso};
use super::fields::{Fields, invalid, is_url};
use super::shelf::new_id;

const MOST: usize = 20;
const MOST_FIELDS: usize = 10;
const LONGEST_TAG: usize = 255;
const LONGEST_CUSTOM_SUMMARY: usize = 300;
const DETECT: &str = "df";
const FIELD_TYPES: [&str; 4] = ["string", "number", "boolean", "array"];

/// A processing template, as answers show it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Configuration {
    client_id: String,
    pub(crate) configuration_id: String,
    pub(crate) tag: String,
    vocabulary: Vec<String>,
    pub(crate) extraction_fields: Vec<ExtractionField>,
    webhooks: Option<Webhooks>,
    pub(crate) summary: bool,
    custom_summary: Option<String>,
    summary_language: String,
    analytics_language: String,
    created_at: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct ExtractionField {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    description: String,
}

#[derive(Debug, Clone, Serialize)]
struct Webhooks {
    success_url: Option<String>,
    error_url: Option<String>,
}

pub(crate) fn create(account: &mut Account, fields: Fields<'_>, now: Moment) -> Outcome {
    let tag = fields.required_text("tag", LONGEST_TAG)?.to_owned();
    let mut made = Configuration::new(account.client_id.clone(), tag, now.wall);
    made.change(fields)?;
    if account.configurations.len() >= MOST {
        return Err(Rejection::ConfigurationsFull);
    }
    let id = made.configuration_id.clone();
    account.configurations.add(&id, made);
    let message = "Configuration created successfully";
    Ok(Success::created(json!({ "message": message, "configuration_id": id })))
}

/// The documented shape of this list was never seen; another one than list-participants has is
/// chosen, because the sibling endpoints differ in their nesting too.
pub(crate) fn list(account: &Account) -> Outcome {
    let all: Vec<_> = account.configurations.iter().collect();
    Ok(Success::ok(json!({ "configurations": all })))
}

pub(crate) fn show(account: &Account, fields: Fields<'_>) -> Outcome {
    let id = fields.id("configuration_id")?;
    Ok(Success::ok(json!({ "configuration": find(account, id)? })))
}

pub(crate) fn update(account: &mut Account, fields: Fields<'_>) -> Outcome {
    let id = fields.id("configuration_id")?;
    let kept = account.configurations.find_mut(id).ok_or(NOT_FOUND)?;
    // A change that fails half-way must leave the object as it was.
    let mut changed = kept.clone();
    changed.change(fields)?;
    *kept = changed;
    let message = "Configuration updated successfully.";
    Ok(Success::ok(json!({ "message": message, "configuration": kept })))
}

pub(crate) fn delete(account: &mut Account, fields: Fields<'_>) -> Outcome {
    account.configurations.remove(fields.id("configuration_id")?).ok_or(NOT_FOUND)?;
    Ok(Success::ok(json!({ "message": "Configuration deleted successfully." })))
}

pub(crate) fn find<'a>(account: &'a Account, id: &str) -> Result<&'a Configuration, Rejection> {
    account.configurations.find(id).ok_or(NOT_FOUND)
}

const NOT_FOUND: Rejection = Rejection::NotFound("Configuration");

impl Configuration {
    fn new(client_id: String, tag: String, now: Timestamp) -> Self {
        Self {
            client_id,
            configuration_id: new_id(),
            tag,
            vocabulary: Vec::new(),
            extraction_fields: Vec::new(),
            webhooks: None,
            summary: false,
            custom_summary: None,
            summary_language: DETECT.to_owned(),
            analytics_language: DETECT.to_owned(),
            created_at: iso(now),
        }
    }

    /// Takes over what was sent. A `tag` is left alone: it is permanent, and whether sending one is
    /// an error is not published.
    fn change(&mut self, fields: Fields<'_>) -> Result<(), Rejection> {
        if let Some(vocabulary) = fields.texts("vocabulary")? {
            self.vocabulary = vocabulary;
        }
        if let Some(sent) = fields.objects("extraction_fields")? {
            self.extraction_fields = merge(&self.extraction_fields, &sent)?;
        }
        if fields.sent("webhooks") {
            self.webhooks = fields.object("webhooks")?.map(Fields::of).map(webhooks).transpose()?;
        }
        if let Some(summary) = fields.boolean("summary")? {
            self.summary = summary;
        }
        if fields.sent("custom_summary") {
            let text = fields.text("custom_summary", LONGEST_CUSTOM_SUMMARY)?;
            self.custom_summary = text.map(str::to_owned);
        }
        // The table of languages is not published: any code will do.
        if let Some(code) = fields.text("summary_language", usize::MAX)? {
            self.summary_language = code.to_owned();
        }
        if let Some(code) = fields.text("analytics_language", usize::MAX)? {
            self.analytics_language = code.to_owned();
        }
        Ok(())
    }
}

/// Merges by name: known names may get another description but no other type, new ones need both,
/// and those left out are gone.
fn merge(kept: &[ExtractionField], sent: &[Fields<'_>]) -> Result<Vec<ExtractionField>, Rejection> {
    if sent.len() > MOST_FIELDS {
        return Err(Rejection::Invalid("Maximum of 10 extraction fields exceeded"));
    }
    sent.iter()
        .map(|fields| {
            let name = fields.required_text("name", usize::MAX)?;
            let kind = fields.text("type", usize::MAX)?;
            if kind.is_some_and(|kind| !FIELD_TYPES.contains(&kind)) {
                return Err(invalid("type"));
            }
            let description = fields.text("description", usize::MAX)?;
            let known = kept.iter().find(|field| field.name == name);
            if known.is_some_and(|known| kind.is_some_and(|kind| kind != known.kind)) {
                return Err(Rejection::Invalid("The type of an extraction field cannot change"));
            }
            let kind = kind.or(known.map(|known| known.kind.as_str()));
            let description = description.or(known.map(|known| known.description.as_str()));
            Ok(ExtractionField {
                name: name.to_owned(),
                kind: kind.ok_or(Rejection::MissingField("type".into()))?.to_owned(),
                description: description
                    .ok_or(Rejection::MissingField("description".into()))?
                    .to_owned(),
            })
        })
        .collect()
}

fn webhooks(fields: Fields<'_>) -> Result<Webhooks, Rejection> {
    let url = |name: &'static str| match fields.text(name, usize::MAX)? {
        Some(url) if !is_url(url, &["https"]) => Err(invalid(name)),
        url => Ok(url.map(str::to_owned)),
    };
    Ok(Webhooks { success_url: url("success_url")?, error_url: url("error_url")? })
}
