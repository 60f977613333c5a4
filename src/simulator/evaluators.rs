//! How does an account keep its evaluators?

use serde::Serialize;
use serde_json::json;

use super::account::Account;
use super::answer::{Outcome, Rejection, Success};
use super::clock::{Moment, iso};
use super::criteria::{self, Criterion};
use super::fields::Fields;
use super::shelf::new_id;

const MOST: usize = 20;
const LONGEST_TAG: usize = 100;
const LONGEST_DESCRIPTION: usize = 250;
const LONGEST_CONTEXT: usize = 1000;

/// A scoring template, as answers show it. `null` for an absent description or context is a guess.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Evaluator {
    pub(crate) evaluator_id: String,
    pub(crate) tag: String,
    description: Option<String>,
    language: String,
    context: Option<String>,
    pub(crate) criteria: Vec<Criterion>,
    created_at: String,
}

pub(crate) fn create(account: &mut Account, fields: Fields<'_>, now: Moment) -> Outcome {
    let mut made = Evaluator {
        evaluator_id: new_id(),
        tag: fields.required_text("tag", LONGEST_TAG)?.to_owned(),
        description: None,
        language: "df".to_owned(),
        context: None,
        criteria: Vec::new(),
        created_at: iso(now.wall),
    };
    if fields.value("criteria").is_none() {
        return Err(Rejection::MissingField("criteria".into()));
    }
    made.change(fields)?;
    if account.evaluators.len() >= MOST {
        return Err(Rejection::EvaluatorsFull);
    }
    let answer = json!({ "message": "Evaluator created successfully", "evaluator": made.clone() });
    account.evaluators.add(&made.evaluator_id.clone(), made);
    Ok(Success::created(answer))
}

/// The documented shape was never seen; a third variant beside those of configurations and
/// participants, so that nobody relies on one name.
pub(crate) fn list(account: &Account) -> Outcome {
    let all: Vec<_> = account.evaluators.iter().collect();
    Ok(Success::ok(json!({ "count": all.len(), "evaluators": all })))
}

/// The object lies directly in `data`, unlike after create and update.
pub(crate) fn show(account: &Account, fields: Fields<'_>) -> Outcome {
    let id = fields.id("evaluator_id")?;
    Ok(Success::ok(json!(find(account, id)?)))
}

pub(crate) fn update(account: &mut Account, fields: Fields<'_>) -> Outcome {
    let id = fields.id("evaluator_id")?;
    let kept = account.evaluators.find_mut(id).ok_or(NOT_FOUND)?;
    let mut changed = kept.clone();
    changed.change(fields)?;
    *kept = changed;
    let message = "Evaluator updated successfully";
    Ok(Success::ok(json!({ "message": message, "evaluator": kept })))
}

/// Neither the answer nor the effect on transcriptions is published: here they stay readable.
pub(crate) fn delete(account: &mut Account, fields: Fields<'_>) -> Outcome {
    account.evaluators.remove(fields.id("evaluator_id")?).ok_or(NOT_FOUND)?;
    Ok(Success::ok(json!({ "message": "Evaluator deleted successfully" })))
}

pub(crate) fn find<'a>(account: &'a Account, id: &str) -> Result<&'a Evaluator, Rejection> {
    account.evaluators.find(id).ok_or(NOT_FOUND)
}

const NOT_FOUND: Rejection = Rejection::NotFound("Evaluator");

impl Evaluator {
    fn change(&mut self, fields: Fields<'_>) -> Result<(), Rejection> {
        if let Some(text) = fields.text("description", LONGEST_DESCRIPTION)? {
            self.description = Some(text.to_owned());
        }
        if let Some(code) = fields.text("language", usize::MAX)? {
            self.language = code.to_owned();
        }
        if let Some(text) = fields.text("context", LONGEST_CONTEXT)? {
            self.context = Some(text.to_owned());
        }
        if let Some(sent) = fields.objects("criteria")? {
            self.criteria = criteria::merge(&self.criteria, &sent)?;
        }
        Ok(())
    }
}
