//! Is each mistake of a contract document shown, with its line and column?

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use heify_gateway::contract::Contract;
use proptest::prelude::*;

/// A document with one operation, into which tests write their mistakes.
const GOOD: &str = "\
openapi: 3.1.1
paths:
  /books:
    post:
      x-gateway-limits: { rate: 5, burst: 2, monthly: 9 }
      x-gateway-effect: { kind: creates, object: book }
      x-gateway-cap: { most: 3 }
      requestBody:
        content:
          application/json:
            schema:
              properties:
                id: { type: string, x-gateway-id: book }
      responses:
        \"200\": { description: Done, x-gateway-answer: { id: /id } }
components:
  schemas:
    Spare: { type: string }
";

fn mistakes(document: &str) -> Vec<String> {
    let mistakes = Contract::parse(document, "api.yaml").err().unwrap_or_default();
    mistakes.iter().map(ToString::to_string).collect()
}

/// Replaces one piece of the good document and expects exactly one mistake, at a place.
#[track_caller]
fn one_mistake(piece: &str, instead: &str, expected: &str) {
    assert!(GOOD.contains(piece), "{piece}");
    let found = mistakes(&GOOD.replacen(piece, instead, 1));
    assert_eq!(found.len(), 1, "{instead}: {found:#?}");
    assert!(found[0].starts_with(expected), "{instead}: {found:#?}");
}

#[test]
fn a_good_document_has_no_mistake() {
    assert_eq!(mistakes(GOOD), [""; 0]);
}

#[test]
fn a_document_of_another_kind_is_refused() {
    one_mistake("openapi: 3.1.1", "openapi: 3.0.3", "api.yaml:1:10: expected an OpenAPI");
    one_mistake("openapi: 3.1.1\n", "", "api.yaml:1:1: expected an OpenAPI");
    assert_eq!(
        mistakes("openapi: 3.1.1\npath:\n  /books: {}\n"),
        ["api.yaml:1:1: paths is missing"]
    );
    assert_eq!(mistakes("openapi: 3.1.1\npaths: {}\n"), ["api.yaml:2:8: paths has no operation"]);
    assert_eq!(mistakes("").len(), 1);
    assert_eq!(mistakes("just text").len(), 2);
}

#[test]
fn what_is_not_yaml_is_shown_where_it_breaks_off() {
    let twice = format!("{GOOD}paths: {{}}\n");
    let found = mistakes(&twice);
    assert!(found.len() == 1 && found[0].starts_with("api.yaml:19:1: "), "{found:?}");
    one_mistake("{ type: string }", "{ type: string", "api.yaml:19:1: not readable as YAML");
    one_mistake("type: string }\n", "type: !it string }\n", "api.yaml:18:20: expected plain");
}

#[test]
fn a_path_that_cannot_be_matched_exactly_is_refused() {
    one_mistake("/books:", "/books/{id}:", "api.yaml:3:3: /books/{id}: templates");
    one_mistake("/books:", "books:", "api.yaml:3:3: books: a path starts with /");
    one_mistake("/books:", "/books?all:", "api.yaml:3:3: /books?all: a path starts with /");
    one_mistake("  /books:", "  /lost: 7\n  /books:", "api.yaml:3:10: /lost: expected operations");
    one_mistake(
        "    post:",
        "    pots: {}\n    post:",
        "api.yaml:4:5: /books: unknown method pots",
    );
}

#[test]
fn a_limit_that_would_not_hold_is_refused() {
    let limits = "{ rate: 5, burst: 2, monthly: 9 }";
    one_mistake(limits, "{ rate: 0, burst: 2 }", "api.yaml:5:33: x-gateway-limits: rate must");
    one_mistake(limits, "{ rate: 5, burst: -1 }", "api.yaml:5:43: x-gateway-limits: burst must");
    one_mistake(limits, "{ monthly: 1.5 }", "api.yaml:5:36: x-gateway-limits: monthly must");
    one_mistake(limits, "{ rate: 5 }", "api.yaml:5:25: x-gateway-limits: rate and burst");
    one_mistake(limits, "{ rat: 5 }", "api.yaml:5:27: x-gateway-limits: unknown rat; known: rate");
    one_mistake(limits, "5", "api.yaml:5:25: x-gateway-limits: expected a mapping");
    one_mistake("{ most: 3 }", "{ most: 4294967296 }", "api.yaml:7:30: x-gateway-cap: most must");
    one_mistake("{ most: 3 }", "{}", "api.yaml:7:22: x-gateway-cap: most is missing");
}

#[test]
fn an_effect_that_is_not_understood_is_refused() {
    let effect = "{ kind: creates, object: book }";
    let at = "api.yaml:6:";
    for (instead, expected) in [
        ("{ kind: makes, object: book }", "33: x-gateway-effect: kind must be creates"),
        ("{ object: book }", "25: x-gateway-effect: kind is missing"),
        ("{ kind: creates, object: book, timeout: 0s }", "65: x-gateway-effect: timeout must"),
        ("{ kind: creates, object: book, repeatable: 1 }", "68: x-gateway-effect: repeatable"),
        ("{ kind: creates, object: book, costs: 1 }", "56: x-gateway-effect: unknown costs"),
    ] {
        let found = mistakes(&GOOD.replacen(effect, instead, 1));
        let expected = format!("{at}{expected}");
        assert!(found.iter().any(|mistake| mistake.starts_with(&expected)), "{found:#?}");
    }
    let line = "      x-gateway-effect: { kind: creates, object: book }\n";
    let found = mistakes(&GOOD.replacen(line, "", 1));
    assert!(found.iter().any(|m| m == "api.yaml:4:5: /books: x-gateway-effect is missing"));
}

#[test]
fn a_cap_belongs_to_what_creates() {
    one_mistake("kind: creates", "kind: changes", "api.yaml:7:7: x-gateway-cap: only an operation");
}

#[test]
fn an_extension_that_nobody_reads_is_refused() {
    one_mistake("x-gateway-limits", "x-gateway-limit", "api.yaml:5:7: unknown extension");
    let path = "    x-gateway-limits: { rate: 5, burst: 5 }\n    post:";
    one_mistake("    post:", path, "api.yaml:4:5: x-gateway-limits has no effect at this place");
    one_mistake("\"200\"", "\"404\"", "api.yaml:15:37: x-gateway-answer has no effect");
    let nested = "not: { x-gateway-id: book }, type: string }\n";
    one_mistake("type: string }\n", nested, "api.yaml:18:21: x-gateway-id works below properties");
}

#[test]
fn an_id_of_a_kind_that_does_not_exist_is_refused() {
    one_mistake("x-gateway-id: book", "x-gateway-id: bok", "api.yaml:13:51: x-gateway-id: no op");
    one_mistake("x-gateway-id: book", "x-gateway-id: 7", "api.yaml:13:51: x-gateway-id: expected");
}

#[test]
fn one_field_at_most_is_the_address_of_audio() {
    for (schema, place) in [
        ("type: string, x-gateway-audio-url: yes please }\n", "18:"),
        ("type: array, items: { x-gateway-audio-url: true } }\n", "18:"),
        ("type: string, x-gateway-audio-url: true }, v: { x-gateway-audio-url: true }\n", "18:"),
    ] {
        let expected = format!("api.yaml:{place}");
        one_mistake("type: string }\n", schema, &expected);
    }
}

#[test]
fn a_rule_that_does_not_exist_is_refused() {
    let schema = "type: string, x-gateway-rule: weights_sum_to_99 }\n";
    one_mistake("type: string }\n", schema, "api.yaml:18:44: x-gateway-rule: expected one of");
    let schema = "type: string, x-gateway-trimmed-length: 0 }\n";
    one_mistake("type: string }\n", schema, "api.yaml:18:54: x-gateway-trimmed-length: expected");
    let schema = "type: string, x-gateway-audio-url: yes }\n";
    one_mistake("type: string }\n", schema, "api.yaml:18:49: x-gateway-audio-url: expected true");
}

#[test]
fn a_reference_to_nowhere_is_refused() {
    for target in ["#/components/schemas/Lost", "other.yaml#/a", "https://a.example/b"] {
        let schema = format!("type: string, $ref: \"{target}\" }}\n");
        one_mistake("type: string }\n", &schema, "api.yaml:18:34: $ref leads nowhere");
    }
}

#[test]
fn a_schema_that_is_not_json_schema_is_shown_at_its_place() {
    one_mistake("type: string }\n", "type: text }\n", "api.yaml:18:20: not valid as JSON Schema");
    one_mistake("type: string, x", "maxLength: -1, x", "api.yaml:13:34: not valid as JSON Schema");
    one_mistake("type: string, x", "pattern: \"(\", x", "api.yaml:13:");
    let found = mistakes(&GOOD.replacen("application/json", "text/plain", 1));
    assert!(found[0].starts_with("api.yaml:9:9: requestBody: expected"), "{found:#?}");
}

#[test]
fn an_answer_is_pointed_into_by_json_pointers_and_once() {
    one_mistake("{ id: /id }", "{ id: id }", "api.yaml:15:61: x-gateway-answer: id must be a JSON");
    one_mistake("{ id: /id }", "{ id: /a~2 }", "api.yaml:15:61: x-gateway-answer: id must be");
    one_mistake("{ id: /id }", "{ ids: /id }", "api.yaml:15:57: x-gateway-answer: unknown ids");
    let second = "        201: { x-gateway-answer: { id: /id } }\ncomponents:";
    one_mistake("components:", second, "api.yaml:16:16: x-gateway-answer: only one response");
}

#[test]
fn a_mistake_in_a_shared_schema_is_told_once() {
    let shared = "$ref: \"#/components/schemas/Spare\" }";
    let document = GOOD
        .replace("type: string, x-gateway-id: book }", shared)
        .replace("Spare: { type: string }", "Spare: { x-gateway-rule: lost }");
    let found = mistakes(&document);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("api.yaml:18:30: x-gateway-rule: expected one of"), "{found:#?}");
}

#[test]
fn all_mistakes_of_a_document_are_shown_at_once_and_in_its_order() {
    let document = GOOD
        .replace("rate: 5", "rate: 0")
        .replace("kind: creates", "kind: conjures")
        .replace("x-gateway-id: book", "x-gateway-idea: book")
        .replace("/id }", "id }")
        .replace("Spare: { type: string }", "Spare: { $ref: \"#/nowhere\", type: thing }");
    let places: Vec<_> = Contract::parse(&document, "api.yaml")
        .unwrap_err()
        .iter()
        .map(|mistake| (mistake.line, mistake.column))
        .collect();
    assert_eq!(places, [(5, 33), (6, 33), (7, 7), (13, 37), (15, 61), (18, 20), (18, 39)]);
}

proptest! {
    #[test]
    fn no_damage_to_a_document_makes_the_gateway_panic(
        start in 0..GOOD.len(), length in 0..40usize, instead in "[ \\n:{}\\[\\],#&*!|>\"'a0-]{0,6}",
    ) {
        let end = (start + length).min(GOOD.len());
        let damaged = format!("{}{}{}", &GOOD[..start], instead, &GOOD[end..]);
        if let Err(mistakes) = Contract::parse(&damaged, "api.yaml") {
            prop_assert!(!mistakes.is_empty());
            let lines = damaged.lines().count() + 1;
            for mistake in mistakes {
                prop_assert!((1..=lines).contains(&mistake.line) && mistake.column > 0);
            }
        }
    }
}

#[test]
fn a_call_that_could_cost_something_proves_no_key() {
    let proof = |operation: &str, body: &str| {
        let line = "      x-gateway-limits: { rate: 5, burst: 2, monthly: 9 }\n";
        let instead = format!("      x-gateway-key-proof: {body}\n{operation}");
        GOOD.replacen(line, &instead, 1)
            .replacen("{ kind: creates, object: book }", "{ kind: reads, object: book }", 1)
            .replacen("      x-gateway-cap: { most: 3 }\n", "", 1)
    };
    assert_eq!(mistakes(&proof("", "{ body: { id: none } }")), [""; 0]);
    let only = "api.yaml:5:7: x-gateway-key-proof: only an operation that reads";
    let monthly = proof("      x-gateway-limits: { monthly: 9 }\n", "{ body: {} }");
    let creates = proof("", "{ body: {} }").replacen("kind: reads", "kind: creates", 1);
    let spends = proof("", "{ body: {} }").replacen("reads,", "reads, spends_minutes: true,", 1);
    for document in [monthly, creates, spends] {
        let found = mistakes(&document);
        assert!(found.len() == 1 && found[0].starts_with(only), "{found:#?}");
    }
    for (body, expected) in [
        ("{ body: { id: 7 } }", "api.yaml:5:7: x-gateway-key-proof: the operation's own schema"),
        ("{}", "api.yaml:5:28: x-gateway-key-proof: body is missing"),
        ("{ body: {}, header: 1 }", "api.yaml:5:40: x-gateway-key-proof: unknown header"),
    ] {
        let found = mistakes(&proof("", body));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:#?}");
    }
    let two = proof("", "{ body: {} }").replacen(
        "components:",
        "  /more:\n    post:\n      x-gateway-effect: { kind: lists }\n      \
         x-gateway-key-proof: { body: {} }\ncomponents:",
        1,
    );
    let found = mistakes(&two);
    assert!(found.len() == 1 && found[0].contains("one operation proves keys"), "{found:#?}");
}
