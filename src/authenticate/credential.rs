//! Where in the request is the key?

use http::header::{AUTHORIZATION, HeaderMap, HeaderName};

use crate::key::X_API_KEY;
use crate::refusal::Refusal;

/// Headers in which people send a key by mistake.
const MISTAKEN: [(&str, HeaderName); 4] = [
    ("Authorization", AUTHORIZATION),
    ("api-key", HeaderName::from_static("api-key")),
    ("x-apikey", HeaderName::from_static("x-apikey")),
    ("apikey", HeaderName::from_static("apikey")),
];

/// Finds the key that a request presents.
///
/// # Errors
/// [`Refusal::MissingKey`], [`Refusal::WrongKeyHeader`], [`Refusal::RepeatedKey`].
pub fn credential(headers: &HeaderMap) -> Result<&[u8], Refusal> {
    // One look at each field is cheaper than a search for the name of one.
    let mut keys = headers.iter().filter(|(name, _)| **name == X_API_KEY).map(|(_, key)| key);
    match (keys.next(), keys.next()) {
        (Some(_), Some(_)) => Err(Refusal::RepeatedKey),
        (Some(key), None) if !key.is_empty() => Ok(key.as_bytes()),
        _ => Err(MISTAKEN
            .iter()
            .find(|(_, name)| headers.contains_key(name))
            .map_or(Refusal::MissingKey, |(found, _)| Refusal::WrongKeyHeader { found })),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_four_ways_to_send_no_usable_key_are_told_apart() {
        assert_eq!(credential(&headers(&[])), Err(Refusal::MissingKey));
        assert_eq!(credential(&headers(&[("x-api-key", "")])), Err(Refusal::MissingKey));
        assert_eq!(
            credential(&headers(&[("authorization", "Bearer k")])),
            Err(Refusal::WrongKeyHeader { found: "Authorization" })
        );
        assert_eq!(
            credential(&headers(&[("x-api-key", "a"), ("x-api-key", "a")])),
            Err(Refusal::RepeatedKey)
        );
    }

    #[test]
    fn a_stray_authorization_beside_a_key_does_not_matter() {
        let headers = headers(&[("authorization", "Bearer k"), ("x-api-key", "the-key")]);
        assert_eq!(credential(&headers), Ok(&b"the-key"[..]));
    }
}
