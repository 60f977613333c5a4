//! What stands where in a JSON document?
//!
//! A list is filtered by cutting bytes out of it, so that what stays is what the upstream wrote: each
//! number's digits, the order of the members. So a document is read into a table of places and not
//! into values; it takes a few bytes per value, whatever the upstream answers.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;
use serde::de::IgnoredAny;
use uuid::Uuid;

use super::spelling::spelled;

/// Levels of arrays and objects in an answer: twice of what is read in a request, since an answer
/// shows what requests sent, wrapped.
const DEEPEST: usize = 128;

/// A document that every reader reads alike.
#[derive(Debug)]
pub(super) struct Document<'t> {
    text: &'t str,
    marks: Vec<Mark>,
}

/// Where a value or a key stands, and where in the table the one after it and all within it stands.
#[derive(Debug, Clone, Copy)]
struct Mark {
    start: u32,
    end: u32,
    next: u32,
}

/// The place of a value in the table.
pub(super) type Place = usize;

/// The place of the whole document.
pub(super) const ROOT: Place = 0;

/// Why bytes cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    NotJson,
    TooDeep,
    RepeatedKey,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Null,
    Boolean,
    Number,
    Text,
    List,
    Object,
}

/// The most memory that the table of a text takes: every value and key but the first follows one of
/// these bytes, and a table that grows has room for twice what is in it.
pub(super) fn table_bytes(text: &[u8]) -> usize {
    let before_value = |byte: &&u8| matches!(**byte, b',' | b':' | b'[' | b'{');
    (text.iter().filter(before_value).count() + 1) * 2 * size_of::<Mark>()
}

impl<'t> Document<'t> {
    pub(super) fn read(bytes: &'t [u8]) -> Result<Self, Flaw> {
        let text = std::str::from_utf8(bytes).map_err(|_| Flaw::NotJson)?;
        if u32::try_from(text.len()).is_err() {
            return Err(Flaw::NotJson);
        }
        // The library judges what is JSON. What is left to do on JSON is to find the ends of values.
        serde_json::from_str::<IgnoredAny>(text).map_err(|_| Flaw::NotJson)?;
        let document = Self { text, marks: scan(text.as_bytes())? };
        document.refuse_repeated_keys()?;
        Ok(document)
    }

    /// Two readings of one object would mean that what was judged is not what the client reads.
    fn refuse_repeated_keys(&self) -> Result<(), Flaw> {
        let mut keys: Vec<Cow<'t, str>> = Vec::new();
        for place in 0..self.marks.len() {
            // A key is followed by its value as if it were one itself: a text, never an object.
            if self.form(place) != Form::Object {
                continue;
            }
            keys.clear();
            for (key, _) in self.members(place) {
                keys.push(self.string(key).ok_or(Flaw::NotJson)?);
            }
            keys.sort_unstable();
            if keys.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(Flaw::RepeatedKey);
            }
        }
        Ok(())
    }

    pub(super) fn form(&self, place: Place) -> Form {
        match self.raw(place).as_bytes().first() {
            Some(b'{') => Form::Object,
            Some(b'[') => Form::List,
            Some(b'"') => Form::Text,
            Some(b't' | b'f') => Form::Boolean,
            Some(b'n') => Form::Null,
            _ => Form::Number,
        }
    }

    /// The bytes of a value, in the whole document.
    pub(super) fn span(&self, place: Place) -> Range<usize> {
        self.marks.get(place).map_or(0..0, |mark| mark.start as usize..mark.end as usize)
    }

    pub(super) fn raw(&self, place: Place) -> &'t str {
        self.text.get(self.span(place)).unwrap_or_default()
    }

    /// The items of an array.
    pub(super) fn items(&self, list: Place) -> impl Iterator<Item = Place> {
        let next = |place: Place| self.marks.get(place).map_or(place, |mark| mark.next as usize);
        let end = next(list);
        let mut at = list + 1;
        std::iter::from_fn(move || {
            let item = at;
            at = next(item);
            (item < end && at > item).then_some(item)
        })
    }

    /// The members of an object: where the key stands, and where the value.
    pub(super) fn members(&self, object: Place) -> impl Iterator<Item = (Place, Place)> {
        let mut entries = self.items(object);
        std::iter::from_fn(move || Some((entries.next()?, entries.next()?)))
    }

    /// The content of a text or a key; `None` when it is none, or not Unicode.
    pub(super) fn string(&self, place: Place) -> Option<Cow<'t, str>> {
        let raw = self.raw(place);
        let content = raw.strip_prefix('"')?.strip_suffix('"')?;
        if content.contains('\\') {
            return serde_json::from_str(raw).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(content))
    }

    /// The id that a text or a key spells.
    pub(super) fn id(&self, place: Place) -> Option<Uuid> {
        // The shortest spelling and its quotes.
        if self.raw(place).len() < 34 {
            return None;
        }
        spelled(&self.string(place)?)
    }

    /// A whole number of objects.
    pub(super) fn count(&self, place: Place) -> Option<usize> {
        let raw = self.raw(place);
        let is_whole = raw.bytes().all(|byte| byte.is_ascii_digit());
        is_whole.then(|| raw.parse().ok()).flatten()
    }

    /// Follows a JSON Pointer (RFC 6901) from a value on.
    pub(super) fn pointed(&self, from: Place, pointer: &str) -> Option<Place> {
        let mut at = from;
        for segment in pointer.split('/').skip(1) {
            at = match self.form(at) {
                Form::Object => {
                    let name = segment.replace("~1", "/").replace("~0", "~");
                    let mut members = self.members(at);
                    members.find(|(key, _)| self.string(*key).is_some_and(|key| key == name))?.1
                }
                Form::List => self.items(at).nth(segment.parse().ok()?)?,
                _ => return None,
            };
        }
        Some(at)
    }
}

/// Finds the places of all values and keys in what is known to be JSON.
fn scan(bytes: &[u8]) -> Result<Vec<Mark>, Flaw> {
    let mut marks: Vec<Mark> = Vec::new();
    let mut open: Vec<Place> = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' => {
                at += 1;
                continue;
            }
            b'{' | b'[' => {
                if open.len() == DEEPEST {
                    return Err(Flaw::TooDeep);
                }
                open.push(marks.len());
                at + 1
            }
            b'}' | b']' => {
                at += 1;
                let next = marks.len();
                let opened = open.pop().and_then(|place| marks.get_mut(place));
                let opened = opened.ok_or(Flaw::NotJson)?;
                // The caller has refused what is longer than 32 bits count.
                (opened.end, opened.next) = (at as u32, next as u32);
                continue;
            }
            b'"' => text_end(bytes, at + 1).ok_or(Flaw::NotJson)?,
            _ => at + bytes[at..].iter().take_while(|byte| is_literal(**byte)).count().max(1),
        };
        let next = marks.len() + 1;
        marks.push(Mark { start: start as u32, end: at as u32, next: next as u32 });
    }
    if open.is_empty() && !marks.is_empty() { Ok(marks) } else { Err(Flaw::NotJson) }
}

/// Where a text ends whose content starts at `at`.
fn text_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(found) == Some(&b'"') {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
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
        Document::read(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn every_value_is_found_at_its_place() {
        let text = r#" {"a" : [1, -2.5e3,{}, []], "b\"\\":{"c":"\u0064\"]","":null} ,"t":true } "#;
        let document = Document::read(text.as_bytes()).unwrap();
        assert_eq!(value(&document, ROOT), serde_json::from_str::<Value>(text).unwrap());
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
        assert_eq!(Document::read(b"\"\xff\"").unwrap_err(), Flaw::NotJson);
        assert_eq!(flaw(r#"{"\ud800":1}"#), Flaw::NotJson);
        assert_eq!(flaw(r#"[{"a":1,"b":2,"\u0061":3}]"#), Flaw::RepeatedKey);
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Document::read(nested(128).as_bytes()).is_ok());
        assert_eq!(flaw(&nested(129)), Flaw::TooDeep);
        assert_eq!(flaw(&nested(1 << 20)), Flaw::TooDeep);
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
            assert_eq!(Document::read(text.as_bytes()).unwrap().count(ROOT), count, "{text}");
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
            let document = Document::read(text.as_bytes()).unwrap();
            prop_assert_eq!(value(&document, ROOT), written);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Document::read(&bytes);
            let _ = scan(&bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}:,\"a1.\\\\ -]{0,24}") {
            let _ = Document::read(text.as_bytes());
            let _ = scan(text.as_bytes());
        }
    }
}
