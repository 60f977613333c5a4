//! How does an answer get another address, and stay the same otherwise?

use serde_json::Value;

/// The address in an answer, at a JSON Pointer.
pub(super) fn address(body: &[u8], pointer: &str) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    json.pointer(pointer)?.as_str().map(str::to_owned)
}

/// Puts another address in the place of the one at the pointer, and wherever else it stands whole; all
/// other bytes stay. An answer that spells it in a way of its own is written anew.
pub(super) fn replace(body: &[u8], pointer: &str, old: &str, new: &str) -> Option<Vec<u8>> {
    let (old_text, new_text) = (Value::from(old).to_string(), Value::from(new).to_string());
    let replaced = substitute(body, old_text.as_bytes(), new_text.as_bytes());
    if address(&replaced, pointer).as_deref() == Some(new) {
        return Some(replaced);
    }
    let mut json: Value = serde_json::from_slice(body).ok()?;
    *json.pointer_mut(pointer)? = Value::from(new);
    serde_json::to_vec(&json).ok()
}

fn substitute(body: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(body.len() + new.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(body, old) {
        replaced.extend_from_slice(body.get(from..at).unwrap_or_default());
        replaced.extend_from_slice(new);
        from = at + old.len();
    }
    replaced.extend_from_slice(body.get(from..).unwrap_or_default());
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "/data/upload_url";
    const OLD: &str = "https://storage.example/a?b=c&d=%2F";
    const NEW: &str = "https://gateway.example/_gateway/upload/1";

    fn replaced(body: &str) -> Option<String> {
        replace(body.as_bytes(), AT, OLD, NEW).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn all_other_bytes_stay() {
        let body = |url: &str| {
            format!(
                "{{ \"data\" :{{\"n\":1.10, \"upload_url\" : \"{url}\",\"x\":\"é\\u00e9\"}} }}\n"
            )
        };
        assert_eq!(address(body(OLD).as_bytes(), AT).as_deref(), Some(OLD));
        assert_eq!(replaced(&body(OLD)), Some(body(NEW)));
    }

    #[test]
    fn it_is_replaced_wherever_it_stands() {
        let body =
            |url: &str| format!("{{\"data\":{{\"upload_url\":\"{url}\",\"again\":[\"{url}\"]}}}}");
        assert_eq!(replaced(&body(OLD)), Some(body(NEW)));
    }

    #[test]
    fn an_odd_spelling_is_replaced_all_the_same() {
        let odd = OLD.replace('/', "\\/").replace('&', "\\u0026");
        let body = format!("{{\"data\":{{\"upload_url\":\"{odd}\"}}}}");
        assert_eq!(address(body.as_bytes(), AT).as_deref(), Some(OLD));
        let now = replaced(&body).unwrap();
        assert_eq!(address(now.as_bytes(), AT).as_deref(), Some(NEW));
        assert!(!now.contains("storage"));
    }

    #[test]
    fn where_there_is_none_there_is_none() {
        for body in ["", "{}", "[]", "{\"data\":{\"upload_url\":7}}", "{\"data\":{\"upload_url\":"]
        {
            assert_eq!(address(body.as_bytes(), AT), None, "{body}");
        }
    }
}
