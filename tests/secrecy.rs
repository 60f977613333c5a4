//! Can a secret get into a message, wherever it is written?
#![cfg(feature = "config")]

use std::fmt::Write as _;
use std::io;

use heify_gateway::config::{Sources, load};
use proptest::prelude::*;

const MARKER: &str = "MARKER";

/// Everything that a configuration gives out: its mistakes, or its warnings and its `Debug`.
fn output(text: &str, environment: &[(&str, String)]) -> String {
    let read_file = |path: &std::path::Path| match path.to_str() {
        Some("g.toml") => Ok(text.as_bytes().to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let environment = environment.iter().map(|(name, value)| (*name, value.clone()));
    let sources =
        Sources { read_file: &read_file, ..Sources::new(Some("g.toml".into()), environment) };
    match load(&sources) {
        Ok(settings) => {
            let mut text = format!("{settings:?}");
            for warning in &settings.warnings {
                let _ = writeln!(text, "{warning}");
            }
            text
        }
        Err(mistakes) => format!("{mistakes} {mistakes:?}"),
    }
}

/// A secret that is too short, too long, mistyped, not sendable, or right.
fn secret() -> impl Strategy<Value = String> {
    let affix = || {
        prop_oneof![
            Just(String::new()),
            Just("hgw_".to_owned()),
            Just("\u{7f}".to_owned()),
            Just("é".to_owned()),
            Just("\n".to_owned()),
            Just("https://user:".to_owned()),
            Just("@host".to_owned()),
            Just("x".repeat(600)),
            "[a-zA-Z0-9 ='\"#{}\\[\\]\\\\,.-]{0,20}",
        ]
    };
    (affix(), affix()).prop_map(|(before, after)| format!("{before}{MARKER}{after}"))
}

/// How people write a value, the right way and others.
fn written(secret: &str, way: usize) -> String {
    match way {
        0 => format!("'{secret}'"),
        1 => format!("\"{secret}\""),
        2 => secret.to_owned(),
        3 => format!("['{secret}']"),
        4 => format!("{{ value = '{secret}' }}"),
        5 => format!("'{secret}"),
        6 => format!("'''\n{secret}'''"),
        7 => format!("\"\"\"{secret}"),
        _ => format!("'{secret}' '{secret}'"),
    }
}

const FORMS: &[&str] = &[
    "[upstream]\napi_key = VALUE\n",
    "[upstream]\napi_key_file = VALUE\n",
    "[upstream]\napi_key = 'x'\napi_key_file = VALUE\n",
    "[upstream]\nurl = 'https://user:VALUE@host'\n",
    "[admin]\ntoken = VALUE\ntoken_file = VALUE\n",
    "[admin]\ntokens = VALUE\n",
    "[[tenants]]\nid = 'a'\nkeys = [{ sha256 = VALUE }]\n",
    "[[tenants]]\nid = 'a'\nkeys = [{ key = VALUE }]\n",
    "[[tenants]]\nid = 'a'\nkeys = [{ key_file = VALUE }]\n",
    "[[tenants]]\nid = 'a'\nkeys = [VALUE]\n",
    "[[tenants]]\nid = 'a'\nkeys = VALUE\n",
    "[[tenants]]\nid = 'a'\n[[tenants.keys]]\nkey = VALUE\nsha256 = VALUE\n",
    "[server.tls]\ncert_file = 'x'\nkey_file = VALUE\n",
];

#[test]
fn a_secret_with_a_line_break_is_not_taken_for_a_key() {
    let output = output("[upstream]\napi_key = 'abc\nMARKER=0\n", &[]);
    assert!(output.contains("g.toml:2:") && !output.contains(MARKER), "{output}");
}

#[test]
fn a_password_in_a_broken_address_is_not_shown() {
    for address in ["https://user:MARKER", "https://user:MARKER\"@x", "user:MARKER@x", "MARKER"] {
        let output = output(&format!("[upstream]\nurl = '{address}'\n"), &[]);
        assert!(
            output.contains("g.toml:2:7: upstream.url") && !output.contains(MARKER),
            "{output}"
        );
    }
}

proptest! {
    // Many ways to write a secret times many places to write it, each quickly tried.
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_message_shows_a_secret_of_the_file(
        secret in secret(), way in 0usize..9, form in 0..FORMS.len(),
    ) {
        let text = FORMS[form].replace("VALUE", &written(&secret, way));
        let output = output(&text, &[]);
        prop_assert!(!output.contains(MARKER), "{}\n--\n{}", text, output);
    }

    #[test]
    fn no_message_shows_a_secret_of_the_environment(
        secret in secret(),
        name in prop::sample::select(&[
            "HEIFY_API_KEY",
            "HEIFY_API_KEY_FILE",
            "HEIFY_GATEWAY_TENANT_KEY",
            "HEIFY_GATEWAY_TENANT_KEY_FILE",
            "HEIFY_GATEWAY__UPSTREAM__API_KEY",
            "HEIFY_GATEWAY__UPSTREAM__API_KEY_FILE",
            "HEIFY_GATEWAY__UPSTREAM__APIKEY",
            "HEIFY_GATEWAY__TENANTS__KEY",
            "HEIFY_GATEWAY__ADMIN__TOKEN",
            "HEIFY_GATEWAY__UPSTREAM",
        ][..]),
    ) {
        let output = output("", &[(name, secret)]);
        prop_assert!(!output.contains(MARKER), "{}\n--\n{}", name, output);
    }
}
