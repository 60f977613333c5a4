//! When are two answers the same for a client?
//!
//! Ids are different in the two worlds, and so is what the simulator draws from them. Everything else
//! must be equal; what may differ stands in [`DIFFERENCES`].

use std::collections::HashMap;

use serde_json::Value;

use crate::support::gateway::Answer;
use crate::world::CLIENTS;

/// All that may differ, with the reason.
pub const DIFFERENCES: [(&str, &str); 3] = [
    (TEXT, "the gateway answers for the upstream: of a 404 only the status is published"),
    (ELSEWHERE, "it is refused: an upstream may know more fields with ids than it publishes"),
    (DRAWN_BY_WORLD, "ids and times are each world's own, and what the simulator draws from them"),
];
pub const TEXT: &str = "the text of a 404";
pub const ELSEWHERE: &str = "another tenant's id where the contract knows of no id";
pub const DRAWN_BY_WORLD: &str = "ids, times and figures";

/// Members whose values the simulator draws from ids.
const DRAWN: [&str; 12] = [
    "created_at",
    "updated_at",
    "completed_at",
    "generated_at",
    "score",
    "score_raw_ai",
    "score_obtained",
    "final_score",
    "critical_fail",
    "critical_fail_triggered",
    "value",
    "date",
];
/// Members of reports that hold such values, or are cut by them.
const DRAWN_IN_REPORTS: [&str; 10] = [
    "value_counts",
    "histogram",
    "heatmap",
    "score_distribution",
    "duration_insights",
    "failed_criteria",
    "critical",
    "duration",
    "trend",
    "timeline",
];
/// The numbers of a report that count objects.
const COUNTS: [&str; 6] = [
    "total_calls",
    "total_audios_analyzed",
    "total_records_analyzed",
    "volume",
    "calls",
    "total_count",
];

/// What one tenant knows its objects by, in one world.
pub type Names = HashMap<String, String>;

/// The status and the body, with everything that may differ taken out.
pub fn normal(answer: &Answer, path: &str, names: &Names) -> (u16, Value) {
    let mut body = answer.json();
    if answer.status == 404 {
        assert!(body["error"]["message"].is_string(), "{answer:?}");
        body["error"]["message"] = Value::from("<404>");
    }
    let report = path.starts_with("/analytics");
    plain(&mut body, report, names);
    (answer.status, body)
}

fn plain(value: &mut Value, report: bool, names: &Names) {
    match value {
        Value::String(text) => *text = named(text, names),
        Value::Array(items) => {
            items.iter_mut().for_each(|item| plain(item, report, names));
            if report {
                // Reports sort by id, which no two worlds have in common.
                items.sort_by_key(Value::to_string);
            }
        }
        Value::Object(members) => {
            // Each world has its own storage, which signs with its own secret at its own time.
            if let Some(url) = members.get_mut("upload_url") {
                let path = url.as_str().and_then(|url| url.split('?').next()).unwrap();
                *url = Value::from(path[path.find("/upload/").unwrap()..].to_owned());
            }
            let is_mark = members.contains_key("score_raw_ai");
            for (name, value) in members.iter_mut() {
                let drawn = DRAWN.contains(&&**name)
                    || (report && DRAWN_IN_REPORTS.contains(&&**name))
                    || (report && value.is_number() && !COUNTS.contains(&&**name))
                    || (is_mark && name == "status");
                if drawn {
                    *value = Value::from("<drawn>");
                }
                plain(value, report, names);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Ids by their order, wherever they stand in a text.
fn named(text: &str, names: &Names) -> String {
    let mut text = text.to_owned();
    for client in CLIENTS {
        text = text.replace(client, "<client>");
    }
    let mut from = 0;
    while let Some(piece) = text.get(from..) {
        let Some(at) = piece.char_indices().map(|(at, _)| from + at).find(|at| is_id(&text, *at))
        else {
            break;
        };
        let id = text[at..at + 36].to_ascii_lowercase();
        let name = names.get(&id).map_or("<an id of somebody else>", String::as_str);
        text.replace_range(at..at + 36, name);
        from = at + name.len();
    }
    text
}

fn is_id(text: &str, at: usize) -> bool {
    text.get(at..at + 36).is_some_and(|id| uuid::Uuid::try_parse(id).is_ok())
}

/// The ids of the criteria in an answer, in their order.
pub fn criteria(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let criteria = body["data"]["evaluator"]["criteria"].as_array();
    let id = |criterion: &Value| criterion["id"].as_str().unwrap().to_owned();
    criteria.map(|criteria| criteria.iter().map(id).collect()).unwrap_or_default()
}
