//! When several things are wrong with a body, is the right one told, and told safely?

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use heify_gateway::contract::{Contract, Lookup};
use heify_gateway::document::Table;
use heify_gateway::refusal::{AudioFault, Refusal};
use heify_gateway::validate::judge;
use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

const ID: &str = "a1b2c3d4-e5f6-7890-1234-567890abcdef";

fn verdict_on_bytes(path: &str, body: &[u8]) -> Result<Table, Refusal> {
    thread_local!(static CONTRACT: Contract = Contract::built_in().unwrap());
    CONTRACT.with(|contract| {
        let Lookup::Found(endpoint) = contract.find(path, &Method::POST) else {
            panic!("{path} is not in the contract")
        };
        judge(body, endpoint.body.as_ref())
    })
}

#[track_caller]
fn passes(path: &str, body: Value) {
    let found = verdict_on_bytes(path, body.to_string().as_bytes());
    assert!(found.is_ok(), "{path} {body}: {found:?}");
}

#[track_caller]
fn fails(path: &str, body: Value, message: &str) {
    let refusal = verdict_on_bytes(path, body.to_string().as_bytes()).expect_err(path);
    assert_eq!(refusal.message(), message, "{path} {body}");
}

#[test]
fn a_body_that_is_no_object_is_refused_where_the_request_is_published() {
    for endpoint in Contract::built_in().unwrap().endpoints() {
        let undocumented = matches!(
            &*endpoint.path,
            "/list-configurations" | "/list-evaluators" | "/list-transcriptions"
        );
        for body in [json!([]), json!([{}]), json!("{}"), json!(1), Value::Null, json!(false)] {
            if undocumented {
                passes(&endpoint.path, body);
            } else {
                fails(&endpoint.path, body, "The request body must be a JSON object.");
            }
        }
        assert_eq!(verdict_on_bytes(&endpoint.path, b" \n"), Err(Refusal::EmptyBody));
        let broken = verdict_on_bytes(&endpoint.path, b"{\"a\":}");
        assert_eq!(broken, Err(Refusal::InvalidJson { line: 1, column: 6 }));
    }
}

#[test]
fn a_missing_field_is_told_before_any_other_fault_and_the_first_of_several() {
    fails("/submit", json!({}), "Missing required field: configuration_id");
    fails("/submit", json!({"url": 7, "name": 7}), "Missing required field: configuration_id");
    fails("/submit", json!({"configuration_id": "x"}), "Missing required field: url");
    fails("/update-transcription-group", json!({}), "Missing required field: transcription_id");
    fails("/create-evaluator", json!({"criteria": 1}), "Missing required field: tag");
    fails("/create-evaluator", json!({"tag": 1}), "Missing required field: criteria");
    let nested = json!({"tag": 7, "extraction_fields": [
        {"name": "n", "type": "bad", "description": "d"}, {"description": 7}, {},
    ]});
    fails("/create-configuration", nested, "Missing required field: extraction_fields[1].name");
    let shallow = json!({"extraction_fields": [{}]});
    fails("/create-configuration", shallow, "Missing required field: tag");
    let last = json!({"tag": "t", "extraction_fields": [{"name": "n", "type": "string"}]});
    fails(
        "/create-configuration",
        last,
        "Missing required field: extraction_fields[0].description",
    );
}

#[test]
fn other_faults_are_told_shallow_first_and_in_the_order_of_the_document() {
    let uuid = |field: &str| {
        format!("{field} must be a UUID such as a1b2c3d4-e5f6-7890-1234-567890abcdef.")
    };
    let body = json!({"configuration_id": "x", "url": "x", "name": 1, "evaluator_id": "x"});
    fails("/submit", body, &uuid("configuration_id"));
    let body = json!({"configuration_id": ID, "url": "x", "name": 1, "evaluator_id": "x"});
    let url = "url must be an http:// or https:// URL.";
    fails("/submit", body, url);
    let body = json!({"configuration_id": ID, "url": "http://y", "evaluator_id": "", "participant_id": ""});
    fails("/submit", body, &uuid("participant_id"));
    let body = json!({"tag": "t", "webhooks": {"error_url": "", "success_url": ""}, "summary": 1});
    fails("/create-configuration", body, "summary must be true or false or null.");
    let body = json!({"tag": "t", "webhooks": {"error_url": "", "success_url": ""}});
    fails("/create-configuration", body, "webhooks.success_url must be an https:// URL.");
}

#[test]
fn one_of_several_choices_is_asked_for_by_name() {
    let field = json!({"name": "n", "type": "date", "description": "d"});
    let message = "extraction_fields[1].type must be one of string, number, boolean, array.";
    let good = json!({"name": "n", "type": "array", "description": "d"});
    let body = json!({"tag": "t", "extraction_fields": [good, field]});
    fails("/create-configuration", body, message);
    let body = json!({"configuration_id": ID, "extraction_fields": [{"name": "n", "type": "x"}]});
    let message = "extraction_fields[0].type must be one of string, number, boolean, array.";
    fails("/update-configuration", body, message);
    let criteria = json!([{"type": "Strict", "weight": 100}]);
    let message = "criteria[0].type must be one of boolean, scale, strict.";
    fails("/create-evaluator", json!({"tag": "t", "criteria": criteria}), message);
}

#[test]
fn only_the_four_published_group_values_pass() {
    let path = "/update-transcription-group";
    for good in ["PENDING_REVIEW", "UNDER_REVIEW", "ARCHIVED", ""] {
        passes(path, json!({"transcription_id": ID, "group": good}));
    }
    let others = [json!("archived"), json!(" "), json!("Q4-2023"), json!(7), json!(["ARCHIVED"])];
    for bad in others.into_iter().chain([Value::Null]) {
        fails(path, json!({"transcription_id": ID, "group": bad}), "Invalid group value");
    }
}

#[test]
fn weights_are_judged_only_where_all_of_them_are_known() {
    let sum = |found: &str| {
        format!(
            "criteria: the weights of all boolean and scale criteria must sum to exactly 100 \
             (they sum to {found})."
        )
    };
    let create = |criteria: Value| json!({"tag": "t", "criteria": criteria});
    let update = |criteria: Value| json!({"evaluator_id": ID, "criteria": criteria});
    let thirds = json!([{"weight": 33.33}, {"weight": 33.33}, {"weight": 33.34}]);
    passes("/create-evaluator", create(thirds));
    fails("/create-evaluator", create(json!([{"weight": 99.9}])), &sum("99.9"));
    fails("/update-evaluator", update(json!([{"weight": 60}, {"weight": 60}])), &sum("120"));
    passes("/create-evaluator", create(json!([{"name": "n"}, {"weight": 5}])));
    passes("/create-evaluator", create(json!([{"weight": null}, {"weight": 5}])));
    passes("/update-evaluator", update(json!([{"id": ID, "weight": 0}, {"weight": 5}])));
    let known = json!([{"id": ID, "type": "scale", "weight": 5}]);
    fails("/update-evaluator", update(known), &sum("5"));
    let zero = "criteria[0].weight must be greater than 0 for a boolean or scale criterion.";
    fails("/create-evaluator", create(json!([{"weight": 0}, {"weight": 100}])), zero);
    fails("/create-evaluator", create(json!([{"weight": -5}, {"weight": 105}])), zero);
    let strict = json!([{"weight": 100}, {"type": "strict", "weight": -5}]);
    passes("/create-evaluator", create(strict));
    let text = "criteria[0].weight must be a number or null.";
    fails("/create-evaluator", create(json!([{"weight": "100"}])), text);
}

#[test]
fn a_criterion_id_is_looked_at_only_where_it_is_published() {
    let criteria = json!([{"id": "first", "weight": 100}]);
    passes("/create-evaluator", json!({"tag": "t", "criteria": criteria}));
    let message = "criteria[0].id must be a UUID such as a1b2c3d4-e5f6-7890-1234-567890abcdef.";
    fails("/update-evaluator", json!({"evaluator_id": ID, "criteria": criteria}), message);
}

#[test]
fn what_the_upstream_alone_can_know_passes() {
    for (path, body) in [
        ("/update-configuration", json!({"configuration_id": ID, "tag": 7})),
        ("/update-evaluator", json!({"evaluator_id": ID, "tag": ["x"]})),
        ("/submit", json!({"configuration_id": ID, "url": "HTTPS://a", "name": "x".repeat(9999)})),
        ("/create-configuration", json!({"tag": "t", "summary_language": "tlh"})),
        ("/create-participant", json!({"tag": "t", "metadata": {"": {"a": null}}})),
        ("/get-participant", json!({})),
        ("/delete-evaluator", json!({"id": 7})),
    ] {
        passes(path, body);
    }
}

#[test]
fn an_address_that_ends_like_something_else_is_no_audio() {
    let body = |url: &str| json!({"configuration_id": ID, "url": url});
    for url in ["https://a/b.PDF", "http://a/b.mp3.zip?x=.mp3", "https://a/b%2Ehtml#x"] {
        let found = verdict_on_bytes("/submit", body(url).to_string().as_bytes());
        assert_eq!(found, Err(Refusal::UnsupportedAudio { fault: AudioFault::Format }), "{url}");
    }
    for url in ["https://a/b.mp3", "HTTP://a/b", "https://a/b.opus?c=d.txt", "https://a.zip"] {
        passes("/submit", body(url));
    }
    // What is wrong with the address itself, or is missing, is told first.
    let http = "url must be an http:// or https:// URL.";
    for url in ["s3://bucket/key.txt", "ftp://a/b.mp3", "file:///b.mp3", "b.mp3", "//a/b.mp3", ""] {
        fails("/submit", body(url), http);
    }
    fails("/submit", json!({"url": "https://a/b.pdf"}), "Missing required field: configuration_id");
    fails("/submit", json!({"configuration_id": ID, "url": ["b.pdf"]}), "url must be a string.");
}

#[test]
fn a_hostile_key_comes_back_short_and_escaped() {
    let key = "\r\nx-evil: \u{202e}1";
    let body = json!({"tag": "t", "metadata": {key: "v".repeat(251)}});
    let message =
        "metadata.\\r\\nx-evil: \\u{202e}1 must be at most 250 characters long (it has 251).";
    fails("/create-participant", body, message);
}

#[test]
fn a_huge_body_of_faults_is_answered_with_one_short_sentence() {
    let vocabulary = json!({"tag": "t", "vocabulary": vec![7; 300_000]});
    fails("/create-configuration", vocabulary, "vocabulary[0] must be a string.");
    let mut words = vec![json!("word"); 50_000];
    words.push(json!(7));
    let late = json!({"tag": "t", "vocabulary": words});
    fails("/create-configuration", late, "vocabulary[50000] must be a string.");
    let items = json!({"tag": "t", "extraction_fields": vec![json!({}); 100_000]});
    fails("/create-configuration", items, "Missing required field: extraction_fields[0].name");
    let mut many: Value = (0..20_000).map(|n| (format!("a{n}"), json!(n))).collect();
    many["configuration_id"] = json!(ID);
    many["url"] = json!(7);
    fails("/submit", many, "url must be a string.");
}

fn hostile_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-10..200i64).prop_map(Value::from),
        Just(json!(ID)),
        Just(json!("SECRET-VALUE")),
        "[a-z]{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![
            Just("name"),
            Just("type"),
            Just("weight"),
            Just("id"),
            Just("description"),
            Just("success_url"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.prop_map(String::from), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const FIELDS: [&str; 12] = [
    "configuration_id",
    "evaluator_id",
    "participant_id",
    "transcription_id",
    "tag",
    "metadata",
    "criteria",
    "extraction_fields",
    "webhooks",
    "url",
    "group",
    "vocabulary",
];

proptest! {
    #[test]
    fn a_refusal_is_short_and_repeats_no_value_of_the_request(
        members in prop::collection::hash_map(prop::sample::select(&FIELDS[..]), hostile_value(), 0..6)
    ) {
        let body = Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
        for path in ["/create-configuration", "/update-evaluator", "/submit", "/create-participant",
            "/update-configuration", "/update-transcription-group"]
        {
            let Err(refusal) = verdict_on_bytes(path, body.to_string().as_bytes()) else { continue };
            let message = refusal.message();
            prop_assert!(!message.contains("SECRET"), "{}", message);
            prop_assert!(message.len() < 200, "{}", message);
            prop_assert!(
                matches!(refusal, Refusal::MissingField { .. } | Refusal::InvalidField { .. }),
                "{:?}", refusal
            );
            prop_assert!(!message.contains("breaks a rule"), "{} {}", message, body);
        }
    }
}
