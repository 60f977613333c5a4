//! Does a configuration mean what it says, and is every mistake in it found at its place?
// The default upstream is https.
#![cfg(all(feature = "config", feature = "tls"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it does not expect"
)]

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use heify_gateway::authenticate::Switch;
use heify_gateway::config::{Document, Listen, LogFormat, Settings, Sources, load};
use heify_gateway::key::KeyDigest;
use heify_gateway::rate::Rate;

const KEY: &str = "[upstream]\napi_key = \"the-central-key\"\n";

/// Files, variables, and the paths of the contract.
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
            Some(document) => Ok(vec![document.text.trim().to_owned()]),
            None => Ok(vec!["/submit".to_owned(), "/get-transcription".to_owned()]),
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

/// A file, the line and column of its only mistake, and a part of the message.
#[rustfmt::skip]
const MISTAKES: &[(&str, &str, &str)] = &[
    ("[server]\nlisten = 'localhost:80'", "2:10", "server.listen: must be an IP address and a port"),
    ("[server]\nlisten = 80", "2:10", "must be a string, not an integer"),
    ("[server]\nlissten = 'x'", "2:1", "unknown key; did you mean `listen`?"),
    ("[sever]\nlisten = 'x'", "1:2", "unknown key; did you mean `server`?"),
    ("server = 5", "1:10", "must be a table, not an integer"),
    ("[server]\nworkers = 0", "2:11", "must be at least 1, not 0"),
    ("[server]\nworkers = 1.5", "2:11", "must be a whole number, not a float"),
    ("[server]\nmax_in_flight = 9999999999", "2:17", "must be at most 1000000, not 9999999999"),
    ("[server]\nidle_timeout = '75'", "2:16", "must be a duration such as"),
    ("[server]\nidle_timeout = '0s'", "2:16", "must be from 1ms to 24h, not \"0s\""),
    ("[server]\nmax_header_bytes = '1TB'", "2:20", "must be a size such as 65536"),
    ("[server]\nmax_header_bytes = 1", "2:20", "must be from 8KiB to 1MiB, not 1"),
    ("[server]\ncontact = \"a\\nb\"", "2:11", "printable ASCII"),
    ("[server.tls]\ncert_file = 'x'", "2:13", "needs server.tls.key_file, too"),
    ("[admin]\nlisten = '127.0.0.1:8080'", "2:10", "is the address of the data port, too"),
    ("[status]\nlisten = 'unix:/x'", "2:10", "must be an IP address and a port"),
    ("[body]\nbody_limit = '32MiB'", "2:14", "must not be above tenant_bytes_in_flight"),
    ("[body]\nbytes_in_flight = '1MiB'", "2:19", "body.tenant_bytes_in_flight: "),
    ("[auth]\nfailed_attempts = { per_minute = 0 }", "2:34", "must be at least 1"),
    ("[auth]\nfailed_attempts = {}", "2:19", "auth.failed_attempts.per_minute: is missing"),
    ("[contract]\nfile = 'nowhere.yaml'", "2:8", "cannot read \"nowhere.yaml\""),
    ("[contract]\nfile = 'broken.yaml'", "2:8", "contract.file: line 1: broken"),
    ("[contract]\nfile = 'binary'", "2:8", "not UTF-8 text"),
    ("[log]\nlevel = 'loud'", "2:9", "must be \"off\" or \"error\""),
    ("[records]\nurl = 'sqlite:///x'", "1:1", "[records] needs durable records, which this build does not"),
    ("[account]", "1:1", "it would not be enforced"),
    ("[audio]", "1:1", "it would not be enforced"),
    ("[relay]", "1:1", "it would not be enforced"),
    ("[alerts]", "1:1", "it would not be enforced"),
    ("[isolation]\nmode = 'strict'", "2:8", "it would not be enforced"),
    ("[isolation]\nmode = 'on'", "2:8", "must be \"off\""),
    ("tenants = 5", "1:11", "must be an array, not an integer"),
    ("tenants = [5]", "1:12", "tenants[0]: must be a table"),
    ("[[tenants]]", "1:1", "tenants[0].id: a tenant needs an id"),
    ("[[tenants]]\nid = ''", "2:6", "must be a text of 1 to 128 bytes"),
    ("[[tenants]]\nid = 'a'\n[[tenants]]\nid = 'a'", "4:6", "\"a\" is already at etc/g.toml:2:6"),
    ("[[tenants]]\nid = 'a'\nminutes = { monthly = 600 }", "3:11", "it would not be enforced"),
    ("[[tenants]]\nid = 'a'\nquota = 5", "3:9", "it would not be enforced"),
    ("[[tenants]]\nid = 'a'\nendpoints = ['/submti']", "3:14", "did you mean \"/submit\"?"),
    ("[[tenants]]\nid = 'a'\nrate = { '/x' = { per_minute = 1 } }", "3:10", "no endpoint of the contract is \"/x\""),
    ("[[tenants]]\nid = 'a'\nrate = { '/submit' = { per_minute = 0 } }", "3:37", "tenants[0].rate.\"/submit\".per_minute: must be at least 1"),
    ("[[tenants]]\nid = 'a'\ntotal = { per_minute = 1, burst = 0 }", "3:35", "total.burst: must be at least 1"),
    ("[[tenants]]\nid = 'a'\ndisabled = 'yes'", "3:12", "must be true or false, not a string"),
    ("[[tenants]]\nid = 'a'\nkeys = [{}]", "3:9", "needs one of sha256, key and key_file"),
    ("[[tenants]]\nid = 'a'\nkeys = ['any-old-key-of-16']", "3:9", "must be a table, not a string"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ sha256 = 'abc' }]", "3:20", "64 hexadecimal digits"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'fifteen-letters' }]", "3:17", "16 characters at least"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'hgw_000000000000000000000000000000000000' }]", "3:17", "checksum is wrong"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'ключ-из-шестнадцати' }]", "3:17", "printable ASCII"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key_file = 'nowhere' }]", "3:22", "cannot read the file"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key_file = 'binary' }]", "3:22", "not UTF-8 text"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key_file = 'empty' }]", "3:22", "is empty"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'any-old-key-of-16', key_file = 'x' }]", "3:49", "give either it or key_file, not both"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'any-old-key-of-16', sha256 = 'x' }]", "3:9", "give either sha256, key or key_file"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'the-central-key-of-ours' }]", "3:17", "is the central key"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'any-old-key-of-16', expires = '2030-01-31' }]", "3:48", "must be a date and time as in RFC 3339"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'any-old-key-of-16', expires = 2030-01-31T00:00:00 }]", "3:48", "must be a date and time as in RFC 3339"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'any-old-key-of-16' }, { key = 'any-old-key-of-16' }]", "3:48", "the same key as tenants[0].keys[0] (etc/g.toml:3:17)"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'key-number-one-of-two', id = 'x' }, { key = 'key-number-two-of-two', id = 'x' }]", "3:92", "another key has the id \"x\""),
    ("[upstream]\nurl = 'ftp://x'", "2:7", "with https or http"),
    ("[upstream]\nurl = 'api.heify.com'", "2:7", "upstream.url: must be an URL"),
    ("[upstream]\nurl = 'https://a:b@x'", "2:7", "no user name or password"),
    ("[upstream]\nurl = 'https://x/?a=b'", "2:7", "without a query"),
    ("[upstream]\nca_file = 'empty'", "2:11", "holds no PEM certificate"),
    ("[upstream]\nconnect_timeout = '2 days'", "2:19", "must be a duration"),
    ("[server]\nlisten = '127.0.0.1:8080", "2:25", "invalid TOML"),
    ("[server]\nworkers = 1\nworkers = 1", "3:1", "invalid TOML: duplicate key"),
];

#[test]
fn every_mistake_is_found_at_its_place() {
    for (text, place, message) in MISTAKES {
        let given = Given::file(text)
            .and("HEIFY_API_KEY", "the-central-key-of-ours")
            .with("etc/broken.yaml", b"broken")
            .with("etc/binary", b"\xff\xfe")
            .with("etc/empty", b"");
        let mistakes = given.mistakes();
        assert_eq!(mistakes.len(), 1, "{text}\n{mistakes:#?}");
        assert!(mistakes[0].starts_with(&format!("etc/g.toml:{place}: ")), "{text}\n{mistakes:?}");
        assert!(mistakes[0].contains(message), "{text}\n{mistakes:?}");
    }
}

#[test]
fn mistakes_are_listed_in_the_order_of_the_file() {
    let text =
        "[server]\nworkers = 0\n[log]\nlevel = 'x'\n[upstream]\nurl = 'x'\n[server.tls]\nx = 1\n";
    let mistakes = Given::file(text).and("HEIFY_GATEWAY__LOG__X", "1").mistakes();
    let places: Vec<_> = mistakes.iter().filter_map(|mistake| mistake.split(": ").next()).collect();
    let expected = ["etc/g.toml:2:11", "etc/g.toml:4:9", "etc/g.toml:5:1", "etc/g.toml:6:7"];
    assert_eq!(places[..4], expected);
    assert_eq!(places[4..], ["etc/g.toml:8:1", "HEIFY_GATEWAY__LOG__X"]);
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
    let token =
        warnings(&(tenant("keys = [{ key = 'any-old-key-of-16' }]") + "[admin]\ntoken = 'x'"));
    assert!(token[0].contains("there is no admin API in this build"));
    let clear = KEY.replace("[upstream]", "[upstream]\nurl = 'http://example.com'");
    assert!(warnings(&clear).iter().any(|warning| warning.contains("in the clear")));
}

#[test]
fn two_tenants_without_isolation_get_a_warning_unless_that_is_meant() {
    let two = tenant("keys = [{ key = 'any-old-key-of-16' }]")
        + "[[tenants]]\nid = 'b'\nkeys = [{ key = 'any-new-key-of-16' }]\n";
    assert!(warnings(&two)[0].contains("does not keep the tenants' objects apart"));
    assert_eq!(warnings(&(two + "[isolation]\nmode = 'off'\n")), [""; 0]);
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
