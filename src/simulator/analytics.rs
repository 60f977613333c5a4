//! What does `/analytics` report on a configuration?

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::account::Account;
use super::answer::{Outcome, Success};
use super::clock::iso;
use super::configurations::{self, ExtractionField};
use super::details::{LANGUAGE, SPEAKERS, found};
use super::fields::Fields;
use super::transcriptions::{Status, Transcription};

pub(crate) fn of_configuration(account: &Account, fields: Fields<'_>) -> Outcome {
    let id = fields.id("configuration_id")?;
    let configuration = configurations::find(account, id)?;
    let of_it = |call: &&Transcription| {
        call.status == Status::Completed
            && call.configuration.configuration_id == configuration.configuration_id
    };
    let calls: Vec<_> = account.transcriptions.iter().filter(of_it).collect();
    let count = calls.len();
    let mut days = BTreeMap::<String, u64>::new();
    for call in &calls {
        *days.entry(day(call)).or_default() += 1;
    }
    let days: BTreeMap<_, _> =
        days.into_iter().map(|(day, count)| (day, json!({ "audio_count": count }))).collect();
    let per_field: BTreeMap<_, _> = configuration
        .extraction_fields
        .iter()
        .map(|field| (field.name.clone(), field_statistics(&calls, field)))
        .collect();
    Ok(Success::ok(json!({
        "configuration_details": {
            "id": configuration.configuration_id,
            "tag": configuration.tag,
            "total_audios_analyzed": count,
        },
        "ai_insights": {
            "actionable_insights": "# Next steps\n\n1. Nothing: these calls are simulated.",
            "executive_narrative": format!("# Now\n\n{count} simulated calls were read."),
        },
        "detailed_analysis": {
            "metadata_analysis": {
                "duration_stats": duration_statistics(&calls),
                "speaker_stats": {
                    "average_per_audio": if count == 0 { 0.0 } else { f64::from(SPEAKERS) },
                    "total_distribution": counted(SPEAKERS.to_string(), count),
                },
                "language_distribution": counted(LANGUAGE.to_owned(), count),
            },
            "extracted_fields_analysis": per_field,
            "timeseries_analysis": days,
            "advanced_analysis": {},
        },
    })))
}

/// The day on which a call was submitted, in UTC.
pub(crate) fn day(call: &Transcription) -> String {
    iso(call.created).chars().take("2026-01-01".len()).collect()
}

fn counted(label: String, count: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([(label, count)]).into_iter().filter(|(_, count)| *count > 0).collect()
}

fn duration_statistics(calls: &[&Transcription]) -> Value {
    let lengths: Vec<f64> = calls.iter().map(|call| call.seconds()).collect();
    let total: f64 = lengths.iter().sum();
    let shortest = lengths.iter().copied().reduce(f64::min).unwrap_or_default();
    let longest = lengths.iter().copied().reduce(f64::max).unwrap_or_default();
    let mut histogram = BTreeMap::<String, u64>::new();
    for length in &lengths {
        let from = (length / 60.0).floor() * 60.0;
        *histogram.entry(format!("{from}-{}", from + 60.0)).or_default() += 1;
    }
    json!({
        "total_seconds": total,
        "average_seconds": if lengths.is_empty() { 0.0 } else { total / lengths.len() as f64 },
        "min_seconds": shortest,
        "max_seconds": longest,
        "histogram": histogram,
    })
}

/// The shape for a string field; those for the other types are not published.
fn field_statistics(calls: &[&Transcription], field: &ExtractionField) -> Value {
    let mut values = BTreeMap::<String, u64>::new();
    let mut missing = 0;
    for call in calls {
        match found(call, field) {
            Value::Null => missing += 1,
            Value::String(text) => *values.entry(text).or_default() += 1,
            other => *values.entry(other.to_string()).or_default() += 1,
        }
    }
    json!({
        "type": field.kind,
        "stats": {
            "total_count": calls.len(),
            "valid_count": calls.len() - missing,
            "missing_count": missing,
            "total_unique_categories": values.len(),
            "value_counts": values,
        },
    })
}
