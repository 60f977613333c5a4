//! What does the head of a request say to those who observe it?

use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};

use super::id::taken_or_made;
use crate::key::X_API_KEY;
use crate::observation::X_REQUEST_ID;
use crate::trace::{TRACEPARENT, TraceParent};

pub(super) struct Head {
    /// The request's id, taken over or made.
    pub(super) id: HeaderValue,
    /// The trace that it belongs to.
    pub(super) parent: Option<TraceParent>,
}

impl Head {
    /// Reads the fields, and keeps those out of `Debug` that carry credentials. One look at each field
    /// is cheaper than a search for each name.
    pub(super) fn read(fields: &mut HeaderMap) -> Self {
        let (mut given, mut traced) = (None, false);
        for (name, value) in fields.iter_mut() {
            if *name == X_API_KEY || *name == AUTHORIZATION || *name == COOKIE {
                value.set_sensitive(true);
            } else if *name == X_REQUEST_ID {
                given.get_or_insert(&*value);
            } else {
                traced |= *name == TRACEPARENT;
            }
        }
        let id = taken_or_made(given);
        Self { id, parent: traced.then(|| TraceParent::of(fields)).flatten() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_shows_in_what_is_printed() {
        let mut fields = HeaderMap::new();
        for name in ["x-api-key", "authorization", "cookie"] {
            fields.append(name, HeaderValue::from_static("secret-1"));
            fields.append(name, HeaderValue::from_static("secret-2"));
        }
        fields.insert("accept", HeaderValue::from_static("text/plain"));
        Head::read(&mut fields);
        let shown = format!("{fields:?}");
        assert!(!shown.contains("secret") && shown.contains("text/plain"), "{shown}");
    }

    #[test]
    fn the_first_id_and_the_only_trace_are_taken() {
        let traced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut fields = HeaderMap::new();
        for (name, value) in
            [("x-request-id", "one"), ("x-request-id", "two"), ("traceparent", traced)]
        {
            fields.append(name, HeaderValue::from_static(value));
        }
        let Head { id, parent } = Head::read(&mut fields);
        assert_eq!((id.as_bytes(), parent), (&b"one"[..], TraceParent::parse(traced.as_bytes())));
        fields.append("traceparent", HeaderValue::from_static(traced));
        assert_eq!(Head::read(&mut fields).parent, None);
    }
}
