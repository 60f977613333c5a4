//! Does every body that the Heify API publishes pass, and every broken one fail with its reason?

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use heify_gateway::contract::{Contract, Lookup};
use heify_gateway::document::ROOT;
use heify_gateway::refusal::Refusal;
use heify_gateway::validate::judge;
use http::Method;
use serde_json::{Value, json};

const ID: &str = "a1b2c3d4-e5f6-7890-1234-567890abcdef";

fn verdict_on_bytes(path: &str, body: &[u8]) -> Result<Value, Refusal> {
    thread_local!(static CONTRACT: Contract = Contract::built_in().unwrap());
    CONTRACT.with(|contract| {
        let Lookup::Found(endpoint) = contract.find(path, &Method::POST) else {
            panic!("{path} is not in the contract")
        };
        let table = judge(body, endpoint.body.as_ref())?;
        Ok(table.of(std::str::from_utf8(body).unwrap()).value(ROOT))
    })
}

fn verdict(path: &str, body: &Value) -> Result<Value, Refusal> {
    verdict_on_bytes(path, body.to_string().as_bytes())
}

#[track_caller]
fn passes(path: &str, body: &Value) {
    assert_eq!(verdict(path, body), Ok(body.clone()), "{path} {body}");
}

#[track_caller]
fn fails(path: &str, body: &Value, message: &str) {
    let refusal = verdict(path, body).expect_err(path);
    assert_eq!(refusal.message(), message, "{path} {body}");
    assert_eq!(refusal.status(), 400);
}

/// A body of an endpoint with every published field, all of them good.
fn full(path: &str) -> Value {
    let criteria = json!([
        {"name": "n", "description": "long enough", "type": "boolean", "weight": 40},
        {"name": "n", "description": "long enough", "type": "scale", "weight": 60},
        {"name": "n", "description": "long enough", "type": "strict", "weight": 0},
    ]);
    let fields = json!([{"name": "n", "type": "string", "description": "d"}]);
    let webhooks = json!({"success_url": "https://a.example", "error_url": "https://b.example"});
    match path {
        "/create-configuration" => json!({
            "tag": "t", "vocabulary": ["v"], "extraction_fields": fields, "webhooks": webhooks,
            "summary": true, "custom_summary": "c", "summary_language": "en",
            "analytics_language": "df",
        }),
        "/update-configuration" => json!({
            "configuration_id": ID, "vocabulary": ["v"], "extraction_fields": fields,
            "webhooks": webhooks, "summary": true, "custom_summary": "c",
            "summary_language": "en", "analytics_language": "df",
        }),
        "/create-evaluator" => json!({
            "tag": "t", "description": "d", "language": "df", "context": "c", "criteria": criteria,
        }),
        "/update-evaluator" => json!({
            "evaluator_id": ID, "description": "d", "language": "df", "context": "c",
            "criteria": criteria,
        }),
        "/create-participant" => json!({"tag": "t", "metadata": {"k": "v"}}),
        "/update-participant" => json!({"participant_id": ID, "tag": "t", "metadata": {"k": "v"}}),
        "/submit" => json!({
            "configuration_id": ID, "url": "https://a.example/b", "name": "n",
            "participant_id": ID, "evaluator_id": ID,
        }),
        "/request-upload-url" => json!({
            "configuration_id": ID, "name": "n", "participant_id": ID, "evaluator_id": ID,
        }),
        "/update-transcription-group" => json!({"transcription_id": ID, "group": "ARCHIVED"}),
        "/get-configuration" | "/delete-configuration" | "/analytics" => {
            json!({"configuration_id": ID})
        }
        "/get-evaluator" | "/delete-evaluator" | "/analytics-evaluator" => {
            json!({"evaluator_id": ID})
        }
        "/get-participant" | "/delete-participant" | "/analytics-participant" => {
            json!({"participant_id": ID})
        }
        "/get-transcription" | "/delete-transcription" => json!({"transcription_id": ID}),
        _ => json!({}),
    }
}

fn all_paths() -> Vec<String> {
    let contract = Contract::built_in().unwrap();
    contract.endpoints().iter().map(|endpoint| endpoint.path.to_string()).collect()
}

/// The full body of an endpoint with one value replaced.
fn with(path: &str, pointer: &str, value: Value) -> Value {
    let mut body = full(path);
    *body.pointer_mut(pointer).expect(pointer) = value;
    body
}

fn is_required(path: &str, field: &str) -> bool {
    match (path, field) {
        // Presumed ids, which nobody publishes as required.
        ("/get-participant" | "/delete-evaluator" | "/delete-transcription", _) => false,
        ("/update-participant", "tag") | ("/update-evaluator", "criteria") => false,
        ("/submit" | "/request-upload-url", "participant_id" | "evaluator_id") => false,
        (_, field) => {
            field.ends_with("_id") || matches!(field, "tag" | "criteria" | "url" | "group")
        }
    }
}

#[test]
fn every_example_is_judged_as_it_says() {
    let mut judged = 0;
    for line in include_str!("data/heify-examples.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let found = verdict_on_bytes(text("endpoint"), text("body").as_bytes());
        match text("expected") {
            "forwarded" => assert!(found.is_ok(), "{row}: {found:?}"),
            "refused" => assert_eq!(found.expect_err(line).message(), text("message"), "{row}"),
            other => panic!("unknown expectation {other}"),
        }
        judged += 1;
    }
    assert!(judged > 50);
}

#[test]
fn a_full_body_passes_at_every_endpoint_and_so_do_fields_that_come_later() {
    for path in all_paths() {
        let mut body = full(&path);
        passes(&path, &body);
        body["brand_new"] = json!({"a": [1, null], "configuration_id": 7});
        passes(&path, &body);
        for pointer in ["/extraction_fields/0", "/criteria/0", "/webhooks"] {
            if let Some(inner) = body.pointer_mut(pointer) {
                inner["brand_new"] = json!([true]);
                passes(&path, &body);
            }
        }
    }
}

#[test]
fn a_field_left_out_is_missed_only_where_it_is_required() {
    for path in all_paths() {
        for field in full(&path).as_object().unwrap().keys() {
            let mut body = full(&path);
            body.as_object_mut().unwrap().remove(field);
            if is_required(&path, field) {
                fails(&path, &body, &format!("Missing required field: {field}"));
            } else {
                passes(&path, &body);
            }
        }
    }
}

#[test]
fn null_passes_only_where_the_field_may_be_left_out() {
    for path in all_paths() {
        for field in full(&path).as_object().unwrap().keys() {
            let body = with(&path, &format!("/{field}"), Value::Null);
            match (is_required(&path, field), field.as_str()) {
                (false, _) => passes(&path, &body),
                (true, "group") => fails(&path, &body, "Invalid group value"),
                (true, "criteria") => fails(&path, &body, "criteria must be an array."),
                (true, _) => fails(&path, &body, &format!("{field} must be a string.")),
            }
        }
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_for_every_field() {
    for path in all_paths() {
        for field in full(&path).as_object().unwrap().keys() {
            let body = with(&path, &format!("/{field}"), json!(7));
            let expected = match (field.as_str(), is_required(&path, field)) {
                ("group", _) => "Invalid group value".to_owned(),
                ("criteria", true) => "criteria must be an array.".to_owned(),
                ("vocabulary" | "extraction_fields" | "criteria", _) => {
                    format!("{field} must be an array or null.")
                }
                ("webhooks" | "metadata", _) => format!("{field} must be an object or null."),
                ("summary", _) => format!("{field} must be true or false or null."),
                (_, true) => format!("{field} must be a string."),
                (_, false) => format!("{field} must be a string or null."),
            };
            fails(&path, &body, &expected);
        }
    }
}

#[test]
fn an_id_of_another_form_is_refused_at_every_endpoint() {
    for path in all_paths() {
        for field in full(&path).as_object().unwrap().keys().filter(|key| key.ends_with("_id")) {
            for bad in ["", "1", "a1b2c3d4e5f678901234567890abcdef"] {
                let message =
                    format!("{field} must be a UUID such as a1b2c3d4-e5f6-7890-1234-567890abcdef.");
                fails(&path, &with(&path, &format!("/{field}"), json!(bad)), &message);
            }
            let upper = with(&path, &format!("/{field}"), json!(ID.to_uppercase()));
            passes(&path, &upper);
        }
    }
}

#[test]
fn every_length_is_counted_in_characters_and_ends_at_its_limit() {
    for (path, pointer, name, limit) in [
        ("/create-configuration", "/tag", "tag", 255),
        ("/create-configuration", "/custom_summary", "custom_summary", 300),
        ("/update-configuration", "/custom_summary", "custom_summary", 300),
        ("/create-evaluator", "/tag", "tag", 100),
        ("/create-evaluator", "/description", "description", 250),
        ("/update-evaluator", "/description", "description", 250),
        ("/create-evaluator", "/context", "context", 1000),
        ("/update-evaluator", "/context", "context", 1000),
        ("/create-evaluator", "/criteria/0/name", "criteria[0].name", 100),
        ("/update-evaluator", "/criteria/1/name", "criteria[1].name", 100),
        ("/create-evaluator", "/criteria/2/description", "criteria[2].description", 1000),
        ("/create-participant", "/metadata/k", "metadata.k", 250),
        ("/update-participant", "/metadata/k", "metadata.k", 250),
    ] {
        for character in ["x", "é", "漢", "🎧"] {
            passes(path, &with(path, pointer, json!(character.repeat(limit))));
            let message =
                format!("{name} must be at most {limit} characters long (it has {}).", limit + 1);
            fails(path, &with(path, pointer, json!(character.repeat(limit + 1))), &message);
        }
    }
}

#[test]
fn a_text_too_short_is_refused_only_where_a_minimum_is_published() {
    let path = "/create-evaluator";
    fails(path, &with(path, "/criteria/0/name", json!("")), "criteria[0].name must not be empty.");
    let short = "criteria[0].description must be at least 5 characters long (it has 4).";
    fails(path, &with(path, "/criteria/0/description", json!("漢漢漢漢")), short);
    passes(path, &with(path, "/criteria/0/description", json!("漢漢漢漢漢")));
    passes(path, &with(path, "/tag", json!("")));
    passes("/create-configuration", &json!({"tag": ""}));
}

#[test]
fn the_tag_of_a_participant_is_counted_without_the_spaces_around_it() {
    for path in ["/create-participant", "/update-participant"] {
        passes(path, &with(path, "/tag", json!(format!(" \u{feff}{}\t\u{1f}", "é".repeat(100)))));
        fails(path, &with(path, "/tag", json!(" \n\u{3000}")), "tag must not be blank.");
        fails(path, &with(path, "/tag", json!("")), "tag must not be blank.");
        let long = "tag must be at most 100 characters long without the spaces around it \
                    (it has 101).";
        fails(path, &with(path, "/tag", json!("é".repeat(101))), long);
    }
}

#[test]
fn lists_and_maps_end_at_their_limit() {
    let fields = |count: usize| -> Value {
        (0..count)
            .map(|n| json!({"name": n.to_string(), "type": "array", "description": ""}))
            .collect()
    };
    for path in ["/create-configuration", "/update-configuration"] {
        passes(path, &with(path, "/extraction_fields", fields(10)));
        passes(path, &with(path, "/extraction_fields", json!([])));
        let message = "extraction_fields must have at most 10 items (it has 11).";
        fails(path, &with(path, "/extraction_fields", fields(11)), message);
        passes(path, &with(path, "/vocabulary", json!(vec!["word"; 5000])));
    }
    let criteria = |count: usize| vec![json!({"weight": 100.0 / count as f64}); count];
    for path in ["/create-evaluator", "/update-evaluator"] {
        passes(path, &with(path, "/criteria", json!(criteria(10))));
        let message = "criteria must have at most 10 items (it has 11).";
        fails(path, &with(path, "/criteria", json!(criteria(11))), message);
        fails(path, &with(path, "/criteria", json!([])), "criteria must have at least 1 item.");
    }
    let metadata =
        |count: usize| Value::Object((0..count).map(|n| (n.to_string(), json!(n))).collect());
    for path in ["/create-participant", "/update-participant"] {
        passes(path, &with(path, "/metadata", metadata(10)));
        let message = "metadata must have at most 10 keys (it has 11).";
        fails(path, &with(path, "/metadata", metadata(11)), message);
        passes(path, &with(path, "/metadata", json!({"é".repeat(50): {"nested": [1]}})));
        let message = "a key of metadata must be at most 50 characters long (it has 51).";
        fails(path, &with(path, "/metadata", json!({"é".repeat(51): null})), message);
    }
}

#[test]
fn every_nested_value_is_checked_as_well() {
    let text = "must be a string.";
    let text_or_null = "must be a string or null.";
    let choice = "must be one of string, number, boolean, array.";
    let scoring = "must be one of boolean, scale, strict.";
    let https = "must be an https:// URL.";
    for (path, pointer, bad, expected) in [
        ("/create-configuration", "/vocabulary/0", json!(null), text),
        ("/update-configuration", "/vocabulary/0", json!(1), text),
        ("/create-configuration", "/extraction_fields/0/name", json!(1), text),
        ("/create-configuration", "/extraction_fields/0/type", json!(null), text),
        ("/create-configuration", "/extraction_fields/0/type", json!("text"), choice),
        ("/create-configuration", "/extraction_fields/0/description", json!(null), text),
        ("/update-configuration", "/extraction_fields/0/name", json!(null), text),
        ("/update-configuration", "/extraction_fields/0/type", json!("String"), choice),
        ("/update-configuration", "/extraction_fields/0/description", json!([]), text_or_null),
        ("/create-configuration", "/webhooks/success_url", json!("a.example"), https),
        ("/create-configuration", "/webhooks/error_url", json!("http://a.example"), https),
        ("/update-configuration", "/webhooks/error_url", json!(""), https),
        ("/update-configuration", "/webhooks/success_url", json!(1), text_or_null),
        ("/create-evaluator", "/criteria/0/name", json!({}), text_or_null),
        ("/create-evaluator", "/criteria/0/description", json!(1), text_or_null),
        ("/create-evaluator", "/criteria/1/type", json!("Scale"), scoring),
        ("/update-evaluator", "/criteria/1/type", json!(""), scoring),
        ("/update-evaluator", "/criteria/1/weight", json!("60"), "must be a number or null."),
        ("/create-evaluator", "/criteria/2", json!([]), "must be an object."),
        ("/create-configuration", "/extraction_fields/0", json!("x"), "must be an object."),
    ] {
        let dotted = pointer[1..].replace("/0", "[0]").replace("/1", "[1]").replace("/2", "[2]");
        let name = dotted.replace('/', ".");
        fails(path, &with(path, pointer, bad), &format!("{name} {expected}"));
    }
}

#[test]
fn what_may_be_left_out_of_a_nested_object_may_be_null() {
    for (path, pointer) in [
        ("/create-configuration", "/webhooks/success_url"),
        ("/update-configuration", "/webhooks/error_url"),
        ("/update-configuration", "/extraction_fields/0/type"),
        ("/update-configuration", "/extraction_fields/0/description"),
        ("/create-evaluator", "/criteria/0/name"),
        ("/create-evaluator", "/criteria/0/description"),
        ("/create-evaluator", "/criteria/0/type"),
        ("/update-evaluator", "/criteria/1/weight"),
        ("/create-participant", "/metadata/k"),
    ] {
        passes(path, &with(path, pointer, Value::Null));
    }
    passes("/create-configuration", &json!({"tag": "t", "webhooks": {}}));
}
