//! Which bodies are forwarded?

use super::json;
use crate::contract::{BodySchema, Violation};
use crate::document::{ROOT, Table};
use crate::refusal::{AudioFault, Refusal};

/// Judges the body of a request: JSON that every reader reads alike, and of the shape that the
/// contract asks for. What is read are the places of its values; the bytes themselves are what is
/// forwarded.
///
/// Without a schema any JSON passes. An empty body is null where the contract does not ask for one.
///
/// # Errors
/// The refusal for the client: of JSON first, then of the contract.
pub fn judge(bytes: &[u8], schema: Option<&BodySchema>) -> Result<Table, Refusal> {
    if !schema.is_some_and(BodySchema::is_required) && json::is_blank(bytes) {
        return Ok(Table::default());
    }
    let (text, table) = read(bytes)?;
    if let Some(schema) = schema {
        let document = table.of(text);
        if !schema.fits(&document) {
            schema.check(&document.value(ROOT)).map_err(refuse)?;
        }
    }
    Ok(table)
}

/// Reads a body into a table. Whatever is wrong with it is said by the reader that builds a value:
/// so is every number and text on which readers differ judged by it, if not passed here.
fn read(bytes: &[u8]) -> Result<(&str, Table), Refusal> {
    match Table::of_bytes(bytes, json::DEEPEST).ok() {
        Some((text, table)) if table.of(text).is_readable() => Ok((text, table)),
        doubtful => {
            json::read(bytes)?;
            // Readers that do not agree are what the room is there to refuse.
            doubtful.ok_or(Refusal::InvalidJson { line: 1, column: 1 })
        }
    }
}

/// All that is wrong with a body, and not the first of it only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Each with the path of its field; empty: of the whole body. The first is what [`judge`] says.
    pub faults: Vec<(Box<str>, Refusal)>,
    /// Whether there are more.
    pub more: bool,
    /// The fields that the contract does not name: they pass as they are.
    pub unchecked: Vec<Box<str>>,
}

/// Judges a body as [`judge`] does, and finds as much of what is wrong with it as is told at once.
pub fn judge_all(bytes: &[u8], schema: Option<&BodySchema>, most: usize) -> (Table, Judgement) {
    if !schema.is_some_and(BodySchema::is_required) && json::is_blank(bytes) {
        return (Table::default(), Judgement::default());
    }
    let (text, table) = match read(bytes) {
        Ok(read) => read,
        Err(refusal) => {
            let faults = vec![(Box::default(), refusal)];
            return (Table::default(), Judgement { faults, ..Judgement::default() });
        }
    };
    let Some(schema) = schema else { return (table, Judgement::default()) };
    let value = table.of(text).value(ROOT);
    let faults = schema.faults(&value, most);
    let found = faults.found.into_iter().map(|(field, violation)| (field, refuse(violation)));
    let judgement = Judgement {
        faults: found.collect(),
        more: faults.more,
        unchecked: schema.unchecked(&value, most),
    };
    (table, judgement)
}

fn refuse(violation: Violation) -> Refusal {
    match violation {
        Violation::Missing { field } => Refusal::MissingField { field },
        Violation::Invalid { message } => Refusal::InvalidField { message },
        Violation::NoAudio => Refusal::UnsupportedAudio { fault: AudioFault::Format },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Contract;

    const LOANS: &str = r##"
openapi: 3.1.1
paths:
  /loans:
    post:
      x-gateway-effect: { kind: creates, object: loan }
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [book, reader]
              properties:
                book: { type: string }
                reader: { type: object }
                days: { maximum: 30 }
                copies:
                  type: array
                  items: { required: [shelf], properties: { shelf: { maxLength: 3 } } }
"##;

    fn all(body: &str, most: usize) -> (Judgement, Option<Refusal>) {
        let contract = Contract::parse(LOANS, "library.yaml").unwrap();
        let schema = contract.endpoints()[0].body.as_ref();
        let first = judge(body.as_bytes(), schema).err();
        (judge_all(body.as_bytes(), schema, most).1, first)
    }

    #[test]
    fn every_fault_is_named_with_its_field_and_the_first_is_the_one_that_is_answered() {
        let body =
            r#"{"days":31,"copies":[{"shelf":"A"},{"shelf":"too long","x":1},{}],"extra":{"y":1}}"#;
        let (found, first) = all(body, 10);
        let fields: Vec<_> = found.faults.iter().map(|(field, _)| &**field).collect();
        assert_eq!(fields, ["book", "reader", "copies[2].shelf", "days", "copies[1].shelf"]);
        assert_eq!(found.faults[3].1.message(), "days must be at most 30.");
        assert_eq!(Some(&found.faults[0].1), first.as_ref());
        assert_eq!((found.unchecked.join(" "), found.more), ("copies[1].x extra".into(), false));
        assert!(all(body, 2).0.more);
    }

    #[test]
    fn what_is_in_a_field_that_may_hold_anything_is_not_called_unknown() {
        let (found, first) = all(r#"{"book":"a","reader":{"name":{"first":1}}}"#, 10);
        assert_eq!((found, first), (Judgement::default(), None));
    }

    #[test]
    fn a_body_that_is_not_json_has_one_fault_and_a_huge_one_has_few() {
        let (found, first) = all("{", 10);
        assert_eq!(found.faults.first().map(|(_, fault)| fault), first.as_ref());
        let copies = vec!["{\"shelf\":\"long\"}"; 5000].join(",");
        let (found, first) = all(&format!(r#"{{"copies":[{copies}]}}"#), 10);
        assert_eq!((found.faults.len(), found.more), (10, true));
        assert_eq!(found.faults.first().map(|(_, fault)| fault), first.as_ref());
    }
}
