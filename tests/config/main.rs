//! Does a configuration mean what it says, and is every mistake in it found at its place?
// The default upstream is https.
#![cfg(all(feature = "config", feature = "tls"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it does not expect"
)]

mod budgets;
mod mistakes;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use heify_gateway::authenticate::Switch;
use heify_gateway::config::{Document, Listen, LogFormat, Names, Role, Settings, Sources, load};
use heify_gateway::key::KeyDigest;
use heify_gateway::rate::Rate;
use heify_gateway::records::Limit;

const KEY: &str = "[upstream]\napi_key = \"the-central-key\"\n";

/// Files and variables.
#[derive(Default)]
struct Given<'a> {
    files: HashMap<&'a str, &'a [u8]>,
    environment: Vec<(&'a str, &'a str)>,
}

impl<'a> Given<'a> {
    fn file(text: &'a str) -> Self {
        Self::default().with("etc/g.toml", text.as_bytes())
    }

    fn variables(environment: &[(&'a str, &'a str)]) -> Self {
        Self { environment: environment.to_vec(), ..Self::default() }
    }

    fn with(mut self, name: &'a str, content: &'a [u8]) -> Self {
        self.files.insert(name, content);
        self
    }

    fn and(mut self, name: &'a str, value: &'a str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// The settings, or the lines of the mistakes.
    fn load(&self) -> Result<Settings, Vec<String>> {
        let read_file = |path: &Path| {
            let content = path.to_str().and_then(|path| self.files.get(path));
            content.map(|content| content.to_vec()).ok_or(io::ErrorKind::NotFound.into())
        };
        let endpoints = |contract: Option<&Document>| match contract {
            Some(document) if document.text == "broken" => Err(vec!["line 1: broken".to_owned()]),
            Some(document) => Ok(names(&[document.text.trim()], &[])),
            None => Ok(names(&["/submit", "/get-transcription"], &["configuration", "evaluator"])),
        };
        let file = self.files.contains_key("etc/g.toml").then(|| "etc/g.toml".into());
        load(&Sources {
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            read_file: &read_file,
            endpoints: Some(&endpoints),
            ..Sources::new(file, self.environment.clone())
        })
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    fn mistakes(&self) -> Vec<String> {
        self.load().expect_err("no mistake was found")
    }
}

fn names(paths: &[&str], kinds: &[&str]) -> Names {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Names { paths: owned(paths), kinds: owned(kinds), audio_urls: false }
}

fn warnings(text: &str) -> Vec<String> {
    let settings = Given::file(text).load().unwrap();
    settings.warnings.iter().map(ToString::to_string).collect()
}

fn tenant(entries: &str) -> String {
    format!("{KEY}[[tenants]]\nid = \"acme\"\n{entries}\n")
}

#[test]
fn an_empty_configuration_lacks_the_central_key_only() {
    for mistakes in [Given::file("").mistakes(), Given::default().mistakes()] {
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].contains("HEIFY_API_KEY") && mistakes[0].contains("api_key_file"));
    }
    let mistakes = Given::variables(&[("HEIFY_GATEWAY__UPSTREAM__TIMEOUT", "5s")]).mistakes();
    assert!(mistakes[0].starts_with("configuration: upstream.api_key: "));
    assert!(warnings(KEY)[0].contains("every request is refused"));
}

#[test]
fn a_file_fills_every_setting() {
    let text = r#"
        [server]
        listen = "unix:/run/x.sock"
        workers = 2
        idle_timeout = "5m"
        max_header_bytes = 16384
        contact = "ops@example.com"
        [status]
        listen = "0.0.0.0:9000"
        [upstream]
        url = "http://127.0.0.1:9/v1"
        api_key_file = "heify"
        timeout = "90s"
        [body]
        body_limit = "2MiB"
        [auth]
        failed_attempts = "off"
        [contract]
        file = "made-up.yaml"
        [log]
        level = "debug"
        format = "json"
        [[tenants]]
        id = "acme"
        disabled = true
        endpoints = ["/made-up"]
        total = { per_minute = 600 }
        rate = { "/made-up" = { per_minute = 100, burst = 10 } }
        keys = [{ key_file = "acme" }, { key = "any-old-key-of-16", id = "old", disabled = true }]
    "#;
    let given = Given::file(text)
        .with("etc/heify", b"the-central-key\n")
        .with("etc/made-up.yaml", b"/made-up\n")
        .with("etc/acme", b"a-key-in-a-file-of-acme\n");
    let settings = given.load().unwrap();
    assert_eq!(settings.server.listen, Listen::Unix("/run/x.sock".into()));
    assert_eq!(settings.server.workers.map(usize::from), Some(2));
    assert_eq!(settings.server.idle_timeout, Duration::from_secs(300));
    assert_eq!(settings.server.max_header_bytes, 16_384);
    assert_eq!(settings.contact.as_deref(), Some("ops@example.com"));
    assert_eq!(settings.status, "0.0.0.0:9000".parse().unwrap());
    assert_eq!(settings.upstream.api_key.expose(), "the-central-key");
    assert_eq!(settings.upstream.url, "http://127.0.0.1:9/v1");
    assert_eq!(settings.upstream.timeout, Duration::from_secs(90));
    assert_eq!(settings.validate.body_limit, 2 << 20);
    assert_eq!(settings.authenticate.failed_attempts, None);
    assert_eq!(settings.contract.unwrap().text, "/made-up\n");
    assert_eq!(
        (settings.log.level.to_string(), settings.log.format),
        ("debug".into(), LogFormat::Json)
    );
    let acme = &settings.authenticate.tenants[0];
    assert_eq!((&*acme.id, acme.state), ("acme", Switch::Disabled));
    assert_eq!(acme.endpoints.as_deref(), Some(&["/made-up".into()][..]));
    assert_eq!(acme.keys[0].digest, KeyDigest::of(b"a-key-in-a-file-of-acme"));
    assert_eq!((&*acme.keys[0].id, acme.keys[0].state), ("acme-1", Switch::Enabled));
    assert_eq!((&*acme.keys[1].id, acme.keys[1].state), ("old", Switch::Disabled));
    assert_eq!(settings.rate_limit.tenants[0].total, Rate::new(600, 20));
    assert_eq!(
        settings.rate_limit.tenants[0].endpoints.get("/made-up"),
        Rate::new(100, 10).as_ref()
    );
}

#[test]
fn a_sidecar_starts_from_two_variables() {
    let variables =
        [("HEIFY_API_KEY", "the-central-key"), ("HEIFY_GATEWAY_TENANT_KEY", "any-old-key-of-16")];
    let settings = Given::variables(&variables).load().unwrap();
    assert_eq!(settings.upstream.api_key.expose(), "the-central-key");
    let tenant = &settings.authenticate.tenants[0];
    assert_eq!(&*tenant.id, "default");
    assert_eq!(tenant.keys[0].digest, KeyDigest::of(b"any-old-key-of-16"));
    assert!(settings.warnings.is_empty());
}

#[test]
fn a_sidecar_starts_from_two_files() {
    let variables = [("HEIFY_API_KEY_FILE", "/a"), ("HEIFY_GATEWAY_TENANT_KEY_FILE", "/b")];
    let given = Given::variables(&variables).with("/a", b"the-central-key\n");
    let settings = given.with("/b", b"any-old-key-of-16\n").load().unwrap();
    assert_eq!(settings.upstream.api_key.expose(), "the-central-key");
    assert_eq!(
        settings.authenticate.tenants[0].keys[0].digest,
        KeyDigest::of(b"any-old-key-of-16")
    );
}

#[test]
fn a_variable_overrides_the_file() {
    let text = format!("[server]\nlisten = \"127.0.0.1:1\"\nworkers = 1\n{KEY}");
    let given = Given::file(&text)
        .and("HEIFY_GATEWAY__SERVER__LISTEN", "127.0.0.1:2")
        .and("HEIFY_GATEWAY__SERVER__WORKERS", "3")
        .and("HEIFY_GATEWAY__SERVER__IDLE_TIMEOUT", "\"4s\"")
        .and("HEIFY_GATEWAY__BODY__BODY_LIMIT", "64KiB")
        .and("HEIFY_GATEWAY__AUTH__FAILED_ATTEMPTS", "{ per_minute = 5 }")
        .and("HEIFY_GATEWAY_SERVICE_HOST", "10.0.0.1");
    let settings = given.load().unwrap();
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:2");
    assert_eq!(settings.server.workers.map(usize::from), Some(3));
    assert_eq!(settings.server.idle_timeout, Duration::from_secs(4));
    assert_eq!(settings.validate.body_limit, 65_536);
    assert_eq!(settings.authenticate.failed_attempts, Rate::new(5, 5));
}

#[test]
fn a_key_in_a_variable_overrides_a_key_in_the_file_and_says_so() {
    for key in ["api_key = \"another-key\"", "api_key_file = \"nowhere\""] {
        let text = format!("[upstream]\n{key}\n");
        let settings = Given::file(&text).and("HEIFY_API_KEY", "the-central-key").load().unwrap();
        assert_eq!(settings.upstream.api_key.expose(), "the-central-key");
        let warning = settings.warnings.iter().find(|warning| warning.place.line() == Some(2));
        assert!(warning.unwrap().message.contains("HEIFY_API_KEY is set"), "{key}");
    }
}

#[test]
fn mistakes_in_variables_name_the_variable() {
    let expected = [
        ("HEIFY_GATEWAY__SERVER__LISTN", "1", "did you mean `listen`?"),
        ("HEIFY_GATEWAY__SERVERS__LISTEN", "1", "did you mean `server`?"),
        ("HEIFY_GATEWAY__SERVER__WORKERS", "many", "must be a whole number, not a string"),
        ("HEIFY_GATEWAY__SERVER__LISTEN__X", "1", "server.listen: must be a string, not a table"),
        ("HEIFY_GATEWAY__SERVER", "1", "unknown variable"),
        ("HEIFY_GATEWAY__", "1", "unknown variable"),
        ("HEIFY_GATEWAY__LISTEN", "1", "unknown variable"),
        ("HEIFY_GATEWAY__TENANTS__ID", "x", "in the file only"),
        ("HEIFY_GATEWAY__UPSTREAM__API_KEY", "another", "set it or HEIFY"),
        ("HEIFY_API_KEY_FILE", "/nowhere", "not both"),
        ("HEIFY_GATEWAY_TENANT_KEY", "short", "must have 16 characters at least"),
        ("HEIFY_GATEWAY_TENANT_KEY_FILE", "/nowhere", "cannot read the file: entity not found"),
    ];
    for (name, value, message) in expected {
        let variables = [("HEIFY_API_KEY", "the-central-key"), (name, value)];
        let mistakes = Given::variables(&variables).mistakes();
        assert_eq!(mistakes.len(), 1, "{name}: {mistakes:?}");
        let place = if message.starts_with("set it") { "HEIFY_API_KEY" } else { name };
        assert!(mistakes[0].starts_with(&format!("{place}: ")), "{name}: {mistakes:?}");
        assert!(mistakes[0].contains(message), "{name}: {mistakes:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_one_mistake() {
    let given = Given::variables(&[("HEIFY_GATEWAY_CONFIG", "/nowhere.toml")]);
    let mistakes = given.mistakes();
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].starts_with("/nowhere.toml: cannot read the configuration file"));
    let mistakes = Given::default().with("etc/g.toml", b"a = 1\nb = '\xff'\n").mistakes();
    assert_eq!(mistakes, ["etc/g.toml:2:6: not UTF-8 text"]);
}

#[test]
fn the_warnings_name_what_may_not_be_meant() {
    let expired = tenant("keys = [{ key = 'any-old-key-of-16', expires = 2020-01-31T00:00:00Z }]");
    assert!(warnings(&expired)[0].ends_with("tenants[0].keys[0].expires: the key has expired"));
    assert!(warnings(&tenant(""))[0].contains("nobody can call as it"));
    let clear = KEY.replace("[upstream]", "[upstream]\nurl = 'http://example.com'");
    assert!(warnings(&clear).iter().any(|warning| warning.contains("in the clear")));
}

#[test]
fn certificates_and_keys_are_tried_at_load() {
    let one = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (one.cert.pem(), one.signing_key.serialize_pem());
    let text = format!("{KEY}[server.tls]\ncert_file = 'c'\nkey_file = 'k'\n");
    let load = |cert: &[u8], key: &[u8]| {
        Given::file(&text).with("etc/c", cert).with("etc/k", key).load().map(|it| it.server.tls)
    };
    let tls = load(cert.as_bytes(), key.as_bytes()).unwrap().unwrap();
    assert_eq!((tls.cert_file, tls.cert_pem), ("etc/c".into(), cert.as_bytes().to_vec()));
    let foreign = load(cert.as_bytes(), other.signing_key.serialize_pem().as_bytes());
    assert!(foreign.unwrap_err()[0].contains("is not the private key of the first certificate"));
    assert!(load(key.as_bytes(), key.as_bytes()).unwrap_err()[0].contains("no PEM certificate"));
    assert!(load(cert.as_bytes(), cert.as_bytes()).unwrap_err()[0].contains("no PEM private key"));
}

#[test]
fn a_tenant_and_a_key_are_found_again_where_they_stand() {
    let text = format!(
        "{KEY}[[tenants]]\nid = 'acme'\nkeys = [{{ key = 'any-string-of-16-characters' }},\n  \
         {{ id = 'batch', key = 'another-one-of-16-characters' }}]\n"
    );
    let places = Given::file(&text).load().unwrap().places;
    let place = |place: Option<&heify_gateway::config::Place>| place.map(ToString::to_string);
    assert_eq!(place(places.tenant("acme")).as_deref(), Some("etc/g.toml:3:1"));
    assert_eq!(place(places.key("acme-1")).as_deref(), Some("etc/g.toml:5:9"));
    assert_eq!(place(places.key("batch")).as_deref(), Some("etc/g.toml:6:3"));
    assert_eq!((places.tenant("batch"), places.key("acme")), (None, None));

    let sidecar =
        [("HEIFY_API_KEY", "the-central-key"), ("HEIFY_GATEWAY_TENANT_KEY", "a-key-of-16-letters")];
    let places = Given::variables(&sidecar).load().unwrap().places;
    assert_eq!(place(places.key("default-1")).as_deref(), Some("HEIFY_GATEWAY_TENANT_KEY"));
}

#[test]
fn tokens_have_names_and_roles_and_an_operator_has_something_to_record() {
    let with = |admin: &str| Given::file(&format!("{KEY}{admin}")).load().unwrap();
    let settings = with("[admin]\ntoken = 'a-token-of-ours-17'");
    let admin = &settings.admin;
    assert_eq!((&*admin.tokens[0].name, admin.tokens[0].role), ("admin", Role::Operator));
    assert!(settings.records.is_some(), "an audit log is kept");
    let settings = with("[[admin.tokens]]\nname = 'eye'\ntoken = 'a-token-of-ours-17'");
    assert_eq!(settings.admin.tokens[0].role, Role::Viewer);
    assert!(settings.records.is_none(), "who only looks needs no records");
    assert!(!format!("{settings:?}").contains("a-token-of-ours"));
    let settings = with(
        "[admin]\ntoken = 'a-token-of-ours-17'\nlisten = '0.0.0.0:1'\n\
                         allow_plain_remote = true",
    );
    assert_eq!(settings.admin.listen, settings.status);
    assert!(with("[admin]\nlisten = '0.0.0.0:1'").admin.tokens.is_empty());
}

#[test]
fn a_tenants_own_limits_are_known_by_their_places_and_inherited_ones_are_not() {
    let text = tenant(
        "total = { per_minute = 9 }\nrate = { \"/submit\" = { per_minute = 9 } }\n\
         quota = { \"/submit\" = 1 }\ndisabled = false",
    );
    let places = Given::file(&text).load().unwrap().places;
    let line = |limit| places.limit("acme", &limit).map(|place| place.line().unwrap());
    let first = line(Limit::Total).unwrap();
    assert_eq!(line(Limit::Rate("/submit".into())), Some(first + 1));
    assert_eq!(line(Limit::Calls("/submit".into())), Some(first + 2));
    assert_eq!(line(Limit::Access), Some(first + 3));
    let unset = [Limit::Minutes, Limit::Rate("/analytics".into()), Limit::Objects("x".into())];
    assert!(unset.map(line).iter().all(Option::is_none));
}
