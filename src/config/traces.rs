//! Where do spans go, and which?

use http::Uri;
use http::header::{HeaderName, HeaderValue};

use super::field::Field;
use super::problem::Place;
use super::reader::Section;
use crate::trace::{Export, Ratio};

/// What the receiver calls the gateway.
const SERVICE: &str = "heify-gateway";

/// Reads `[traces]`; without an endpoint there is no export.
pub(crate) fn traces(mut section: Section<'_>) -> Option<Export> {
    let (report, place, key) = (section.report, section.place.clone(), section.key("endpoint"));
    let endpoint = section.take("endpoint");
    // What lies in the environment for all programs does not ask this one for an export.
    let names = ["service", "sample", "headers", "headers_file"];
    let mut asked = names.iter().filter_map(|name| section.place_of(name));
    let asked = asked.any(|place| !is_shared(place));
    let service = section.take("service").and_then(Field::text);
    let ratio = section.take("sample").and_then(|field| field.parsed(parse_ratio));
    let headers = section.secret("headers", "headers_file").and_then(|found| {
        let headers = parse_headers(found.secret.expose());
        let wrong = |message| report.problem(&found.place, format!("{}: {message}", found.key));
        headers.map_err(wrong).ok()
    });
    section.finish();
    let Some(endpoint) = endpoint else {
        if asked {
            report.missing(&place, format!("{key}: the address of a receiver is missing"));
        }
        return None;
    };
    Some(Export {
        endpoint: url(endpoint)?,
        headers: headers.unwrap_or_default(),
        service: service.unwrap_or_else(|| SERVICE.to_owned()),
        ratio: ratio.unwrap_or(Ratio::ALL),
    })
}

fn is_shared(place: &Place) -> bool {
    matches!(place, Place::Variable(name) if name.starts_with("OTEL_"))
}

/// The address is not shown: there may be a key in it.
fn url(field: Field<'_>) -> Option<Uri> {
    let (text, field) = field.spotted_text()?;
    if cfg!(not(feature = "otlp")) {
        field.wrong("needs the feature `otlp`, which this build does not have");
        return None;
    }
    parse_url(&text).map_err(|message| field.wrong(message)).ok()
}

fn parse_url(text: &str) -> Result<Uri, &'static str> {
    let expected = "must be an address such as \"http://127.0.0.1:4318\", without a user name, \
                    a query or /v1/traces at its end";
    if text.contains(['@', '?', '#']) || text.trim_end_matches('/').ends_with("/v1/traces") {
        return Err(expected);
    }
    let url: Uri = text.parse().map_err(|_| expected)?;
    let is_named = url.host().is_some_and(|host| !host.is_empty());
    match url.scheme_str() {
        Some("https") if cfg!(not(feature = "tls")) => {
            Err("https needs the feature `tls`, which this build does not have")
        }
        Some("http" | "https") if is_named => Ok(url),
        _ => Err(expected),
    }
}

/// `10%`, or `0.1` as OpenTelemetry has it.
fn parse_ratio(text: &str) -> Result<Ratio, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(percent) => (percent, 100.0),
        None => (text, 1.0),
    };
    let ratio = number.trim().parse::<f64>().ok().and_then(|number| Ratio::new(number / whole));
    ratio.ok_or_else(|| "must be a part from \"0%\" to \"100%\"".to_owned())
}

/// `name=value,name=value`, values percent-encoded, as in OpenTelemetry's variable. Nothing of it is
/// shown: values are keys as a rule.
fn parse_headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, &'static str> {
    let expected = "must be header fields as name=value, with commas between them";
    let one = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        let mut value = HeaderValue::from_bytes(&decoded(value.trim())?).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    pairs.map(one).collect::<Option<_>>().ok_or(expected)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_a_plain_base_address() {
        for right in ["http://127.0.0.1:4318", "http://collector:4318/", "http://[::1]/otlp"] {
            assert!(parse_url(right).is_ok(), "{right}");
        }
        for wrong in ["", "collector:4318", "http://c/v1/traces", "http://a:b@c", "http://c/?k=v"] {
            assert!(parse_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_part_is_written_in_two_ways() {
        assert_eq!(parse_ratio("10%").unwrap(), parse_ratio("0.1").unwrap());
        assert_eq!(parse_ratio("100%").unwrap(), Ratio::ALL);
        for wrong in ["", "101%", "-1%", "2", "nan", "ten"] {
            assert!(parse_ratio(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_are_decoded_and_do_not_show_themselves() {
        let headers = parse_headers("api-key=a%20b=, Authorization=Bearer%20x").unwrap();
        assert_eq!(headers[0].1, "a b=");
        assert_eq!(headers[1], ("authorization".parse().unwrap(), "Bearer x".parse().unwrap()));
        assert!(!format!("{headers:?}").contains("Bearer"));
        for wrong in ["x", "a b=c", "a=%", "a=%zz", "a=%0a"] {
            assert!(parse_headers(wrong).is_err(), "{wrong}");
        }
    }
}
