//! What may the criteria of an evaluator be?

use serde::Serialize;
use serde_json::Number;

use super::answer::Rejection;
use super::fields::{Fields, invalid};
use super::shelf::new_id;

const MOST: usize = 10;
const LONGEST_NAME: usize = 100;
const SHORTEST_DESCRIPTION: usize = 5;
const LONGEST_DESCRIPTION: usize = 1000;
/// The sum must be exactly 100. Decimal weights such as 33.33 have no exact binary form; how Heify
/// adds them is not published.
const TOLERANCE: f64 = 1e-6;

/// One question that an evaluator asks about a call.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Criterion {
    pub(crate) id: String,
    pub(crate) name: String,
    description: String,
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    pub(crate) weight: Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Boolean,
    Scale,
    Strict,
}

impl Criterion {
    pub(crate) fn points(&self) -> f64 {
        self.weight.as_f64().unwrap_or_default()
    }
}

/// Merges by id: with an id it changes that criterion, without one it adds, and those left out are
/// gone. On a new evaluator nothing is kept, and an id belongs to nobody.
pub(crate) fn merge(kept: &[Criterion], sent: &[Fields<'_>]) -> Result<Vec<Criterion>, Rejection> {
    if sent.is_empty() || sent.len() > MOST {
        return Err(Rejection::Invalid("An evaluator has 1 to 10 criteria"));
    }
    let merged =
        sent.iter().map(|fields| read(kept, *fields)).collect::<Result<Vec<Criterion>, _>>()?;
    let weights = merged.iter().filter(|criterion| criterion.kind != Kind::Strict);
    let sum: f64 = weights.map(Criterion::points).sum();
    if (sum - 100.0).abs() > TOLERANCE {
        return Err(Rejection::Invalid("The weights of the criteria must add up to 100"));
    }
    Ok(merged)
}

fn read(kept: &[Criterion], fields: Fields<'_>) -> Result<Criterion, Rejection> {
    let known = match fields.text("id", usize::MAX)? {
        None => None,
        Some(id) => {
            let known = kept.iter().find(|criterion| criterion.id.eq_ignore_ascii_case(id));
            let foreign = Rejection::Invalid("A criterion id does not belong to this evaluator");
            Some(known.ok_or(foreign)?)
        }
    };
    let name = fields.text("name", LONGEST_NAME)?.or(known.map(|known| known.name.as_str()));
    let name = name.ok_or(Rejection::MissingField("name".into()))?;
    let description = fields.text("description", LONGEST_DESCRIPTION)?;
    let description = description.or(known.map(|known| known.description.as_str()));
    let description = description.ok_or(Rejection::MissingField("description".into()))?;
    if name.is_empty() {
        return Err(invalid("name"));
    }
    if description.chars().count() < SHORTEST_DESCRIPTION {
        return Err(invalid("description"));
    }
    let kind = kind(fields)?.or(known.map(|known| known.kind)).unwrap_or(Kind::Boolean);
    let weight = fields.number("weight")?.or(known.map(|known| &known.weight));
    Ok(Criterion {
        id: known.map_or_else(new_id, |known| known.id.clone()),
        name: name.to_owned(),
        description: description.to_owned(),
        kind,
        weight: weigh(kind, weight)?,
    })
}

fn kind(fields: Fields<'_>) -> Result<Option<Kind>, Rejection> {
    match fields.text("type", usize::MAX)? {
        None => Ok(None),
        Some("boolean") => Ok(Some(Kind::Boolean)),
        Some("scale") => Ok(Some(Kind::Scale)),
        Some("strict") => Ok(Some(Kind::Strict)),
        Some(_) => Err(invalid("type")),
    }
}

/// A strict criterion weighs nothing whatever was sent: that is overwritten, not refused.
fn weigh(kind: Kind, weight: Option<&Number>) -> Result<Number, Rejection> {
    if kind == Kind::Strict {
        return Ok(Number::from(0));
    }
    let weight = weight.ok_or(Rejection::MissingField("weight".into()))?;
    if weight.as_f64().is_some_and(|points| points > 0.0) {
        Ok(weight.clone())
    } else {
        Err(invalid("weight"))
    }
}
