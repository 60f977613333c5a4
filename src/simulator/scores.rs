//! What do `/analytics-evaluator` and `/analytics-participant` report?

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::account::Account;
use super::analytics::day;
use super::answer::{Outcome, Success};
use super::clock::{Moment, iso, iso_without_offset};
use super::details::Verdict;
use super::evaluators;
use super::fields::Fields;
use super::participants;
use super::transcriptions::{Status, Transcription};

/// From which score on a call counts as passed: the published pages do not say.
const PASS: f64 = 60.0;

/// A finished call with its verdict.
struct Scored<'a> {
    call: &'a Transcription,
    verdict: Verdict<'a>,
}

pub(crate) fn of_evaluator(account: &Account, fields: Fields<'_>, now: Moment) -> Outcome {
    let id = &evaluators::find(account, fields.id("evaluator_id")?)?.evaluator_id;
    let all = scored(account);
    let calls: Vec<_> =
        all.filter(|scored| scored.evaluator().is_some_and(|e| e.0 == id)).collect();
    let mut report = common(&calls, now);
    report["charts"]["heatmap"] = heatmap(&calls);
    report["participants"] = grouped(&calls, Scored::participant);
    report["raw_data"] = calls.iter().map(Scored::row).collect();
    Ok(Success::ok(report))
}

/// No heatmap here: the published sample shows none.
pub(crate) fn of_participant(account: &Account, fields: Fields<'_>, now: Moment) -> Outcome {
    let id = &participants::find(account, fields.id("participant_id")?)?.participant_id;
    let all = scored(account);
    let calls: Vec<_> =
        all.filter(|scored| scored.participant().is_some_and(|p| p.0 == id)).collect();
    let mut report = common(&calls, now);
    report["evaluators"] = grouped(&calls, Scored::evaluator);
    report["trend"] = json!({
        "direction": "insufficient_data", "recent_avg": null, "previous_avg": null,
        "sample_size": 20,
    });
    report["degradation_alert"] = json!(false);
    Ok(Success::ok(report))
}

fn scored(account: &Account) -> impl Iterator<Item = Scored<'_>> {
    let completed = |call: &&Transcription| call.status == Status::Completed;
    account.transcriptions.iter().filter(completed).filter_map(|call| {
        let evaluator = call.evaluator.as_ref()?;
        Some(Scored { call, verdict: Verdict::on(call, evaluator) })
    })
}

impl<'a> Scored<'a> {
    fn evaluator(&self) -> Option<(&'a str, &'a str)> {
        let evaluator = self.call.evaluator.as_ref()?;
        Some((&evaluator.evaluator_id, &evaluator.tag))
    }

    fn participant(&self) -> Option<(&'a str, &'a str)> {
        let participant = self.call.participant.as_ref()?;
        Some((&participant.participant_id, &participant.tag))
    }

    fn row(&self) -> Value {
        let participant = self.participant();
        json!({
            "id": self.call.id,
            "date": iso(self.call.created),
            "score": self.verdict.score,
            "critical": self.verdict.critical_fail,
            "duration": self.call.length_millis / 1000,
            "participant_tag": participant.map(|(_, tag)| tag),
            "participant_id": participant.map(|(id, _)| id),
            "group": self.call.group,
            "status": self.call.status,
            "failed_criteria": self.verdict.failed().collect::<Vec<_>>(),
        })
    }
}

fn common(calls: &[Scored<'_>], now: Moment) -> Value {
    let period = json!({
        "calls": calls.len(), "avg_score": average(calls), "pass_rate": pass_rate(calls),
    });
    let nothing = json!({ "calls": 0, "avg_score": 0, "pass_rate": 0 });
    json!({
        "metadata": {
            "total_records_analyzed": calls.len(),
            "query_limit_reached": false,
            "generated_at": iso_without_offset(now.wall),
        },
        "kpis": {
            "total_calls": calls.len(),
            "avg_score": average(calls),
            "pass_rate": pass_rate(calls),
            "total_critical_fails": critical_fails(calls),
            "pending_critical_reviews": 0,
        },
        "charts": { "timeline": timeline(calls) },
        "criteria_breakdown": criteria(calls),
        "score_distribution": distribution(calls),
        "comparison": { "current_period": period, "previous_period": nothing, "delta": {} },
        "duration_insights": durations(calls),
    })
}

fn average<'a>(calls: impl IntoIterator<Item = &'a Scored<'a>>) -> f64 {
    let scores: Vec<f64> = calls.into_iter().map(|scored| scored.verdict.score).collect();
    if scores.is_empty() { 0.0 } else { scores.iter().sum::<f64>() / scores.len() as f64 }
}

fn percent(part: usize, whole: usize) -> f64 {
    // One decimal, as in the published samples.
    if whole == 0 { 0.0 } else { (part as f64 * 1000.0 / whole as f64).round() / 10.0 }
}

fn pass_rate(calls: &[Scored<'_>]) -> f64 {
    let passed = |scored: &&Scored<'_>| scored.verdict.score >= PASS;
    percent(calls.iter().filter(passed).count(), calls.len())
}

fn critical_fails<'a>(calls: impl IntoIterator<Item = &'a Scored<'a>>) -> usize {
    calls.into_iter().filter(|scored| scored.verdict.critical_fail).count()
}

fn timeline(calls: &[Scored<'_>]) -> Value {
    let mut days = BTreeMap::<String, Vec<&Scored<'_>>>::new();
    for scored in calls {
        days.entry(day(scored.call)).or_default().push(scored);
    }
    days.into_iter()
        .map(|(date, calls)| {
            json!({
                "date": date,
                "avg_score": average(calls.iter().copied()),
                "volume": calls.len(),
                "critical_fails": critical_fails(calls),
            })
        })
        .collect()
}

fn heatmap(calls: &[Scored<'_>]) -> Value {
    let mut hours = BTreeMap::<(String, String), Vec<&Scored<'_>>>::new();
    for scored in calls {
        let when = scored.call.created;
        let weekday = when.strftime("%A").to_string().to_lowercase();
        hours.entry((weekday, when.strftime("%-H").to_string())).or_default().push(scored);
    }
    let mut map = json!({});
    for ((weekday, hour), calls) in hours {
        map[weekday][hour] = json!(average(calls));
    }
    map
}

/// One line for each participant or evaluator.
fn grouped<'a>(calls: &[Scored<'a>], key: fn(&Scored<'a>) -> Option<(&'a str, &'a str)>) -> Value {
    let mut groups = BTreeMap::<(&str, &str), Vec<&Scored<'a>>>::new();
    for scored in calls {
        if let Some(key) = key(scored) {
            groups.entry(key).or_default().push(scored);
        }
    }
    groups
        .into_iter()
        .map(|((id, tag), calls)| {
            let count = calls.len();
            let mean = average(calls.iter().copied());
            let squares = calls.iter().map(|scored| (scored.verdict.score - mean).powi(2));
            let seconds: f64 = calls.iter().map(|scored| scored.call.seconds()).sum();
            let critical = critical_fails(calls.iter().copied());
            json!({
                "id": id,
                "tag": tag,
                "calls": count,
                "avg_score": mean,
                "critical_fails": critical,
                "critical_fail_rate": percent(critical, count),
                "consistency": (squares.sum::<f64>() / count as f64).sqrt(),
                "avg_duration": seconds / count as f64,
            })
        })
        .collect()
}

fn criteria(calls: &[Scored<'_>]) -> Value {
    let mut fails = BTreeMap::<(&str, &str), usize>::new();
    for mark in calls.iter().flat_map(|scored| &scored.verdict.marks) {
        let criterion = (mark.criterion.id.as_str(), mark.criterion.name.as_str());
        *fails.entry(criterion).or_default() += usize::from(mark.failed);
    }
    fails
        .into_iter()
        .map(|((id, name), count)| {
            let rate = percent(count, calls.len());
            json!({ "id": id, "name": name, "fail_count": count, "fail_rate": rate })
        })
        .collect()
}

fn distribution(calls: &[Scored<'_>]) -> Value {
    let bands = [(20.0, "0-20"), (40.0, "21-40"), (60.0, "41-60"), (80.0, "61-80")];
    let mut counts: BTreeMap<_, usize> = bands.iter().map(|(_, name)| (*name, 0)).collect();
    counts.insert("81-100", 0);
    for scored in calls {
        let band = bands.iter().find(|(upper, _)| scored.verdict.score <= *upper);
        *counts.entry(band.map_or("81-100", |(_, name)| name)).or_default() += 1;
    }
    json!(counts)
}

fn durations(calls: &[Scored<'_>]) -> Value {
    let mut lengths: Vec<f64> = calls.iter().map(|scored| scored.call.seconds()).collect();
    lengths.sort_by(f64::total_cmp);
    let quantile = |quarter: usize| {
        let place = lengths.len().saturating_sub(1) * quarter / 4;
        lengths.get(place).copied().unwrap_or_default()
    };
    let (p25, p75) = (quantile(1), quantile(3));
    let band = |inside: &dyn Fn(f64) -> bool| {
        let calls: Vec<_> = calls.iter().filter(|scored| inside(scored.call.seconds())).collect();
        json!({ "count": calls.len(), "avg_score": average(calls) })
    };
    json!({
        "thresholds": { "p25": p25, "p75": p75 },
        "short": band(&|length| length <= p25),
        "medium": band(&|length| length > p25 && length <= p75),
        "long": band(&|length| length > p75),
    })
}
