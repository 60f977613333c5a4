//! Does a contract document become exactly the table that it describes, and is each mistake in it
//! shown where it was made?

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use heify_gateway::contract::{Answer, Contract, Endpoint, Kind, Lookup, Violation};
use heify_gateway::rate::Rate;
use http::Method;
use serde_json::json;

/// Path, calls per minute, burst, calls per month, effect, object.
type Row = (&'static str, u32, u32, Option<u32>, Kind, &'static str);

#[rustfmt::skip]
const HEIFY: [Row; 24] = [
    ("/create-configuration", 10, 2, None, Kind::Creates, "configuration"),
    ("/list-configurations", 50, 3, None, Kind::Lists, "configuration"),
    ("/get-configuration", 500, 17, None, Kind::Reads, "configuration"),
    ("/update-configuration", 50, 3, None, Kind::Changes, "configuration"),
    ("/delete-configuration", 50, 3, None, Kind::Deletes, "configuration"),
    ("/create-evaluator", 10, 2, None, Kind::Creates, "evaluator"),
    ("/list-evaluators", 50, 3, None, Kind::Lists, "evaluator"),
    ("/get-evaluator", 500, 17, None, Kind::Reads, "evaluator"),
    ("/update-evaluator", 500, 17, None, Kind::Changes, "evaluator"),
    ("/delete-evaluator", 500, 17, None, Kind::Deletes, "evaluator"),
    ("/create-participant", 10, 2, None, Kind::Creates, "participant"),
    ("/list-participants", 50, 3, None, Kind::Lists, "participant"),
    ("/get-participant", 500, 17, None, Kind::Reads, "participant"),
    ("/update-participant", 500, 17, None, Kind::Changes, "participant"),
    ("/delete-participant", 500, 17, None, Kind::Deletes, "participant"),
    ("/submit", 500, 17, None, Kind::Creates, "transcription"),
    ("/request-upload-url", 500, 17, None, Kind::Creates, "transcription"),
    ("/list-transcriptions", 500, 17, None, Kind::Lists, "transcription"),
    ("/get-transcription", 500, 17, None, Kind::Reads, "transcription"),
    ("/update-transcription-group", 500, 17, None, Kind::Changes, "transcription"),
    ("/delete-transcription", 500, 17, None, Kind::Deletes, "transcription"),
    ("/analytics", 5, 2, Some(30), Kind::Analyzes, "configuration"),
    ("/analytics-evaluator", 50, 3, Some(500), Kind::Analyzes, "evaluator"),
    ("/analytics-participant", 50, 3, Some(500), Kind::Analyzes, "participant"),
];

fn heify() -> Contract {
    Contract::built_in().unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

#[track_caller]
fn found<'c>(contract: &'c Contract, path: &str, method: Method) -> &'c Endpoint {
    match contract.find(path, &method) {
        Lookup::Found(endpoint) => endpoint,
        other => panic!("{method} {path}: {other:?}"),
    }
}

#[test]
fn the_built_in_contract_has_the_published_endpoints_rates_and_quotas() {
    let contract = heify();
    assert_eq!(contract.endpoints().len(), HEIFY.len());
    for (index, (path, per_minute, burst, monthly, kind, object)) in HEIFY.into_iter().enumerate() {
        let endpoint = found(&contract, path, Method::POST);
        assert_eq!(endpoint.index, index, "{path}");
        assert_eq!(endpoint.rate, Rate::new(per_minute, burst), "{path}");
        assert_eq!(endpoint.monthly.map(u32::from), monthly, "{path}");
        assert_eq!(endpoint.effect.kind, kind, "{path}");
        assert_eq!(endpoint.effect.object.as_deref(), Some(object), "{path}");
        assert!(endpoint.body.as_ref().is_some_and(|body| body.is_required()), "{path}");
    }
}

#[test]
fn only_what_changes_and_costs_nothing_is_safe_to_repeat() {
    for endpoint in heify().endpoints() {
        let harmless = matches!(endpoint.effect.kind, Kind::Reads | Kind::Lists);
        assert_eq!(endpoint.effect.repeatable, harmless, "{}", endpoint.path);
        let submits = matches!(&*endpoint.path, "/submit" | "/request-upload-url");
        assert_eq!(endpoint.effect.spends_minutes, submits, "{}", endpoint.path);
        let slow = &*endpoint.path == "/submit" || endpoint.path.starts_with("/analytics");
        let timeout = slow.then_some(Duration::from_secs(90));
        assert_eq!(endpoint.effect.timeout, timeout, "{}", endpoint.path);
    }
}

#[test]
fn caps_and_their_published_text_stand_at_the_creating_endpoints() {
    let contract = heify();
    for endpoint in contract.endpoints() {
        let cap = endpoint.cap.as_ref().map(|cap| (cap.most.get(), cap.message.as_deref()));
        let expected = match &*endpoint.path {
            "/create-configuration" => {
                Some((20, Some("Maximum of 20 configurations per client exceeded")))
            }
            "/create-evaluator" => Some((20, None)),
            "/create-participant" => Some((200, None)),
            _ => None,
        };
        assert_eq!(cap, expected, "{}", endpoint.path);
    }
}

#[test]
fn every_id_of_a_request_is_known_with_its_kind() {
    for endpoint in heify().endpoints() {
        let ids: Vec<_> = endpoint.ids.iter().map(|id| (&*id.pointer, &*id.kind)).collect();
        let object = endpoint.effect.object.as_deref().unwrap_or_default();
        let own = format!("/{object}_id");
        let expected = match (&*endpoint.path, endpoint.effect.kind) {
            ("/submit" | "/request-upload-url", _) => vec![
                ("/configuration_id", "configuration"),
                ("/participant_id", "participant"),
                ("/evaluator_id", "evaluator"),
            ],
            (_, Kind::Creates | Kind::Lists) => vec![],
            _ => vec![(own.as_str(), object)],
        };
        assert_eq!(ids, expected, "{}", endpoint.path);
    }
}

#[test]
fn an_answer_is_pointed_into_only_where_its_shape_is_published() {
    let at = |pointer: &str| Some(pointer.into());
    for endpoint in heify().endpoints() {
        let expected = match &*endpoint.path {
            "/create-configuration" => {
                Answer { id: at("/data/configuration_id"), ..Answer::default() }
            }
            "/create-evaluator" => {
                Answer { id: at("/data/evaluator/evaluator_id"), ..Answer::default() }
            }
            "/create-participant" => {
                Answer { id: at("/data/participant/participant_id"), ..Answer::default() }
            }
            "/submit" => Answer { id: at("/data/transcription_id"), ..Answer::default() },
            "/request-upload-url" => Answer {
                id: at("/data/transcription_id"),
                upload_url: at("/data/upload_url"),
                ..Answer::default()
            },
            "/list-participants" => Answer {
                items: at("/data/items"),
                count: at("/data/count"),
                item_id: at("/participant_id"),
                ..Answer::default()
            },
            "/get-transcription" => Answer {
                status: at("/data/status"),
                completed: at("COMPLETED"),
                failed: at("FAILED"),
                duration: at("/data/duration"),
                ..Answer::default()
            },
            _ => Answer::default(),
        };
        assert_eq!(endpoint.answer, expected, "{}", endpoint.path);
    }
}

#[test]
fn a_request_is_found_by_its_exact_path_and_method() {
    let contract = heify();
    for path in ["/Submit", "/submit/", "submit", "//submit", "/submit?x", "/v1/submit", ""] {
        assert!(matches!(contract.find(path, &Method::POST), Lookup::Unknown), "{path}");
    }
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT] {
        let Lookup::WrongMethod { expected } = contract.find("/submit", &method) else {
            panic!("{method}")
        };
        assert_eq!(expected, Method::POST);
    }
}

#[test]
fn a_near_path_of_the_api_is_suggested_and_a_far_one_is_not() {
    let contract = heify();
    for endpoint in contract.endpoints() {
        let path = &*endpoint.path;
        for slip in [
            format!("/v1{path}"),
            format!("{path}/"),
            format!("/{path}"),
            path.to_uppercase(),
            path.replacen(['i', 'e', 'a', 'l'], "", 1),
            path.replace('-', "_"),
        ] {
            assert_eq!(contract.nearest(&slip), Some(path), "{slip}");
        }
    }
    for far in ["/", "/details", "/health", "/analysis-report", "/get-user", "/.env", "/wp-login"] {
        assert_eq!(contract.nearest(far), None, "{far}");
    }
}

const LIBRARY: &str = r##"{
  "openapi": "3.1.0",
  "info": {"title": "A lending library", "version": "1"},
  "paths": {
    "/shelf/books": {
      "get": {"x-gateway-effect": {"kind": "lists", "object": "book"}, "responses": {}},
      "post": {
        "x-gateway-effect": {"kind": "creates", "object": "book", "repeatable": true},
        "x-gateway-cap": {"most": 3, "message": "The shelf is full"},
        "requestBody": {"$ref": "#/components/requestBodies/Book"},
        "responses": {"201": {"$ref": "#/components/responses/Made"}}
      }
    },
    "/loans": {
      "summary": "Who has what",
      "x-other-tool": {"anything": true},
      "put": {
        "x-gateway-effect": {"kind": "changes", "timeout": "1500ms"},
        "x-gateway-limits": {"rate": 7, "burst": 7},
        "requestBody": {"content": {"application/json": {"schema": {
          "required": ["reader", "books"],
          "properties": {
            "books": {"type": "array", "items": {"$ref": "#/components/schemas/BookId"}},
            "reader": {"type": "string", "pattern": "^[a-z]+$"},
            "days": {"type": "integer", "minimum": 1, "exclusiveMaximum": 90}
          }
        }}}},
        "responses": {}
      }
    }
  },
  "components": {
    "requestBodies": {"Book": {"required": true, "content": {"application/json": {
      "schema": {"$ref": "#/components/schemas/Book"}}}}},
    "responses": {"Made": {"description": "Made", "x-gateway-answer": {"id": "/book/id"}}},
    "schemas": {
      "BookId": {"type": "string", "x-gateway-id": "book"},
      "Book": {
        "type": "object", "required": ["title"],
        "properties": {
          "title": {"type": "string", "minLength": 1, "x-gateway-message": "A book has a title"},
          "sequels": {"type": "array", "items": {"$ref": "#/components/schemas/Book"}},
          "follows": {"$ref": "#/components/schemas/BookId"}
        }
      }
    }
  }
}"##;

fn library() -> Contract {
    Contract::parse(LIBRARY, "library.json").unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

#[test]
fn another_api_is_fronted_by_another_document() {
    let contract = library();
    assert_eq!(contract.endpoints().len(), 3);
    let list = found(&contract, "/shelf/books", Method::GET);
    assert!(list.body.is_none() && list.rate.is_none() && list.effect.repeatable);
    let create = found(&contract, "/shelf/books", Method::POST);
    assert!(create.effect.repeatable && create.body.as_ref().unwrap().is_required());
    assert_eq!(create.answer.id.as_deref(), Some("/book/id"));
    assert_eq!(create.cap.as_ref().unwrap().message.as_deref(), Some("The shelf is full"));
    let lend = found(&contract, "/loans", Method::PUT);
    assert_eq!(lend.effect.timeout, Some(Duration::from_millis(1500)));
    assert_eq!((&*lend.ids[0].pointer, &*lend.ids[0].kind), ("/books/*", "book"));
    assert!(!lend.body.as_ref().unwrap().is_required());
    let wrong = contract.find("/shelf/books", &Method::DELETE);
    assert!(matches!(wrong, Lookup::WrongMethod { expected: &Method::GET }), "{wrong:?}");
    assert_eq!(contract.nearest("/api/shelf/Books/"), Some("/shelf/books"));
}

#[test]
fn a_recursive_schema_is_checked_to_its_depth() {
    let contract = library();
    let body = found(&contract, "/shelf/books", Method::POST).body.as_ref().unwrap();
    let ids = &found(&contract, "/shelf/books", Method::POST).ids;
    assert_eq!(ids.iter().map(|id| &*id.pointer).collect::<Vec<_>>(), ["/follows"]);
    assert_eq!(body.check(&json!({"title": "a", "sequels": [{"title": "b"}]})), Ok(()));
    let deep = json!({"title": "a", "sequels": [{"title": "b", "sequels": [{}]}]});
    let field = "sequels[0].sequels[0].title".into();
    assert_eq!(body.check(&deep), Err(Violation::Missing { field }));
    let message = "A book has a title".into();
    assert_eq!(body.check(&json!({"title": ""})), Err(Violation::Invalid { message }));
}

#[test]
fn the_rules_of_plain_json_schema_have_sentences_too() {
    let contract = library();
    let body = found(&contract, "/loans", Method::PUT).body.as_ref().unwrap();
    for (days, reader, expected) in [
        (json!(0), "ada", "days must be at least 1."),
        (json!(90), "ada", "days must be less than 90."),
        (json!(1.5), "ada", "days must be a whole number."),
        (json!(1), "Ada", "reader does not have the required form."),
    ] {
        let found = body.check(&json!({"books": [], "reader": reader, "days": days}));
        assert_eq!(found, Err(Violation::Invalid { message: expected.into() }));
    }
    let field = "reader".into();
    assert_eq!(body.check(&json!({"days": 0})), Err(Violation::Missing { field }));
}
