//! Does an answer say that it is not all there is?
//!
//! Heify publishes no way to ask for a further page, and none is made up here. But where a list looks
//! like the first of several, whoever adopts from it must know.

use serde_json::{Map, Value};

/// The members beside the items that say of more than so many objects, by their paths.
pub(super) fn signs_of_more(answer: &[u8], shown: usize) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(Value::Object(members)) = serde_json::from_slice(answer) {
        look(&members, "", shown as u64, &mut found);
    }
    found
}

/// Items are in arrays, and what they say is about themselves.
fn look(members: &Map<String, Value>, above: &str, shown: u64, found: &mut Vec<String>) {
    for (key, value) in members {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            Value::Object(within) => look(within, &path, shown, found),
            value if says_more(&key.to_lowercase(), value, shown) => found.push(path),
            _ => {}
        }
    }
}

fn says_more(key: &str, value: &Value, shown: u64) -> bool {
    let is_named = |words: &[&str]| words.iter().any(|word| key.contains(word));
    match value {
        Value::Bool(is_so) => *is_so && is_named(&["more", "next", "truncat", "partial"]),
        Value::String(text) => {
            !text.is_empty() && is_named(&["next", "cursor", "token", "continu"])
        }
        Value::Number(number) => {
            let above = number.as_u64().is_some_and(|number| number > shown);
            above && is_named(&["count", "total", "size"])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signs(answer: &Value) -> Vec<String> {
        signs_of_more(answer.to_string().as_bytes(), 2)
    }

    #[test]
    fn what_looks_like_one_page_of_several_is_found() {
        for (beside, path) in [
            (json!({ "has_more": true }), "data.has_more"),
            (json!({ "nextToken": "abc" }), "data.nextToken"),
            (json!({ "cursor": "abc" }), "data.cursor"),
            (json!({ "count": 3 }), "data.count"),
            (json!({ "paging": { "total": 57 } }), "data.paging.total"),
            (json!({ "LastEvaluated": {}, "is_truncated": true }), "data.is_truncated"),
        ] {
            let mut answer = json!({ "data": beside });
            answer["data"]["items"] = json!([{ "id": 1 }, { "id": 2 }]);
            assert_eq!(signs(&answer), [path], "{answer}");
        }
    }

    #[test]
    fn a_whole_list_and_what_its_items_say_are_no_signs() {
        let item = json!({ "next": "x", "has_more": true, "count": 9 });
        for answer in [
            json!({ "data": { "items": [item, item], "count": 2 } }),
            json!({ "data": { "items": [], "has_more": false, "next": null, "cursor": "" } }),
            json!({ "message": "57 found", "page": 1, "limit": 100 }),
            json!([item, item]),
        ] {
            assert_eq!(signs(&answer), [""; 0], "{answer}");
        }
    }
}
