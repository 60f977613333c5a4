//! Does every documented call answer with the documented status, text and shape?

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Heify, KEY, OLD_KEY, settings};

const EXAMPLES: &str = include_str!("../data/simulator-examples.jsonl");

/// The ids that stand for `$name` in an example.
type Names = Vec<(&'static str, String)>;

#[tokio::test]
async fn every_example_is_answered_as_documented() {
    let mut endpoints = std::collections::BTreeSet::new();
    for line in EXAMPLES.lines() {
        let example: Value = serde_json::from_str(line).unwrap();
        endpoints.insert(example["endpoint"].as_str().unwrap().to_owned());
        play(&example).await;
    }
    // The 24 endpoints and two misspelled ones.
    assert_eq!(endpoints.len(), 26);
}

async fn play(example: &Value) {
    let heify = Heify::start(settings(Duration::ZERO)).await;
    let names = furnish(&heify).await;
    if let Some(account) = example.get("account") {
        assert!(heify.steer("PUT", "account", account).await.status.is_success());
    }
    for step in example["before"].as_array().into_iter().flatten() {
        for _ in 0..step["times"].as_u64().unwrap() {
            heify.data(step["endpoint"].as_str().unwrap(), step["request"].clone()).await;
        }
    }
    let body = match example.get("request_raw") {
        Some(raw) => raw.as_str().unwrap().to_owned(),
        None => example["request"].to_string(),
    };
    let headers: &[(&str, &str)] = match example["key"].as_str() {
        Some("missing") => &[],
        Some("unknown") => &[("x-api-key", "nobody-knows-this-key")],
        Some("deactivated") => &[("x-api-key", OLD_KEY)],
        Some("authorization") => &[("authorization", KEY)],
        _ => &[("x-api-key", KEY)],
    };
    let method = example["method"].as_str().unwrap_or("POST");
    let path = example["endpoint"].as_str().unwrap();
    let reply = heify.send(method, path, headers, &name(&body, &names)).await.unwrap();
    let answer = reply.json();
    assert_eq!(Some(u64::from(reply.status.as_u16())), example["status"].as_u64(), "{answer}");
    assert_eq!(reply.headers["content-type"], "application/json");
    match example.get("answer") {
        Some(expected) => {
            let expected = serde_json::from_str(&name(&expected.to_string(), &names)).unwrap();
            compare(&answer, &expected, &format!("{path} {body}"));
        }
        None => {
            let message = answer["error"]["message"].clone();
            assert!(message.as_str().is_some_and(|text| !text.is_empty()));
            let envelope = json!({ "error": { "message": message, "code": example["status"] } });
            assert_eq!(answer, envelope);
            let published = example.get("message").unwrap_or(&message);
            assert_eq!(published, &message, "{path} {body}");
        }
    }
}

/// One object of each kind, as the examples refer to them.
async fn furnish(heify: &Heify) -> Names {
    let configuration = heify.data("/create-configuration", request_of("Hotline")).await;
    let configuration = configuration["configuration_id"].clone();
    let evaluator = heify.data("/create-evaluator", request_of("Second line")).await;
    let criterion = evaluator["evaluator"]["criteria"][0]["id"].clone();
    let evaluator = evaluator["evaluator"]["evaluator_id"].clone();
    let participant = json!({ "tag": "Kim", "metadata": { "desk": 4 } });
    let participant = heify.data("/create-participant", participant).await;
    let participant = participant["participant"]["participant_id"].clone();
    let submit = json!({
        "configuration_id": configuration, "evaluator_id": evaluator,
        "participant_id": participant, "name": "call.mp3",
        "url": "https://audio.example.net/call.mp3?duration=84.5",
    });
    let transcription = heify.data("/submit", submit).await["transcription_id"].clone();
    let text = |id: Value| id.as_str().unwrap().to_owned();
    vec![
        ("$configuration", text(configuration)),
        ("$evaluator", text(evaluator)),
        ("$criterion", text(criterion)),
        ("$participant", text(participant)),
        ("$transcription", text(transcription)),
    ]
}

/// The request of the first example with this tag.
fn request_of(tag: &str) -> Value {
    let examples = EXAMPLES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut requests = examples.map(|mut example| example["request"].take());
    requests.find(|request| request["tag"] == tag).unwrap()
}

fn name(text: &str, names: &Names) -> String {
    names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
}

/// Compares whole: the same members, and values that are equal or of the kind that `$kind` asks for.
fn compare(found: &Value, expected: &Value, place: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            let keys =
                |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(found), keys(expected), "{place}");
            for (key, value) in expected {
                compare(&found[key], value, &format!("{place}/{key}"));
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{place}");
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                compare(found, expected, &format!("{place}/{index}"));
            }
        }
        (_, Value::String(kind)) if kind.starts_with('$') => {
            assert!(is_a(found, kind), "{place}: {found} is no {kind}");
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

fn is_a(found: &Value, kind: &str) -> bool {
    let text = found.as_str().unwrap_or_default();
    let shaped = |pattern: &str| {
        text.len() == pattern.len()
            && text.chars().zip(pattern.chars()).all(|(found, expected)| match expected {
                '0' => found.is_ascii_hexdigit(),
                other => found == other,
            })
    };
    match kind {
        "$any" => true,
        "$number" => found.is_number(),
        "$text" => !text.is_empty(),
        "$uuid" => shaped("00000000-0000-0000-0000-000000000000"),
        "$time" => shaped("0000-00-00T00:00:00.000000+00:00"),
        "$upload" => {
            text.starts_with("http://127.0.0.1:")
                && text.contains("/upload/client-0001/")
                && text.contains("X-Amz-Expires=300")
        }
        other => panic!("unknown kind {other}"),
    }
}
