//! What is left of a list?

use proptest::prelude::*;

use super::super::edit::apply;
use super::super::list::{ListRule, Unreadable, Whose};
use super::super::read::read;
use super::*;

fn whose(id: Uuid) -> Whose {
    match owner("call", id) {
        None => Whose::Nobody,
        Some(owner) if owner.is_held_by(TEAM) || owner.is_shared_with(TEAM) => Whose::Own,
        Some(_) => Whose::Foreign,
    }
}

fn filtered_at(path: &str, text: &str) -> Result<String, Unreadable> {
    let rule = ListRule::new(&endpoint(path), &CONTRACT);
    let (text, table) = read(text.as_bytes())?;
    let document = table.of(text);
    let looked_up = rule.ids(&document)?;
    let edits = rule.edits(&document, |id| {
        assert!(looked_up.contains(&id), "{id} is not looked up");
        whose(id)
    })?;
    Ok(String::from_utf8(apply(text.as_bytes(), edits)).unwrap())
}

fn filtered(answer: Value) -> Result<Value, Unreadable> {
    Ok(serde_json::from_str(&filtered_at("/list", &answer.to_string())?).unwrap())
}

fn call(id: Uuid) -> Value {
    json!({ "call_id": id, "name": format!("secret of {id}"), "score": 0.1 })
}

#[test]
fn own_and_shared_items_stay_and_the_count_is_theirs() {
    let all = [call(foreign(1)), call(own(1)), call(nobodys(1)), call(shared(1)), call(foreign(2))];
    let left = [call(own(1)), call(shared(1))];
    for (before, after) in [
        (json!(all), json!(left)),
        (json!({"data": all}), json!({"data": left})),
        (json!({"data": {"count": 5, "x": all}}), json!({"data": {"count": 2, "x": left}})),
        (json!({"total": 5, "a": {"b": {"c": all}}}), json!({"total": 2, "a": {"b": {"c": left}}})),
        (
            json!({"x": all, "y": [call(foreign(3))], "nx": 5, "ny": 1, "z": []}),
            json!({"x": left, "y": [], "nx": 2, "ny": 0, "z": []}),
        ),
    ] {
        assert_eq!(filtered(before), Ok(after));
    }
}

#[test]
fn the_bytes_of_what_stays_do_not_change() {
    let (yes, no) = (own(1), foreign(1));
    let item =
        format!(r#"{{"z":1.10, "call_id" : "{yes}","a":12345678901234567890123,"é":"\u00e9"}}"#);
    let with =
        format!("{{\"n\" : 2 , \"calls\":[ {{\"call_id\":\"{no}\"}}, {item} ],\"a\":null}}\n");
    let without = format!("{{\"n\" : 1 , \"calls\":[ {item} ],\"a\":null}}\n");
    assert_eq!(filtered_at("/list", &with).unwrap(), without);
    assert_eq!(filtered_at("/list", &without).unwrap(), without);
}

#[test]
fn what_says_nothing_of_others_passes_outside_of_items() {
    let answer = json!({
        "message": "Done.", "next": null, "more": true, "empty": [], "nothing": {},
        "page": 3, "limit": 20, "offset": 40, "per_page": 20, "page_size": 20,
        "request_id": nobodys(9), "mine": own(1), "data": {"count": 1, "calls": [call(own(1))]},
    });
    assert_eq!(filtered(answer.clone()), Ok(answer));
    for empty in
        [json!({}), json!([]), json!({"calls": [], "count": 0}), json!({"calls": null, "count": 0})]
    {
        assert_eq!(filtered(empty.clone()), Ok(empty));
    }
}

#[test]
fn what_is_not_recognized_makes_the_list_unreadable() {
    use Unreadable::*;
    let rows = json!([call(own(1)), call(foreign(1))]);
    for (answer, problem) in [
        (json!("x"), NoList),
        (json!(1), NoList),
        (json!(null), NoList),
        (json!({"ids": [own(1)]}), ItemWithoutId),
        (json!({"names": ["Ana"]}), ItemWithoutId),
        (json!([[call(own(1))]]), ItemWithoutId),
        (json!([call(own(1)), {}]), ItemWithoutId),
        (json!([{"call_id": "x"}]), ItemWithoutId),
        (json!([{"call_id": null}]), ItemWithoutId),
        (json!([{"id": own(1)}]), ItemWithoutId),
        (json!([{"team_id": own(1)}]), ItemWithoutId),
        (json!([{"call": {"call_id": own(1)}}]), ItemWithoutId),
        (json!({"calls": {own(1).to_string(): {}}}), KeyedById),
        (json!({"calls": {nobodys(1).simple().to_string(): 1}}), KeyedById),
        (json!({"calls": rows, "total": 3}), UnknownNumber),
        (json!({"calls": rows, "total": 2.0}), UnknownNumber),
        (json!({"calls": rows, "total": -2}), UnknownNumber),
        (json!({"calls": rows, "failed": 0}), UnknownNumber),
        (json!({"code": 200}), UnknownNumber),
        (json!({"calls": rows, "limit": {"x": 20}}), UnknownNumber),
        (json!({"calls": rows, "last": foreign(1)}), ForeignId),
        (json!({"calls": rows, "last": foreign(1).urn().to_string()}), ForeignId),
        (json!({"last": {"call_id": foreign(1)}}), ForeignId),
        (json!({"last": {"call_id": nobodys(1)}}), ForeignId),
    ] {
        assert_eq!(filtered(answer.clone()), Err(problem), "{answer}");
    }
    for (text, problem) in [
        ("", NotJson),
        ("<html>", NotJson),
        (r#"{"a":1,"a":1}"#, RepeatedKey),
        (r#"{"a":{"b":null,"\u0062":null}}"#, RepeatedKey),
    ] {
        assert_eq!(filtered_at("/list", text), Err(problem), "{text}");
    }
}

#[test]
fn a_number_that_could_count_two_lists_is_not_guessed() {
    let (one, other) = ([call(own(1)), call(own(2))], [call(own(1)), call(foreign(1))]);
    let apart = json!({"x": {"rows": one}, "y": {"rows": other}, "n": 2});
    assert_eq!(filtered(apart), Err(Unreadable::UnknownNumber));
    let together = json!({"x": one, "y": other, "n": 2});
    assert_eq!(filtered(together), Err(Unreadable::UnknownNumber));
    let beside = json!({"x": {"rows": one, "n": 2}, "y": {"rows": other, "n": 2}});
    let filtered = filtered(beside).unwrap();
    assert_eq!((&filtered["x"]["n"], &filtered["y"]["n"]), (&json!(2), &json!(1)));
}

#[test]
fn a_described_list_is_read_as_described() {
    let row = |id: Uuid| json!({"call": {"number": id}, "by": "Ana"});
    let answer = json!({"data": {"rows": [row(foreign(1)), row(own(1))], "total": 57, "page": 2}});
    let left = json!({"data": {"rows": [row(own(1))], "total": 1, "page": 2}});
    let text = filtered_at("/list-described", &answer.to_string()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), left);
    // The names of the contract count still; an item with two ids has to be the tenant's by both.
    let twice = |one: Uuid, two: Uuid| json!([{"call": {"number": one}, "call_id": two}]);
    for (one, two, left) in [
        (own(1), own(2), 1),
        (own(1), foreign(1), 0),
        (nobodys(1), own(1), 0),
        (shared(1), own(1), 1),
    ] {
        let text = filtered_at("/list-described", &twice(one, two).to_string()).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Value>>(&text).unwrap().len(), left, "{one} {two}");
    }
}

#[test]
fn a_foreign_item_within_an_own_one_goes_and_own_data_stays() {
    let item = |inner: Value| json!([{"call_id": own(1), "inner": inner}]);
    let mixed = json!({"calls": [call(own(2)), call(foreign(1)), 1, "x"], "n": 4, "m": 9.5});
    let left = json!({"calls": [call(own(2)), 1, "x"], "n": 3, "m": 9.5});
    assert_eq!(filtered(item(mixed)), Ok(item(left)));
    let twice = json!({"x": [call(foreign(1))], "n": 1, "y": [call(foreign(2))]});
    assert_eq!(filtered(item(twice)), Ok(item(json!({"x": [], "n": 0, "y": []}))));
    for data in [
        json!({"crm": [{"call_id": nobodys(1)}, {"call_id": "x"}], "n": 2}),
        json!({"call_id": nobodys(1), nobodys(2).to_string(): [1.5, {}]}),
        json!([[["team", {"name": foreign(1)}]], {"of": foreign(2)}]),
    ] {
        assert_eq!(filtered(item(data.clone())), Ok(item(data)));
    }
    for (list, left) in [
        (json!([[["team", {"team_id": foreign(1)}]], foreign(2)]), json!([[["team"]]])),
        (json!([own(1), foreign(1).simple(), "x"]), json!([own(1), "x"])),
    ] {
        assert_eq!(filtered(item(list)), Ok(item(left)));
    }
    for data in [
        json!({"team_id": foreign(1)}),
        call(foreign(1)),
        json!({"a": call(foreign(1))}),
        json!({foreign(1).to_string(): 1}),
    ] {
        assert_eq!(filtered(item(data)), Err(Unreadable::ForeignId));
    }
}

#[test]
fn what_is_in_a_foreign_item_decides_nothing() {
    let odd =
        json!({"call_id": foreign(1), "a": {foreign(2).to_string(): call(foreign(3))}, "n": 7});
    let answer = json!({"calls": [odd, call(own(1))], "count": 2});
    assert_eq!(filtered(answer), Ok(json!({"calls": [call(own(1))], "count": 1})));
}

/// Lists of the four kinds as they are known or presumed: where the items are, and whether and where
/// they are counted, differs.
#[test]
fn the_built_in_contract_can_filter_all_four_lists() {
    let contract = Contract::built_in().unwrap();
    let object = |kind: &str, id: Uuid| match kind {
        "configuration" => json!({
            "configuration_id": id, "client_id": "c-1", "tag": "x", "vocabulary": ["a"],
            "extraction_fields": [{"name": "n", "type": "number", "description": "d"}],
            "webhooks": {"success_url": "https://example.com"}, "custom_summary": null,
        }),
        "evaluator" => json!({
            "evaluator_id": id, "tag": "x",
            "criteria": [{"id": nobodys(5), "name": "n", "weight": 33.34, "type": "scale"}],
        }),
        "participant" => json!({
            "participant_id": id, "tag": "x", "metadata": {"crm": nobodys(6), "n": "3"},
        }),
        _ => json!({
            "transcription_id": id, "configuration_id": own(7), "participant_id": shared(8),
            "status": "COMPLETED", "duration": 84.5, "evaluation": {"score": 70, "breakdown": []},
        }),
    };
    for (kind, items, count) in [
        ("configuration", "configurations", None),
        ("evaluator", "evaluators", Some("count")),
        ("participant", "items", Some("count")),
        ("transcription", "transcriptions", Some("count")),
        ("transcription", "items", Some("total")),
    ] {
        let answer = |ids: &[Uuid]| {
            let all: Vec<_> = ids.iter().map(|id| object(kind, *id)).collect();
            let mut data = json!({items: all});
            if let Some(count) = count {
                data[count] = json!(ids.len());
            }
            json!({"data": data})
        };
        let rule = ListRule::new(&list_of(&contract, kind), &contract);
        let text = answer(&[foreign(1), own(1), nobodys(1), shared(1)]).to_string();
        let (_, table) = read(text.as_bytes()).unwrap();
        let document = table.of(&text);
        let edits = rule.edits(&document, whose).unwrap();
        let left: Value = serde_json::from_slice(&apply(text.as_bytes(), edits)).unwrap();
        assert_eq!(left, answer(&[own(1), shared(1)]), "{kind}");
    }
}

fn any_id() -> impl Strategy<Value = Uuid> {
    (0..4_usize, 0..4_u128)
        .prop_map(|(whose, number)| [own, foreign, shared, nobodys][whose](number))
}

fn any_text() -> impl Strategy<Value = Value> {
    prop_oneof![
        any_id().prop_map(|id| json!(id)),
        any_id().prop_map(|id| json!(id.simple().to_string())),
        "[a-z\"\\\\]{0,5}".prop_map(Value::from),
    ]
}

/// Documents in which objects of all tenants stand anywhere.
fn any_answer() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (0..4_u32).prop_map(Value::from),
        any_text(),
        any_id().prop_map(call),
    ];
    leaf.prop_recursive(6, 60, 5, |inner| {
        let object = |inner| prop::collection::hash_map("[a-c]", inner, 0..4);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(any_id().prop_map(call), 0..5).prop_map(Value::from),
            object(inner.clone()).prop_map(|members| Value::Object(members.into_iter().collect())),
            (any_id(), object(inner)).prop_map(|(id, members)| {
                let mut item = call(id);
                for (key, value) in members {
                    item[key] = value;
                }
                item
            }),
        ]
    })
}

/// Documents of which more can be read: what is odd stands within items only.
fn any_list() -> impl Strategy<Value = Value> {
    let inner = prop::collection::hash_map("[a-c]", any_answer(), 0..3);
    let item = (any_id(), inner).prop_map(|(id, members)| {
        let mut item = call(id);
        for (key, value) in members {
            item[key] = value;
        }
        item
    });
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!("text")),
        prop::collection::vec(item, 0..4).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let object = prop::collection::hash_map("[a-c]", inner, 1..4);
        object.prop_map(|members| Value::Object(members.into_iter().collect()))
    })
}

/// Lists of the common shape.
fn common_list() -> impl Strategy<Value = (Vec<Uuid>, Value)> {
    prop::collection::vec(any_id(), 0..12).prop_map(|ids| {
        let items: Vec<_> = ids.iter().map(|id| call(*id)).collect();
        let answer = json!({"data": {"count": items.len(), "items": items}, "message": "Done."});
        (ids, answer)
    })
}

fn has_foreign_object(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_foreign_object),
        Value::Object(members) => {
            let id = members.get("call_id").and_then(Value::as_str);
            let id = id.and_then(|id| Uuid::try_parse(id).ok());
            id.is_some_and(|id| whose(id) == Whose::Foreign)
                || members.values().any(has_foreign_object)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_item_of_another_tenant_survives_whatever_the_nesting(answer in prop_oneof![any_answer(), any_list()], pretty: bool) {
        let text = if pretty { format!("{answer:#}") } else { answer.to_string() };
        if let Ok(left) = filtered_at("/list", &text) {
            let left: Value = serde_json::from_str(&left).unwrap();
            prop_assert!(!has_foreign_object(&left), "{text} {left}");
            prop_assert!(!left.to_string().contains("secret of 00000bad"));
        }
    }

    #[test]
    fn a_list_of_the_common_shape_keeps_just_the_tenants_own((ids, answer) in common_list()) {
        let visible = |id: &&Uuid| whose(**id) == Whose::Own;
        let left: Vec<_> = ids.iter().filter(visible).map(|id| call(*id)).collect();
        let left = json!({"data": {"count": left.len(), "items": left}, "message": "Done."});
        prop_assert_eq!(filtered(answer), Ok(left));
    }

    #[test]
    fn a_list_of_the_tenants_own_alone_is_the_same_bytes(numbers in prop::collection::vec(0..9_u128, 0..9)) {
        let items: Vec<_> = numbers.iter().map(|number| call(own(*number))).collect();
        let text = format!("{:#}", json!({"items": items, "count": numbers.len(), "rest": {"x": null}}));
        prop_assert_eq!(filtered_at("/list", &text), Ok(text));
    }
}
