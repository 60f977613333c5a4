//! Which ids does a request name?

use std::borrow::Cow;

use uuid::Uuid;

use super::read::SHORTEST;
use super::spelling::{all_spelled, contained, spelled};
use crate::contract::IdField;
use crate::contract::field_path::FieldPath;
use crate::document::{Document, Form, Place, ROOT, unescaped};
use crate::refusal::Refusal;

/// The most ids that one request may name: each of them may cost a look-up.
const MOST: usize = 1_000;

/// One id that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The id; `None` when an id field carries something that is none.
    pub id: Option<Uuid>,
    /// The place in [`Endpoint::ids`](crate::contract::Endpoint::ids); `None` when it stands where
    /// the contract knows of no id.
    pub known: Option<usize>,
    /// The path of the field, as a refusal shows it.
    pub field: Box<str>,
}

/// Finds the ids in the fields of the contract, and whatever spells one anywhere else: in a value, in
/// an object's key, or in the query, which is forwarded too. An upstream may know more fields than
/// its contract publishes.
///
/// # Errors
/// The refusal of a request that names too many.
pub fn named<'b>(
    fields: &'b [IdField],
    body: &'b Document<'b>,
    query: Option<&str>,
) -> Result<Vec<Named>, Refusal> {
    let mut walk = Walk { body, steps: Vec::new(), found: Vec::new() };
    for (index, field) in fields.iter().enumerate() {
        walk.known(index, field.pointer.strip_prefix('/').unwrap_or_default(), ROOT)?;
    }
    walk.anywhere(ROOT)?;
    if let Some(query) = query {
        walk.query(query)?;
    }
    Ok(walk.found)
}

enum Step<'b> {
    Key(Cow<'b, str>),
    Index(usize),
}

struct Walk<'b> {
    body: &'b Document<'b>,
    steps: Vec<Step<'b>>,
    found: Vec<Named>,
}

impl<'b> Walk<'b> {
    /// Follows what is left of a pointer, with `*` for every item of an array.
    fn known(&mut self, index: usize, pointer: &'b str, place: Place) -> Result<(), Refusal> {
        let form = self.body.form(place);
        if pointer.is_empty() {
            return match form {
                Form::Null => Ok(()),
                Form::Text => {
                    let text = self.body.string(place);
                    self.add(text.and_then(|text| spelled(&text)), Some(index))
                }
                Form::Boolean | Form::Number | Form::List | Form::Object => {
                    self.add(None, Some(index))
                }
            };
        }
        let (segment, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
        match form {
            Form::Object => {
                let name = unescaped(segment);
                if let Some((_, value)) = self.body.member(place, &name) {
                    self.steps.push(Step::Key(name));
                    self.known(index, rest, value)?;
                    self.steps.pop();
                }
            }
            Form::List if segment == "*" => {
                for (item, place) in self.body.items(place).enumerate() {
                    self.steps.push(Step::Index(item));
                    self.known(index, rest, place)?;
                    self.steps.pop();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn anywhere(&mut self, place: Place) -> Result<(), Refusal> {
        match self.body.form(place) {
            Form::Text => self.text_at(place)?,
            Form::List => {
                for (item, place) in self.body.items(place).enumerate() {
                    self.steps.push(Step::Index(item));
                    self.anywhere(place)?;
                    self.steps.pop();
                }
            }
            Form::Object => {
                for (key, value) in self.body.members(place) {
                    self.steps.push(Step::Key(self.body.string(key).unwrap_or_default()));
                    self.text_at(key)?;
                    self.anywhere(value)?;
                    self.steps.pop();
                }
            }
            Form::Null | Form::Boolean | Form::Number => {}
        }
        Ok(())
    }

    fn query(&mut self, query: &str) -> Result<(), Refusal> {
        self.steps.push(Step::Key("the query".into()));
        for text in query.split(['&', ';', '=']) {
            self.text(&decoded(text))?;
        }
        // Nobody publishes a query, so nobody's data is mistaken for an id there.
        contained(&decoded(query)).try_for_each(|id| self.mention(id))
    }

    fn text_at(&mut self, place: Place) -> Result<(), Refusal> {
        if self.body.span(place).len() < SHORTEST {
            return Ok(());
        }
        self.body.string(place).map_or(Ok(()), |text| self.text(&text))
    }

    fn text(&mut self, text: &str) -> Result<(), Refusal> {
        all_spelled(text).into_iter().try_for_each(|id| self.mention(id))
    }

    /// A second mention of an id adds nothing.
    fn mention(&mut self, id: Uuid) -> Result<(), Refusal> {
        let id = Some(id);
        if self.found.iter().any(|found| found.id == id) {
            return Ok(());
        }
        self.add(id, None)
    }

    fn add(&mut self, id: Option<Uuid>, known: Option<usize>) -> Result<(), Refusal> {
        if self.found.len() == MOST {
            let message = format!("A request may name at most {MOST} ids.").into();
            return Err(Refusal::InvalidField { message });
        }
        let mut path = FieldPath::default();
        for step in &self.steps {
            match step {
                Step::Key(key) => path.key(key),
                Step::Index(index) => path.index(*index),
            }
        }
        let field = if path.is_root() { "the body".into() } else { path.into_text() };
        self.found.push(Named { id, known, field });
        Ok(())
    }
}

/// Decodes a part of a query (WHATWG URL, `application/x-www-form-urlencoded`).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if first == b'+' { b' ' } else { first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::checked::Checked;
    use crate::document::Table;

    const A: &str = "aaaaaaaa-0000-0000-0000-000000000001";
    const B: &str = "bbbbbbbb-0000-0000-0000-000000000002";

    fn fields(pointers: &[&str]) -> Vec<IdField> {
        let field = |pointer: &&str| IdField { pointer: (*pointer).into(), kind: "call".into() };
        pointers.iter().map(field).collect()
    }

    fn found(pointers: &[&str], body: &Value) -> Vec<(Option<String>, Option<usize>, String)> {
        let fields = fields(pointers);
        let named = named(&fields, &Checked::from(body).document(), None).unwrap();
        let shown = |named: Named| {
            (named.id.map(|id| id.to_string()), named.known, named.field.into_string())
        };
        named.into_iter().map(shown).collect()
    }

    fn one(id: &str, known: Option<usize>, field: &str) -> (Option<String>, Option<usize>, String) {
        (Some(id.into()), known, field.into())
    }

    #[test]
    fn a_known_field_is_found_at_its_place_and_only_once() {
        let body = json!({"b": {"call_id": A}, "call_id": B, "again": B.to_uppercase()});
        assert_eq!(
            found(&["/call_id", "/b/call_id", "/missing"], &body),
            [one(B, Some(0), "call_id"), one(A, Some(1), "b.call_id")]
        );
    }

    #[test]
    fn an_asterisk_stands_for_every_item() {
        let body = json!({"calls": [{"id": A}, {"id": null}, {"id": B}, {}]});
        assert_eq!(
            found(&["/calls/*/id"], &body),
            [one(A, Some(0), "calls[0].id"), one(B, Some(0), "calls[2].id")]
        );
        assert_eq!(found(&["/*"], &json!([A])), [one(A, Some(0), "[0]")]);
    }

    #[test]
    fn an_escaped_pointer_is_followed() {
        assert_eq!(found(&["/a~1b~0c"], &json!({"a/b~c": A})), [one(A, Some(0), "a/b~c")]);
    }

    #[test]
    fn what_an_id_field_carries_beside_null_is_an_id_or_a_fault() {
        for body in [json!({"id": "x"}), json!({"id": 1}), json!({"id": {}}), json!({"id": [A]})] {
            assert_eq!(found(&["/id"], &body)[0], (None, Some(0), "id".into()), "{body}");
        }
        assert_eq!(found(&["/id"], &json!({"id": null})), []);
    }

    #[test]
    fn an_id_is_found_anywhere_else_too_and_in_any_spelling() {
        let key = B.replace('-', "");
        let body = json!({"x": [0, {"y": format!("urn:uuid:{A}")}], "z": {key.clone(): null}});
        assert_eq!(
            found(&["/id"], &body),
            [one(A, None, "x[1].y"), one(B, None, &format!("z.{key}"))]
        );
        assert_eq!(found(&[], &json!(A)), [one(A, None, "the body")]);
    }

    fn in_query(query: &str) -> Result<Vec<Named>, Refusal> {
        named(&[], &Table::default().of(""), Some(query))
    }

    #[test]
    fn an_id_in_the_query_is_found_in_names_and_values() {
        for query in [
            format!("id={A}"),
            format!("x=1&{A}"),
            format!("id={A};x=1"),
            format!("id=%7B{A}%7D"),
            format!("id=%61{}", &A[1..]),
            format!("+{A}+=1"),
            format!("%&%zz={A}"),
        ] {
            let found = in_query(&query).unwrap();
            assert_eq!(found.len(), 1, "{query}");
            assert_eq!(found[0].id, Some(A.parse().unwrap()), "{query}");
            assert_eq!(&*found[0].field, "the query");
        }
        assert_eq!(in_query("a=%ff%&b=%"), Ok(Vec::new()));
    }

    #[test]
    fn a_request_names_a_thousand_different_ids_and_no_more() {
        let found = |count: u128| {
            let twice = (0..count).chain(0..count);
            let ids = twice.map(|bits| Value::from(Uuid::from_u128(bits).to_string())).collect();
            named(&[], &Checked::from(&ids).document(), None).map(|found| found.len())
        };
        assert_eq!(found(1_000), Ok(1_000));
        let message = "A request may name at most 1000 ids.".into();
        assert_eq!(found(1_001), Err(Refusal::InvalidField { message }));
    }
}
