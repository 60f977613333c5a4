//! Do the bytes of a body say one thing only, to every reader?
//!
//! What is checked here must be what the upstream parses. An object with the same key twice has
//! two readings (RFC 8259, section 4), and a body nested very deeply ends some parsers: both are
//! refused while the one pass over the bytes builds the value. Good bodies are read by places and
//! without it, see `rule.rs`; this reader says what is wrong with the others.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};

use crate::contract::field_path::FieldPath;
use crate::refusal::Refusal;

/// Levels of arrays and objects: far above what any published request needs, and below the depth
/// at which the JSON library itself gives up.
pub(super) const DEEPEST: usize = 64;

/// Reads a body of exactly one JSON value.
pub(super) fn read(bytes: &[u8]) -> Result<Value, Refusal> {
    if is_blank(bytes) {
        return Err(Refusal::EmptyBody);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::NotUtf8)?;
    let fault = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let level = Level { depth: 0, fault: &fault };
    let read = level.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    read.map_err(|error| match fault.into_inner() {
        Some(fault) => fault.into_refusal(),
        // The library counts a column from 0 at the end of a line.
        None => Refusal::InvalidJson { line: error.line().max(1), column: error.column().max(1) },
    })
}

/// Whether there is nothing but JSON's white space (RFC 8259, section 2).
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// What JSON itself allows and we do not.
enum Fault {
    TooDeep,
    /// The way from the second of two equal keys up to the whole body.
    Duplicate(Vec<Step>),
}

enum Step {
    Key(String),
    Index(usize),
}

impl Fault {
    fn into_refusal(self) -> Refusal {
        let steps = match self {
            Self::TooDeep => return Refusal::TooDeep { limit: DEEPEST },
            Self::Duplicate(steps) => steps,
        };
        let mut path = FieldPath::default();
        for step in steps.iter().rev() {
            match step {
                Step::Key(key) => path.key(key),
                Step::Index(index) => path.index(*index),
            }
        }
        Refusal::DuplicateField { field: path.into_text() }
    }
}

/// Builds the value at one depth. The parser's own error type cannot carry a fault out, so it
/// travels in the cell, gathering its path on the way up.
#[derive(Clone, Copy)]
struct Level<'f> {
    depth: usize,
    fault: &'f RefCell<Option<Fault>>,
}

impl Level<'_> {
    fn below<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEEPEST {
            self.fault.replace(Some(Fault::TooDeep));
            return Err(E::custom("too deep"));
        }
        Ok(Self { depth: self.depth + 1, fault: self.fault })
    }

    fn came_through(self, step: impl FnOnce() -> Step) {
        if let Some(Fault::Duplicate(steps)) = &mut *self.fault.borrow_mut() {
            steps.push(step());
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Value, E> {
        Ok(Value::Bool(boolean))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        loop {
            match items.next_element_seed(below) {
                Ok(Some(item)) => list.push(item),
                Ok(None) => return Ok(Value::Array(list)),
                Err(error) => {
                    self.came_through(|| Step::Index(list.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            match object.entry(key) {
                Entry::Vacant(slot) => match members.next_value_seed(below) {
                    Ok(value) => {
                        slot.insert(value);
                    }
                    Err(error) => {
                        self.came_through(|| Step::Key(slot.key().clone()));
                        return Err(error);
                    }
                },
                Entry::Occupied(slot) => {
                    let steps = vec![Step::Key(slot.key().clone())];
                    self.fault.replace(Some(Fault::Duplicate(steps)));
                    return Err(A::Error::custom("duplicate key"));
                }
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn duplicate(field: &str) -> Result<Value, Refusal> {
        Err(Refusal::DuplicateField { field: field.into() })
    }

    fn invalid(line: usize, column: usize) -> Result<Value, Refusal> {
        Err(Refusal::InvalidJson { line, column })
    }

    #[test]
    fn a_body_is_read_as_what_it_says() {
        let value = read(br#" {"a": [1, -2, 1.5, "\u00e9", true, null, {}]} "#);
        assert_eq!(value, Ok(json!({"a": [1, -2, 1.5, "é", true, null, {}]})));
        assert_eq!(read(b"18446744073709551616"), Ok(json!(18446744073709551616.0)));
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_at_any_level_and_in_any_spelling() {
        assert_eq!(read(br#"{"a":1,"a":1}"#), duplicate("a"));
        assert_eq!(read(br#"{"a":1,"\u0061":2}"#), duplicate("a"));
        assert_eq!(read(br#"{"x":[0,{"y":{"a":1,"b":2,"a":3}}]}"#), duplicate("x[1].y.a"));
        assert_eq!(read(br#"[{"a":1},{"a":1}]"#), Ok(json!([{"a": 1}, {"a": 1}])));
        let hostile = format!("{{\"{0}\":1,\"{0}\":2}}", "\\n".repeat(9000));
        let Err(Refusal::DuplicateField { field }) = read(hostile.as_bytes()) else { panic!() };
        assert!(field.len() < 200 && !field.contains('\n'), "{field}");
    }

    #[test]
    fn sixty_four_levels_are_read_and_no_more() {
        let arrays = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let objects = |levels: usize| "{\"a\":".repeat(levels) + "1" + &"}".repeat(levels);
        let too_deep = Err(Refusal::TooDeep { limit: 64 });
        assert!(read(arrays(64).as_bytes()).is_ok());
        assert!(read(objects(64).as_bytes()).is_ok());
        assert_eq!(read(arrays(65).as_bytes()), too_deep);
        assert_eq!(read(objects(65).as_bytes()), too_deep);
        assert_eq!(read("[".repeat(1 << 20).as_bytes()), too_deep);
    }

    #[test]
    fn nothing_but_white_space_is_an_empty_body() {
        for body in [&b""[..], b" ", b"\r\n\t "] {
            assert_eq!(read(body), Err(Refusal::EmptyBody));
        }
        assert_eq!(read(b"\x0b"), invalid(1, 1));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_even_behind_the_value() {
        assert_eq!(read(b"{\"a\":\"\xff\"}"), Err(Refusal::NotUtf8));
        assert_eq!(read(b"{}\xc3"), Err(Refusal::NotUtf8));
        assert_eq!(read(b"\"\xed\xa0\x80\""), Err(Refusal::NotUtf8), "an encoded surrogate");
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        assert_eq!(read(b"{\"a\":1,}"), invalid(1, 8));
        assert_eq!(read(b"{\"tag\":\"Ana\" \"b\":{}}"), invalid(1, 14));
        assert_eq!(read(b"{\n  \"a\": x}"), invalid(2, 8));
        assert_eq!(read(b"\xef\xbb\xbf{}"), invalid(1, 1), "a byte order mark");
        for body in [
            &b"{} {}"[..],
            b"{}x",
            b"[1,]",
            b"{\"a\" 1}",
            b"'a'",
            b"NaN",
            b"1e400",
            b"-1e400",
            b"01",
            b"+1",
            b".5",
            b"\"\\ud800\"",
            b"\"\\udc00x\"",
            b"\"a\nb\"",
            b"{\"a\":1",
            b"nul",
            b"// c\n{}",
            b"{a:1}",
            b"\"\x00\"",
        ] {
            let refused = read(body);
            assert!(matches!(refused, Err(Refusal::InvalidJson { .. })), "{body:?}: {refused:?}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9f64).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(".*", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_survives_being_written_and_read(value in any_json()) {
            prop_assert_eq!(read(value.to_string().as_bytes()), Ok(value));
        }

        #[test]
        fn it_agrees_with_the_library_on_what_is_json(text in "[\\[\\]{}:,\"a1e.\\\\ -]{0,24}") {
            let library = serde_json::from_str::<Value>(&text).ok();
            match read(text.as_bytes()) {
                Err(Refusal::DuplicateField { .. }) => {}
                ours => prop_assert_eq!(ours.ok(), library),
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&bytes);
        }
    }
}
