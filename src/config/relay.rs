//! Do files pass through the gateway on their way to storage?

use std::ops::RangeInclusive;
use std::time::Duration;

use http::Uri;

use super::field::Field;
use super::reader::Section;
use super::server::is_here;
use crate::relay::{Host, Settings};

/// Below, hardly any audio would pass; above, storage takes none in one piece.
const SIZE: RangeInclusive<u64> = 1 << 10..=5 << 30;
/// Each has two connections.
const UPLOADS: RangeInclusive<u32> = 1..=100_000;
const IDLE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);
const TOTAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);

/// Reads `[relay]`.
pub(crate) fn relay(mut section: Section<'_>) -> Option<Settings> {
    let place = section.place.clone();
    let is_enabled = section.take("enabled").and_then(Field::boolean) == Some(true);
    let url = section.take("public_url");
    if is_enabled && url.is_none() {
        let message =
            "must say how clients reach this gateway, such as \"https://gateway.example\"";
        section.report.missing(&place, format!("{}: {message}", section.key("public_url")));
    }
    let default = Settings::new(url.and_then(public_url).unwrap_or_default());
    let hosts = section.take("hosts").and_then(Field::items).map(|items| {
        let hosts: Vec<Host> = items.into_iter().filter_map(host).collect();
        hosts
    });
    let max_size = section.take("max_size").and_then(|field| field.size(SIZE));
    let max_uploads = section.take("max_uploads").and_then(|field| field.integer(UPLOADS));
    let idle_timeout = section.duration("idle_timeout", IDLE);
    let total_timeout = section.duration("total_timeout", TOTAL);
    section.finish();
    is_enabled.then(|| Settings {
        hosts: hosts.unwrap_or(default.hosts),
        max_size: max_size.map_or(default.max_size, |bytes| bytes as u64),
        max_uploads: max_uploads.map_or(default.max_uploads, |most| most as usize),
        idle_timeout: idle_timeout.unwrap_or(default.idle_timeout),
        total_timeout: total_timeout.unwrap_or(default.total_timeout),
        public_url: default.public_url,
    })
}

/// The URL without a slash at its end.
fn public_url(field: Field<'_>) -> Option<String> {
    let (text, field) = field.spotted_text()?;
    match parse(&text) {
        Some(url) => {
            if url.starts_with("http:") && !leads_here(&text) {
                field.warn("http sends addresses that allow an upload, and audio, in the clear");
            }
            Some(url)
        }
        None => {
            // Not shown: there may be a password in it.
            field.wrong("must be a URL such as \"https://gateway.example\", without a query");
            None
        }
    }
}

fn parse(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_plain = !text.contains(['?', '#', '@']) && !authority.is_empty();
    // It is written into JSON and into shells.
    let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    (is_http && is_plain && is_printable).then(|| text.trim_end_matches('/').to_owned())
}

/// A host that files are passed on to. In the clear only to this machine.
fn host(field: Field<'_>) -> Option<Host> {
    field.parsed(|text| {
        let expected = "must be a host such as \"storage.heify.com\", with a port if it is not 443";
        let host = Host::parse(text).ok_or_else(|| expected.to_owned())?;
        match host.is_plain() && !is_here(host.name()) {
            true => Err(format!("{expected}; http:// is for this machine only")),
            false => Ok(host),
        }
    })
}

fn leads_here(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(is_here))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mistakes, Settings as All, Sources, load};

    fn loaded(section: &str) -> Result<All, Mistakes> {
        let text = format!(
            "upstream.url = 'http://127.0.0.1:9'\nupstream.api_key = 'the-central-key'\n[relay]\n{section}"
        );
        let read_file = move |_: &std::path::Path| Ok(text.clone().into_bytes());
        let environment: [(&str, &str); 0] = [];
        let sources =
            Sources { read_file: &read_file, ..Sources::new(Some("g.toml".into()), environment) };
        load(&sources)
    }

    #[test]
    fn it_is_off_unless_it_is_wanted_and_keeps_records_then() {
        let off = loaded("public_url = 'https://gateway.example'").unwrap();
        assert!(off.relay.is_none() && off.records.is_none());
        let on = loaded("enabled = true\npublic_url = 'https://gateway.example/heify/'").unwrap();
        assert!(on.records.is_some());
        let expected = Settings::new("https://gateway.example/heify".to_owned());
        assert_eq!(on.relay, Some(expected));
    }

    #[test]
    fn mistakes_are_told_and_a_password_is_not() {
        for (section, told) in [
            ("enabled = true", "relay.public_url: must say how clients reach"),
            ("public_url = 'gateway.example'", "relay.public_url: must be a URL"),
            ("public_url = 'https://me:secret@x'", "relay.public_url: must be a URL"),
            ("hosts = ['http://storage.example']", "http:// is for this machine only"),
            ("hosts = ['a/b']", "relay.hosts[0]: must be a host"),
            ("max_size = 7", "relay.max_size: must be from 1KiB to 5GiB"),
            ("idle_timeout = '0s'", "relay.idle_timeout: must be from 100ms"),
        ] {
            let mistakes = loaded(section).unwrap_err().to_string();
            assert!(mistakes.contains(told), "{section}: {mistakes}");
            assert!(!mistakes.contains("secret"), "{mistakes}");
        }
        let plain = loaded("enabled = true\npublic_url = 'http://gateway.example'").unwrap();
        assert!(plain.warnings.iter().any(|one| one.message.contains("in the clear")));
    }
}
