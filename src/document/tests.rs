//! Does a table say what the library reads?

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::*;

/// The value that the table describes.
fn value(document: &Document<'_>, place: Place) -> Value {
    match document.form(place) {
        Form::List => document.items(place).map(|item| value(document, item)).collect(),
        Form::Object => {
            let member =
                |(key, at)| (document.string(key).unwrap().into_owned(), value(document, at));
            Value::Object(document.members(place).map(member).collect())
        }
        _ => serde_json::from_str(document.raw(place)).unwrap(),
    }
}

fn flaw(text: &str) -> Flaw {
    Table::read(text, 64).unwrap_err()
}

#[test]
fn every_value_is_found_at_its_place() {
    let text = r#" {"a" : [1, -2.5e3,{}, []], "b\"\\":{"c":"\u0064\"]","":null} ,"t":true } "#;
    let table = Table::read(text, 64).unwrap();
    let document = table.of(text);
    assert_eq!(value(&document, ROOT), serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(document.value(ROOT), value(&document, ROOT));
    let at = |pointer| document.pointed(ROOT, pointer).map(|place| document.raw(place));
    assert_eq!(at("/a/1"), Some("-2.5e3"));
    assert_eq!(at("/b\"\\/c"), Some(r#""\u0064\"]""#));
    assert_eq!(at(""), Some(text.trim()));
    assert_eq!((at("/a/4"), at("/t/x"), at("/z")), (None, None, None));
}

#[test]
fn what_has_no_one_reading_is_refused() {
    for text in ["", " ", "{", "[1,]", "{} {}", "nul", "\u{feff}{}", "\"a", "[1 2]"] {
        assert_eq!(flaw(text), Flaw::NotJson, "{text}");
    }
    assert_eq!(flaw(r#"{"\ud800":1}"#), Flaw::NotJson);
    assert_eq!(flaw(r#"[{"a":1,"b":2,"\u0061":3}]"#), Flaw::RepeatedKey);
    let many: String = (0..40).map(|n| format!("\"{n}\":[{{}}],")).collect();
    assert!(Table::read(&format!("{{{many}\"x\":1}}"), 64).is_ok());
    assert_eq!(flaw(&format!("{{{many}\"x\":{{}},\"39\":1}}")), Flaw::RepeatedKey);
    assert_eq!(flaw(r#"{"a":{"b":1,"c":2,"b":3}}"#), Flaw::RepeatedKey);
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(Table::read(&nested(64), 64).is_ok());
    assert_eq!(flaw(&nested(65)), Flaw::TooDeep);
    assert_eq!(flaw(&nested(1 << 20)), Flaw::TooDeep);
}

#[test]
fn what_the_grammar_does_not_ask_for_is_told_apart() {
    for (text, is_readable) in [
        (r#"{"a":[1,"b\n",1.5e3,true,false,null]}"#, true),
        (r#""\ud83c\udfa7""#, true),
        ("18446744073709551616", true),
        ("1e400", false),
        ("[-1E400]", false),
        (r#"["\ud800"]"#, false),
        (r#"{"a":"x\udc00"}"#, false),
    ] {
        let table = Table::read(text, 64).unwrap();
        assert_eq!(table.of(text).is_readable(), is_readable, "{text}");
    }
    let digits = "9".repeat(400);
    assert!(!Table::read(&digits, 64).unwrap().of(&digits).is_readable());
}

#[test]
fn a_member_is_found_in_any_spelling_of_its_key() {
    let text = r#"{"id":1,"\u006eame":"a\u00e9\ud83c\udfa7","names":3}"#;
    let table = Table::read(text, 64).unwrap();
    let document = table.of(text);
    let (key, name) = document.member(ROOT, "name").unwrap();
    assert_eq!((document.raw(key), document.length(name)), (r#""\u006eame""#, Some(3)));
    assert!(document.spells(name, "aé🎧") && !document.spells(name, "aé"));
    assert!(document.member(ROOT, "nam").is_none() && document.member(ROOT, "i").is_none());
    assert_eq!(document.member(name, "a"), None);
}

#[test]
fn a_count_is_a_whole_number_and_nothing_else() {
    for (text, count) in [
        ("0", Some(0)),
        ("20", Some(20)),
        ("-1", None),
        ("2.0", None),
        ("1e1", None),
        ("99999999999999999999999", None),
    ] {
        assert_eq!(Table::read(text, 64).unwrap().of(text).count(ROOT), count, "{text}");
    }
}

#[test]
fn the_table_of_nothing_says_null() {
    let table = Table::default();
    for text in ["", "  ", "{}"] {
        let document = table.of(text);
        assert_eq!((document.form(ROOT), document.value(ROOT)), (Form::Null, json!(null)));
        assert_eq!((document.members(ROOT).count(), document.pointed(ROOT, "/a")), (0, None));
    }
}

#[test]
fn a_table_takes_no_more_than_is_counted_for_it() {
    for text in ["[0,0,0,0,0,0,0,0,0,0]", r#"{"a":{"b":[]},"c":[[],[{}]]}"#, "1"] {
        let values = table_bytes(text.as_bytes()) / 24;
        assert!(text.len() >= values && values >= Table::read(text, 64).unwrap().len(), "{text}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[\"\\\\a\\[\\]{}:, é]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("[\"\\\\a{},]{0,3}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_table_says_what_the_library_reads(written in any_json(), pretty: bool) {
        let text = if pretty { format!("{written:#}") } else { written.to_string() };
        let table = Table::read(&text, 64).unwrap();
        let document = table.of(&text);
        prop_assert!(document.is_readable());
        prop_assert_eq!(value(&document, ROOT), written);
    }

    #[test]
    fn what_is_json_is_what_the_library_takes_for_it(
        text in "[\\[\\]{}:,\"a1e.\\\\u0 \u{1}\n-]{0,24}",
        content in "[a\u{1f} é🎧\u{80}\"\\\\]{0,24}",
        words in prop::collection::vec(
            prop::sample::select(vec![
                "null", "true", "false", "nul", "0", "-", "1.5", ".5", "1e5", "01", "\"a\"", ",", ":",
                "[", "]", "{", "}", " ",
            ]),
            0..8,
        ),
    ) {
        for text in [text, format!("\"{content}\""), format!("[{content}]"), words.concat()] {
            let library = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            let read = Table::read(&text, 64);
            // What cannot be told apart is told of what is JSON only.
            let table = read.as_ref().map_err(|flaw| *flaw);
            prop_assert_eq!(table.is_ok() || table == Err(Flaw::RepeatedKey), library, "{}", text);
        }
    }

    #[test]
    fn another_text_makes_nothing_panic(written in any_json(), other in "[\\[\\]{}:,\"a1é\\\\ -]{0,24}") {
        let table = Table::read(&written.to_string(), 64).unwrap();
        let document = table.of(&other);
        for place in 0..=table.len() {
            let _ = (document.string(place), document.value(place), document.length(place));
            let _ = (document.members(place).count(), document.items(place).count());
            let _ = (document.member(place, "a"), document.count(place));
        }
        let _ = document.is_readable();
    }
}
