//! Which header fields go on to storage, and which come back?

use http::header::{AUTHORIZATION, CONNECTION, COOKIE, TRANSFER_ENCODING};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderName, HeaderValue};

use super::address::Address;
use crate::key::X_API_KEY;

/// Whatever an address says: a credential of another place, or what belongs to one connection.
const NEVER: [HeaderName; 5] = [AUTHORIZATION, COOKIE, CONNECTION, TRANSFER_ENCODING, X_API_KEY];

/// The fields of the request to storage: the client's that were signed, its type and `x-amz-*`, as they
/// came; the right `Host` and length, and nothing of the gateway's own. `None`: the host cannot be
/// written.
pub(super) fn to_storage(client: &HeaderMap, address: &Address, size: u64) -> Option<HeaderMap> {
    let signed = address.signed();
    let goes_on = |name: &HeaderName| {
        (*name == CONTENT_TYPE
            || name.as_str().starts_with("x-amz-")
            || signed.iter().any(|signed| signed == name.as_str()))
            && !NEVER.contains(name)
    };
    let mut fields = HeaderMap::with_capacity(8);
    for (name, value) in client.iter().filter(|(name, _)| goes_on(name)) {
        fields.append(name, value.clone());
    }
    fields.insert(HOST, HeaderValue::from_str(address.authority().as_str()).ok()?);
    fields.insert(CONTENT_LENGTH, HeaderValue::from(size));
    Some(fields)
}

/// What storage says of a file that it has taken.
pub(super) fn from_storage(storage: &HeaderMap) -> HeaderMap {
    let comes_back = |name: &HeaderName| *name == ETAG || name.as_str().starts_with("x-amz-");
    let kept = storage.iter().filter(|(name, _)| comes_back(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::Host;

    #[test]
    fn what_was_signed_goes_on_as_it_came_and_nothing_else_does() {
        let mut client = HeaderMap::new();
        for (name, value) in [
            ("host", "gateway.example"),
            ("content-type", "audio/wav; x=\"Y\""),
            ("x-amz-meta-name", "a  b"),
            ("content-md5", "abc"),
            ("x-api-key", "theirs"),
            ("cookie", "a=b"),
            ("authorization", "Bearer x"),
            ("expect", "100-continue"),
            ("x-forwarded-for", "192.0.2.1"),
            ("traceparent", "00-x"),
            ("user-agent", "curl"),
            ("content-length", "9"),
        ] {
            client.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let url =
            "https://storage.example/?X-Amz-SignedHeaders=content-md5%3Bhost%3Bcookie%3Bx-api-key";
        let hosts = [Host::parse("storage.example").unwrap()];
        let address = Address::read(url, &hosts).unwrap();
        let fields = to_storage(&client, &address, 7).unwrap();
        let mut lines: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "content-length: 7",
                "content-md5: abc",
                "content-type: audio/wav; x=\"Y\"",
                "host: storage.example",
                "x-amz-meta-name: a  b",
            ]
        );
    }

    #[test]
    fn of_storages_answer_the_tag_comes_back() {
        let mut storage = HeaderMap::new();
        for (name, value) in
            [("etag", "\"1\""), ("x-amz-request-id", "2"), ("set-cookie", "a=b"), ("server", "S3")]
        {
            storage.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut names: Vec<_> = from_storage(&storage).keys().map(HeaderName::to_string).collect();
        names.sort_unstable();
        assert_eq!(names, ["etag", "x-amz-request-id"]);
    }
}
