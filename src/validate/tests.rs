//! Does the reader of places judge as the reader of values does?

use proptest::prelude::*;
use serde_json::Value;

use super::{json, judge};
use crate::document::ROOT;
use crate::refusal::Refusal;

/// What a body says by its places.
fn by_places(bytes: &[u8]) -> Result<Value, Refusal> {
    let table = judge(bytes, None)?;
    Ok(table.of(std::str::from_utf8(bytes).unwrap()).value(ROOT))
}

/// The same of an empty body, which says null, by the reader of values.
fn by_values(bytes: &[u8]) -> Result<Value, Refusal> {
    if json::is_blank(bytes) { Ok(Value::Null) } else { json::read(bytes) }
}

/// JSON in all its spellings, and now and then what is none or what readers read differently.
fn any_text() -> impl Strategy<Value = String> {
    const GOOD: &[&str] = &[
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.5",
        "1e5",
        "1E-400",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "9007199254740993",
        "0.12345678901234567",
        "\"\"",
        "\"a\\n\"",
        "\"\\u00e9\"",
        "\"\\ud83c\\udfa7\"",
        "{}",
        "[]",
    ];
    const BAD: &[&str] = &[
        "nul",
        "01",
        "1.",
        "1E+400",
        "-1e400",
        "\"\\ud800\"",
        "\"\\udc00x\"",
        "\"\\u12\"",
        "\"\\x\"",
        "\"\n\"",
        "\"a",
        "[",
        "}",
        "",
    ];
    let leaf = prop_oneof![
        60 => prop::sample::select(GOOD).prop_map(str::to_owned),
        1 => prop::sample::select(BAD).prop_map(str::to_owned),
        8 => "[1-9][0-9]{0,25}(\\.[0-9]{1,20})?([eE][-+]?[0-9]{1,2})?",
        8 => any::<f64>().prop_map(|number| Value::from(number).to_string()),
        8 => any::<String>().prop_map(|text| Value::from(text).to_string()),
    ];
    const USUAL: &[&str] = &["\"a\"", "\"b\"", "\"c\"", "\"\"", "\"é\"", "\"a\\\\\"", "\"d\\n\""];
    const UNUSUAL: &[&str] =
        &["\"\\u0061\"", "\"d\\u000a\"", "\"\\u00e9\"", "\"\\ud800\"", "a", "1"];
    let key = prop_oneof![
        10 => prop::sample::select(USUAL).prop_map(str::to_owned),
        10 => (0..99).prop_map(|number| format!("\"{number}\"")),
        1 => prop::sample::select(UNUSUAL).prop_map(str::to_owned),
    ];
    let space = prop_oneof![
        60 => prop::sample::select(&["", " ", "\n", "\t\r\n"][..]),
        1 => prop::sample::select(&[",", "\u{b}"][..]),
    ];
    leaf.prop_recursive(5, 60, 20, move |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..20), space.clone())
                .prop_map(|(items, space)| format!("[{}{space}]", items.join(","))),
            (prop::collection::vec((key.clone(), inner), 0..20), space.clone()).prop_map(
                |(members, space)| {
                    let members =
                        members.iter().map(|(key, value)| format!("{key}:{space}{value}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }
            ),
        ]
    })
}

#[test]
fn depth_and_repetition_are_judged_alike() {
    let wide = |keys: usize, last: &str| {
        let members: String = (0..keys).map(|n| format!("\"k{n}\":[{n}],")).collect();
        format!("{{{members}\"{last}\":0}}")
    };
    let nested = |levels: usize| "{\"a\":[".repeat(levels) + &"]}".repeat(levels);
    for text in [
        wide(15, "k3"),
        wide(16, "k15"),
        wide(16, "k16"),
        wide(17, "\\u006b3"),
        wide(3, "\\u006b3"),
        wide(2000, "k1999"),
        wide(2000, "k2000"),
        nested(32),
        nested(33),
        nested(70_000),
        "\u{feff}{}".into(),
        "{} {}".into(),
    ] {
        assert_eq!(by_places(text.as_bytes()), by_values(text.as_bytes()), "{text:.80}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_text_is_judged_alike(text in any_text()) {
        prop_assert_eq!(by_places(text.as_bytes()), by_values(text.as_bytes()));
    }

    #[test]
    fn broken_bytes_are_judged_alike(
        text in any_text(), breaks in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (place, byte) in breaks {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        prop_assert_eq!(by_places(&bytes), by_values(&bytes));
    }

    #[test]
    fn whatever_may_be_json_is_judged_alike(text in "[\\[\\]{}:,\"a1e.\\\\u0 -]{0,24}") {
        prop_assert_eq!(by_places(text.as_bytes()), by_values(text.as_bytes()));
    }
}
