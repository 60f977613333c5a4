//! Which objects are in a list, whoever holds them?

use uuid::Uuid;

use super::list::{ListRule, Unreadable};
use super::read::read;
use crate::contract::{Contract, Endpoint};

/// Reads the ids of the listed objects from an answer of an endpoint that lists, by the rule by which
/// lists are filtered.
///
/// # Errors
/// What is wrong with an answer whose shape is not recognized.
pub fn listed(
    endpoint: &Endpoint,
    contract: &Contract,
    answer: &[u8],
) -> Result<Vec<Uuid>, &'static str> {
    let (text, table) = read(answer).map_err(|flaw| Unreadable::from(flaw).problem())?;
    ListRule::new(endpoint, contract).listed(&table.of(text)).map_err(Unreadable::problem)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::contract::Kind;

    const ID: &str = "a1b2c3d4-e5f6-7890-1234-567890abcdef";
    const OTHER: &str = "00000000-e5f6-7890-1234-567890abcdef";

    fn read(answer: &Value) -> Result<Vec<String>, &'static str> {
        let contract = Contract::built_in().unwrap();
        let lists = |one: &Endpoint| {
            one.effect.kind == Kind::Lists && one.effect.object.as_deref() == Some("participant")
        };
        let endpoint = contract.endpoints().iter().find(|one| lists(one)).unwrap();
        let ids = listed(endpoint, &contract, answer.to_string().as_bytes())?;
        Ok(ids.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_ids_of_items_are_read_and_no_others() {
        let item = |id: &str| json!({ "participant_id": id, "note": OTHER, "evaluator_id": OTHER });
        for answer in [
            json!({ "data": { "participants": [item(ID)] } }),
            json!([item(ID), item(&ID.to_uppercase())]),
            json!({ "participants": [item(ID)], "count": 1, "request": OTHER }),
            json!(item(ID)),
        ] {
            assert_eq!(read(&answer).unwrap(), [ID], "{answer}");
        }
        assert_eq!(read(&json!({ "data": { "participants": [] } })).unwrap(), [""; 0]);
    }

    #[test]
    fn a_list_that_cannot_be_filtered_is_not_read_either() {
        for answer in [json!("x"), json!({ "data": [1] }), json!([{ "name": "x" }])] {
            assert!(read(&answer).is_err(), "{answer}");
        }
    }
}
