//! How are the upstream and the bounds of bodies set?

use http::Uri;

use super::environment::API_KEY;
use super::field::Field;
use super::pem::check_certificates;
use super::problem::Place;
use super::reader::{Report, Section};
use super::server::{DEADLINE, UNSENDABLE, is_here, is_sendable};
use crate::secret::Secret;
use crate::{upstream, validate};

/// Heify itself.
const URL: &str = "https://api.heify.com";

/// Reads `[upstream]`.
pub(crate) fn upstream(mut section: Section<'_>) -> upstream::Settings {
    // What is missing is not the fault of a variable that sets something else in the section.
    if matches!(section.place, Place::Variable(_)) {
        section.place = Place::Nowhere;
    }
    let url = match section.take("url") {
        Some(field) => url(field),
        None => {
            check_scheme(&Uri::from_static(URL), &section.place, section.report);
            None
        }
    };
    let secret = central_key(&mut section);
    let default = upstream::Settings::new(url.unwrap_or(Uri::from_static(URL)), secret);
    let mut deadline = |name, default| section.duration(name, DEADLINE).unwrap_or(default);
    let connect_timeout = deadline("connect_timeout", default.connect_timeout);
    let timeout = deadline("timeout", default.timeout);
    let body_idle_timeout = deadline("body_idle_timeout", default.body_idle_timeout);
    let total_timeout = deadline("total_timeout", default.total_timeout);
    let pool_idle_timeout = deadline("pool_idle_timeout", default.pool_idle_timeout);
    let ca_pem = section.take("ca_file").and_then(Field::file).and_then(|(_, pem, field)| {
        check_certificates(&pem).map_err(|message| field.wrong(message)).ok()?;
        Some(pem)
    });
    section.finish();
    upstream::Settings {
        ca_pem,
        connect_timeout,
        timeout,
        body_idle_timeout,
        total_timeout,
        pool_idle_timeout,
        ..default
    }
}

/// Reads `[body]`.
pub(crate) fn bodies(mut section: Section<'_>) -> validate::Settings {
    // Each body is read whole: more than a gibibyte of them is a typing error.
    const LIMIT: std::ops::RangeInclusive<u64> = 1 << 10..=1 << 30;
    const MEMORY: std::ops::RangeInclusive<u64> = 1 << 10..=1 << 40;
    let default = validate::Settings::default();
    let mut size = |name, range, default| {
        let field = section.take(name);
        let place = field.as_ref().map(|field| field.place().clone());
        (field.and_then(|field| field.size(range)).unwrap_or(default), place)
    };
    let body = size("body_limit", LIMIT, default.body_limit);
    let tenant = size("tenant_bytes_in_flight", MEMORY, default.tenant_bytes_in_flight);
    let all = size("bytes_in_flight", MEMORY, default.bytes_in_flight);
    // Otherwise a body of the allowed size would never be let in.
    for (small, big, names) in [
        (&body, &tenant, ["body_limit", "tenant_bytes_in_flight"]),
        (&tenant, &all, ["tenant_bytes_in_flight", "bytes_in_flight"]),
    ] {
        // Of two that are written down, the later one; a default of ours is never at fault.
        if let Some(place) = (&small.1).max(&big.1)
            && small.0 > big.0
        {
            let message = format!("{} bytes, must not be above {} ({})", small.0, names[1], big.0);
            section.report.problem(place, format!("{}: {message}", section.key(names[0])));
        }
    }
    let body_timeout = section.duration("body_timeout", DEADLINE);
    section.finish();
    validate::Settings {
        body_limit: body.0,
        body_timeout: body_timeout.unwrap_or(default.body_timeout),
        bytes_in_flight: all.0,
        tenant_bytes_in_flight: tenant.0,
    }
}

fn central_key(section: &mut Section<'_>) -> Secret {
    let (report, place) = (section.report, section.place.clone());
    let given = section.is_given("api_key") || section.is_given("api_key_file");
    let Some(found) = section.secret("api_key", "api_key_file") else {
        if !given {
            let ways = format!("set {API_KEY} or {API_KEY}_FILE, or api_key_file in [upstream]");
            report.missing(&place, format!("upstream.api_key: the central key is missing; {ways}"));
        }
        return Secret::new("");
    };
    if !is_sendable(found.secret.expose()) {
        report.problem(&found.place, format!("{}: {UNSENDABLE}", found.key));
    }
    found.secret
}

fn url(field: Field<'_>) -> Option<Uri> {
    let (text, field) = field.spotted_text()?;
    match parse_url(&text) {
        Ok(url) => {
            check_scheme(&url, field.place(), field.report);
            Some(url)
        }
        // The address is not shown: however it is broken, there may be a password in it.
        Err(message) => {
            field.wrong(&message);
            None
        }
    }
}

fn parse_url(text: &str) -> Result<Uri, String> {
    let expected = "must be a URL such as \"https://api.heify.com\"";
    if text.contains('@') {
        return Err("must have no user name or password; the key goes into api_key_file".to_owned());
    }
    if text.contains(['?', '#']) {
        return Err(format!("{expected} without a query or a fragment"));
    }
    let url: Uri = text.parse().map_err(|_| expected.to_owned())?;
    let scheme = url.scheme_str().unwrap_or_default();
    let authority = url.authority().ok_or_else(|| expected.to_owned())?;
    if scheme != "https" && scheme != "http" {
        return Err(format!("{expected} with https or http"));
    }
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    if authority.host().is_empty() || (!port.is_empty() && url.port_u16().is_none()) {
        return Err(format!("{expected} with a host, and a port up to 65535 if any"));
    }
    Ok(url)
}

/// Reports a scheme that cannot be spoken, and warns of one that should not.
fn check_scheme(url: &Uri, place: &Place, report: &Report<'_>) {
    if url.scheme_str() == Some("https") && !cfg!(feature = "tls") {
        report.missing(place, "upstream.url: https needs a build with the feature `tls`");
    } else if url.scheme_str() == Some("http") && !is_here(url.host().unwrap_or_default()) {
        let message = "http sends the central key over the network in the clear";
        report.warning(place, format!("upstream.url: {message}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_plain_http_or_https_address() {
        for right in
            ["https://api.heify.com", "http://127.0.0.1:9/", "https://x/v1", "http://[::1]:9"]
        {
            assert!(parse_url(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "api.heify.com",
            "ftp://x",
            "https://",
            "https:///x",
            "https://x?y=1",
            "https://x#y",
            "https://x:99999",
            "https://x y",
            "/submit",
            "*",
        ] {
            assert!(parse_url(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn https_needs_tls() {
        let sources = super::super::Sources::new(None, [(API_KEY, "the-central-key")]);
        let mistakes = super::super::load(&sources).unwrap_err().to_string();
        assert!(mistakes.ends_with("upstream.url: https needs a build with the feature `tls`"));
    }
}
