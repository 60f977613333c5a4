//! Which header fields pass, in either direction?

use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use crate::key::{KeyDigest, X_API_KEY};
use crate::observation::X_REQUEST_ID;
use crate::refusal::{HINT, REASON};
use crate::tenant::Tenant;
use crate::trace::{TRACEPARENT, TRACESTATE, TraceParent};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a client may say to the upstream. Everything else stays here: credentials and cookies,
/// framing, addresses, and whatever the next version of some proxy trusts.
const ALLOWED: [HeaderName; 4] = [ACCEPT, ACCEPT_LANGUAGE, IDEMPOTENCY_KEY, X_REQUEST_ID];
/// These pass, too, where they are valid.
const OF_TRACE: [HeaderName; 2] = [TRACEPARENT, TRACESTATE];

/// Fields that mean one connection only (RFC 9110, section 7.6.1), and their historic companions.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    TRANSFER_ENCODING,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    UPGRADE,
];

/// Fields that only the gateway writes.
const OURS: [HeaderName; 3] = [X_API_KEY, REASON, HINT];

/// Builds the fields of the request to the upstream: the gateway's own, and the client's from an
/// allow-list that has none of them. An idempotency key becomes the tenant's own.
pub fn upstream_fields(client: &HeaderMap, own: &HeaderMap, tenant: Option<&Tenant>) -> HeaderMap {
    let mut fields = own.clone();
    let named = client.keys().any(|name| *name == CONNECTION);
    let passes = |name: &HeaderName| !(named && named_in_connection(client, name));
    let (mut traced, mut keyed) = (false, false);
    for (name, value) in client {
        if ALLOWED.contains(name) {
            if passes(name) {
                fields.append(name, value.clone());
                keyed |= *name == IDEMPOTENCY_KEY;
            }
        } else {
            traced |= *name == TRACEPARENT;
        }
    }
    if let (true, Some(tenant)) = (keyed, tenant) {
        keep_apart(&mut fields, &tenant.id);
    }
    // A trace that nobody can read is none, and the state of none says nothing.
    if traced && passes(&TRACEPARENT) && TraceParent::of(client).is_some() {
        for name in OF_TRACE.iter().filter(|name| passes(name)) {
            for value in client.get_all(name) {
                fields.append(name, value.clone());
            }
        }
    }
    fields
}

/// Makes an idempotency key the tenant's own. All tenants are one account for the upstream: it would
/// answer a key that two of them chose with what it has answered the first of them.
fn keep_apart(fields: &mut HeaderMap, tenant: &str) {
    let Some(key) = fields.get(IDEMPOTENCY_KEY) else { return };
    // No tenant's id has a NUL, and no header field either.
    let both = [tenant.as_bytes(), b"\0", key.as_bytes()].concat();
    match HeaderValue::try_from(KeyDigest::of(&both).to_string()) {
        Ok(key) => drop(fields.insert(IDEMPOTENCY_KEY, key)),
        Err(_) => drop(fields.remove(IDEMPOTENCY_KEY)),
    }
}

/// Removes what concerns only the connection to the upstream, and what only the gateway may say.
pub fn strip_hop_by_hop(answer: &mut HeaderMap) {
    // Mostly there is nothing to remove: one look at each field is cheaper than a search for each name.
    let stays_here = |name: &&HeaderName| HOP_BY_HOP.contains(name) || OURS.contains(name);
    if !answer.keys().any(|name| stays_here(&name)) {
        return;
    }
    if answer.contains_key(CONNECTION) {
        let named: Vec<HeaderName> =
            answer.keys().filter(|name| named_in_connection(answer, name)).cloned().collect();
        for name in named {
            answer.remove(name);
        }
    }
    // Chunks overrule a length (RFC 9112, section 6.3), and the length then says something false.
    if answer.contains_key(TRANSFER_ENCODING) {
        answer.remove(CONTENT_LENGTH);
    }
    while let Some(name) = answer.keys().find(stays_here).cloned() {
        answer.remove(name);
    }
}

fn named_in_connection(fields: &HeaderMap, name: &HeaderName) -> bool {
    fields.get_all(CONNECTION).iter().any(|list| {
        let mut tokens = list.as_bytes().split(|byte| *byte == b',');
        tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }

    fn own() -> HeaderMap {
        map(&[("host", "heify"), ("x-api-key", "central"), ("user-agent", "gateway")])
    }

    #[test]
    fn an_idempotency_key_is_each_tenants_own() {
        let kept = |tenant: &str, sent: &[(&str, &str)]| {
            let tenant = Tenant { index: 0, id: tenant.into() };
            let fields = upstream_fields(&map(sent), &own(), Some(&tenant));
            let kept = fields.get_all("idempotency-key").iter();
            kept.map(|key| key.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let one = kept("a", &[("idempotency-key", "17")]);
        assert_eq!(kept("a", &[("idempotency-key", "17")]), one);
        assert_ne!(kept("b", &[("idempotency-key", "17")]), one);
        assert_ne!(kept("a1", &[("idempotency-key", "7")]), one);
        assert_eq!(kept("a", &[("idempotency-key", "17"), ("idempotency-key", "x")]), one);
        assert!(kept("a", &[]).is_empty());
    }

    #[test]
    fn only_allowed_fields_and_exactly_one_key_reach_the_upstream() {
        let client = map(&[
            ("x-api-key", "theirs"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("host", "evil"),
            ("transfer-encoding", "chunked"),
            ("x-forwarded-for", "192.0.2.1"),
            ("accept", "application/json"),
        ]);
        let fields = upstream_fields(&client, &own(), None);
        let mut names: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "host", "user-agent", "x-api-key"]);
        assert_eq!(fields.get_all("x-api-key").iter().collect::<Vec<_>>(), ["central"]);
        assert_eq!(fields.get_all("host").iter().collect::<Vec<_>>(), ["heify"]);
    }

    #[test]
    fn one_valid_trace_passes_with_its_state_and_any_other_does_not() {
        let valid = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
        let (one, two) = (("tracestate", "a=1"), ("tracestate", "b=2"));
        let traced = |sent: &[(&str, &str)]| {
            let fields = upstream_fields(&map(sent), &own(), None);
            let values = [TRACEPARENT, TRACESTATE];
            let values = values.iter().flat_map(|name| fields.get_all(name));
            values.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(traced(&[one, valid, two]), [valid.1, one.1, two.1]);
        assert_eq!(traced(&[valid]), [valid.1]);
        for wrong in [
            &[one][..],
            &[("traceparent", "00-x"), one],
            &[valid, valid, one],
            &[("connection", "traceparent"), valid, one],
        ] {
            assert!(traced(wrong).is_empty(), "{wrong:?}");
        }
    }

    #[test]
    fn a_field_that_connection_names_does_not_pass_in_either_direction() {
        let client = map(&[("connection", "close, Accept"), ("accept", "text/html")]);
        assert!(!upstream_fields(&client, &own(), None).contains_key("accept"));
        let mut answer = map(&[
            ("connection", "x-one"),
            ("connection", " X-Two ,close"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
        ]);
        strip_hop_by_hop(&mut answer);
        assert_eq!(answer.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-three"]);
    }

    #[test]
    fn a_length_that_chunks_overrule_does_not_pass() {
        let mut answer = map(&[("transfer-encoding", "chunked"), ("content-length", "5")]);
        strip_hop_by_hop(&mut answer);
        assert!(answer.is_empty());
    }

    proptest! {
        #[test]
        fn no_client_field_ever_replaces_ours(
            names in proptest::collection::vec("[a-z\\-]{1,16}", 0..12),
        ) {
            let fields: Vec<_> = names.iter().map(|name| (name.as_str(), "client")).collect();
            let fields = upstream_fields(&map(&fields), &own(), None);
            prop_assert_eq!(fields.get_all("x-api-key").iter().count(), 1);
            for name in fields.keys() {
                prop_assert!(ALLOWED.contains(name) || own().contains_key(name));
            }
        }
    }
}
