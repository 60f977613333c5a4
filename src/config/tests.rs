//! Does the example file show every key, and only keys that exist?
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::example::{EXAMPLE, with_every_setting};
use super::*;

/// Tables whose names are the contract's own, besides paths.
const FREE_NAMES: [&str; 1] = ["caps"];
/// The two ways to give each secret that the example shows side by side.
const EITHER_OR: [(&str, &str); 4] = [
    ("api_key", "api_key_file"),
    ("token", "token_file"),
    ("secret", "secret_file"),
    ("headers", "headers_file"),
];

fn load_text(text: &str) -> (Result<Settings, Mistakes>, BTreeMap<String, Asked>) {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let read_file = |path: &Path| {
        let content = match path.to_str().unwrap_or_default() {
            "gateway.toml" => text.to_owned(),
            "/etc/heify-gateway/tls.key" => certificate.signing_key.serialize_pem(),
            path if path.ends_with(".crt") || path.ends_with(".pem") => certificate.cert.pem(),
            "/run/secrets/otlp-headers" => "api-key=a-key-of-the-collector".to_owned(),
            path => format!("the-content-of-{path}"),
        };
        Ok(content.into_bytes())
    };
    let environment: [(&str, &str); 0] = [];
    let sources = Sources {
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        read_file: &read_file,
        ..Sources::new(Some("gateway.toml".into()), environment)
    };
    load_and_record(&sources)
}

fn left(pairs: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    pairs.iter().map(|(value, _)| *value).collect()
}

#[test]
fn the_example_file_holds_the_defaults() {
    let with_key = EXAMPLE.replace("#api_key =", "api_key =");
    let example = load_text(&with_key).0.unwrap();
    let empty = load_text("upstream.api_key = 'the-central-key'").0.unwrap();
    assert_eq!(format!("{example:?}"), format!("{empty:?}"));
}

#[test]
fn every_commented_setting_of_the_example_file_is_valid() {
    let values: Vec<_> = EITHER_OR.iter().map(|(_, file)| *file).collect();
    for mut leave_out in [left(&EITHER_OR), values] {
        // A build without the feature says that it cannot export.
        if cfg!(not(feature = "otlp")) {
            leave_out.extend(["endpoint", "sample", "service", "headers", "headers_file"]);
        }
        let settings = load_text(&with_every_setting(&leave_out)).0.unwrap();
        assert_eq!(settings.authenticate.tenants[0].keys.len(), 3);
        assert!(settings.server.tls.is_some());
        assert!(settings.contract.is_some());
        assert_eq!(settings.alerts.len(), 1);
        assert!(settings.records.is_some() && settings.isolation.is_some());
    }
}

#[test]
fn the_example_file_shows_every_key_that_is_read() {
    let text = with_every_setting(&[]);
    let asked = load_text(&text).1;
    let mut shown = BTreeSet::new();
    collect(&tree::parse_file(&"gateway.toml".into(), &text).0, "", &mut shown);
    let missing: Vec<_> = asked.keys().filter(|key| !shown.contains(&bare(key))).collect();
    assert!(missing.is_empty(), "not in config/gateway.toml: {missing:?}");
    assert!(asked.len() > 90, "the reader does not record what it asks for: {asked:?}");
    let bare: Vec<_> = asked.iter().filter(|(_, asked)| asked.shapes.is_empty()).collect();
    assert!(bare.is_empty(), "read without a word of what they may be: {bare:?}");
}

/// The paths of all keys, without indices.
fn collect(table: &Table, path: &str, keys: &mut BTreeSet<String>) {
    for entry in table {
        let parent = path.rsplit('.').next().unwrap_or_default();
        let free = entry.name.starts_with('/') || FREE_NAMES.contains(&parent);
        let name = if free { "*" } else { &entry.name };
        let key = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        collect_values(&entry.node.value, &key, keys);
        keys.insert(key);
    }
}

fn collect_values(value: &tree::Value, key: &str, keys: &mut BTreeSet<String>) {
    match value {
        tree::Value::Table(table) => collect(table, key, keys),
        tree::Value::Array(items) => {
            items.iter().for_each(|item| collect_values(&item.value, key, keys));
        }
        _ => {}
    }
}

fn bare(key: &str) -> String {
    key.replace("[]", "")
}
