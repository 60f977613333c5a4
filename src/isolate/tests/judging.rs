//! Which requests pass?

use proptest::prelude::*;

use super::super::rule::{judge, open_job};
use super::super::{Named, named};
use super::*;
use crate::checked::Checked;
use crate::refusal::Refusal;

/// Every effect, by the path of its endpoint.
const PATHS: [&str; 6] = ["/read", "/list", "/change", "/delete", "/analyze", "/create"];
const ALTERING: [&str; 3] = ["/change", "/delete", "/analyze"];

fn verdict(path: &str, body: &Value, query: Option<&str>) -> Result<(), Refusal> {
    let endpoint = endpoint(path);
    let checked = Checked::from(body);
    let named = named(&endpoint.ids, &checked.document(), query)?;
    let owners: Vec<_> = named.iter().map(|named| owner("call", named.id?).map(Arc::new)).collect();
    judge(&named, &owners, TEAM, &endpoint)
}

fn unknown(field: &str) -> Result<(), Refusal> {
    Err(Refusal::UnknownId { field: field.into() })
}

#[test]
fn an_own_object_may_be_named_everywhere() {
    for path in PATHS {
        for body in [json!({"call_id": own(1)}), json!({"x": own(1)}), json!({"x": {"y": 1}})] {
            assert_eq!(verdict(path, &body, None), Ok(()), "{path} {body}");
        }
    }
}

#[test]
fn a_foreign_object_is_as_unknown_as_one_that_does_not_exist() {
    for path in PATHS {
        let refused = |id: Uuid| verdict(path, &json!({"call_id": id}), None);
        assert_eq!(refused(foreign(1)), unknown("call_id"), "{path}");
        let answers = [foreign(1), nobodys(1)].map(|id| {
            let answer = refused(id).unwrap_err().into_response::<bytes::Bytes>();
            (answer.status(), format!("{:?}", answer.headers()), answer.into_body())
        });
        assert_eq!(answers[0], answers[1], "{path}");
        assert_eq!(answers[0].0, 404);
    }
}

#[test]
fn an_id_in_an_unknown_place_must_only_not_be_foreign() {
    let spelled = foreign(1).simple().to_string().to_uppercase();
    for path in PATHS {
        let nested = json!({"a": [{"b": format!("{{{}}}", foreign(1))}]});
        assert_eq!(verdict(path, &nested, None), unknown("a[0].b"), "{path}");
        let key = json!({"a": {spelled.clone(): 1}});
        assert_eq!(verdict(path, &key, None), unknown(&format!("a.{spelled}")), "{path}");
        let query = format!("call={}", foreign(1));
        assert_eq!(verdict(path, &json!({}), Some(&query)), unknown("the query"), "{path}");
        assert_eq!(verdict(path, &json!({"a": nobodys(1)}), None), Ok(()), "{path}");
    }
}

#[test]
fn an_object_of_another_kind_is_unknown_in_a_known_field() {
    for id in [own(1), shared(1)] {
        assert_eq!(verdict("/read", &json!({"team_id": id}), None), unknown("team_id"));
    }
}

#[test]
fn what_is_no_id_is_unknown_in_a_known_field() {
    for value in [json!(""), json!("x"), json!(1), json!([own(1)])] {
        assert_eq!(verdict("/read", &json!({"call_id": value}), None), unknown("call_id"));
    }
    assert_eq!(verdict("/read", &json!({"call_id": null}), None), Ok(()));
}

#[test]
fn a_shared_object_may_be_used_and_not_altered() {
    for path in PATHS {
        for (body, field) in
            [(json!({"call_id": shared(1)}), "call_id"), (json!({"x": [shared(1)]}), "x[0]")]
        {
            let expected = if ALTERING.contains(&path) {
                Err(Refusal::SharedObject { field: field.into() })
            } else {
                Ok(())
            };
            assert_eq!(verdict(path, &body, None), expected, "{path} {body}");
        }
    }
}

#[test]
fn an_object_that_is_shared_with_others_only_is_unknown() {
    let endpoint = endpoint("/read");
    let checked = Checked::from(&json!({"call_id": shared(1)}));
    let named = named(&endpoint.ids, &checked.document(), None).unwrap();
    let owners = [owner("call", shared(1)).map(Arc::new)];
    assert_eq!(judge(&named, &owners, "initech", &endpoint), unknown("call_id"));
    let everybody = Holder::Shared(Sharing::Everybody);
    let owners =
        [Some(Arc::new(Owner { holder: everybody, ..(**owners[0].as_ref().unwrap()).clone() }))];
    assert_eq!(judge(&named, &owners, "initech", &endpoint), Ok(()));
}

#[test]
fn an_id_that_nobody_looked_up_does_not_pass() {
    let endpoint = endpoint("/read");
    let checked = Checked::from(&json!({"call_id": own(1)}));
    let named = named(&endpoint.ids, &checked.document(), None).unwrap();
    assert_eq!(judge(&named, &[], TEAM, &endpoint), Err(Refusal::Misassembled));
}

#[test]
fn a_read_tells_of_an_open_job_that_it_names() {
    let owners =
        |job_open| vec![Some(Arc::new(Owner { job_open, ..owner("call", own(1)).unwrap() }))];
    let name = |known| vec![Named { id: Some(own(1)), known, field: "call_id".into() }];
    let found = |path: &str, known, open| open_job(&name(known), &owners(open), &endpoint(path));
    assert_eq!(found("/read", Some(0), true), Some(own(1)));
    assert_eq!(found("/read", Some(0), false), None);
    assert_eq!(found("/read", None, true), None);
    assert_eq!(found("/change", Some(0), true), None);
}

proptest! {
    #[test]
    fn no_request_with_a_foreign_id_passes_wherever_and_however_it_stands(
        path in prop::sample::select(PATHS.to_vec()),
        way in prop::collection::vec(("[a-y]{0,3}", any::<bool>()), 0..8),
        spelling in 0..5_usize,
        as_key: bool,
    ) {
        let id = foreign(7);
        let text = match spelling {
            0 => id.hyphenated().to_string(),
            1 => id.simple().to_string().to_uppercase(),
            2 => id.urn().to_string(),
            3 => id.braced().to_string(),
            _ => format!(" {id}\t"),
        };
        let mut body = if as_key { json!({text: null}) } else { json!(text) };
        for (name, is_list) in way {
            body = if is_list { json!([1, body]) } else { json!({name: body, "z": own(1)}) };
        }
        let refused = verdict(path, &body, None);
        prop_assert!(matches!(refused, Err(Refusal::UnknownId { .. })), "{refused:?}");
    }
}
