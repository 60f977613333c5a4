//! Is every mistake in a configuration found, all at once, each at its place?

use super::Given;

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
    ("[audio]\nlongest = '1h'", "2:1", "audio.longest: unknown key; known here: preflight,"),
    ("[audio]\npreflight = 'on'", "2:13", "must be \"off\" or \"headers\" or \"probe\""),
    ("[audio]\npreflight = 'probe'", "2:13", "marks no field with x-gateway-audio-url"),
    ("[audio]\npreflight_timeout = '31s'", "2:21", "must be from 100ms to 30s"),
    ("[audio]\npreflight_ports = [0]", "2:20", "must be at least 1, not 0"),
    ("[audio]\npreflight_ports = [65536]", "2:20", "must be at most 65535, not 65536"),
    ("[audio]\npreflight_allow_hosts = ['https://a']", "2:26", "must be a host such as"),
    ("[audio]\npreflight_deny_hosts = ['10.0.0.0/8']", "2:25", "must be a host such as"),
    ("[audio]\npreflight_allow_networks = ['10.0.0.0/33']", "2:29", "must be a network such as"),
    ("[audio]\npreflight_at_once = 0", "2:21", "must be at least 1, not 0"),
    ("[audio]\npreflight_tenant_at_once = 65", "2:28", "65 must not be above preflight_at_once (64)"),
    ("[relay]\nenabled = true", "1:1", "relay.public_url: must say how clients reach"),
    ("[alerts]", "1:1", "alerts: must be an array, not a table"),
    ("[[alerts]]\nurl = 'http://127.0.0.1:9'\nsecret = '0123456789abcdef'", "1:1", "alerts[0].name: an alert needs a name"),
    ("[[alerts]]\nname = 'a'\nsecret = '0123456789abcdef'", "1:1", "alerts[0].url: an alert needs the address"),
    ("[[alerts]]\nname = 'a'\nurl = 'http://127.0.0.1:9'", "1:1", "alerts[0].secret: is missing"),
    ("[[alerts]]\nname = 'a'\nurl = 'http://example.com/s3cret'\nsecret = '0123456789abcdef'", "3:7", "alerts[0].url: must be https"),
    ("[[alerts]]\nname = 'a'\nurl = 'http://127.0.0.1:9'\nsecret = 'short'", "4:10", "alerts[0].secret: must have 16 characters"),
    ("[[alerts]]\nname = 'a'\nurl = 'http://127.0.0.1:9'\nsecret = '0123456789abcdef'\nthresholds = [0]", "5:15", "must be at least 1, not 0"),
    ("[[alerts]]\nname = 'a'\nurl = 'http://127.0.0.1:9'\nsecret = '0123456789abcdef'\ntenants = ['b']", "5:12", "must be the id of a tenant"),
    ("[isolation]\nmode = 'on'", "2:8", "must be \"strict\" or \"off\", not \"on\""),
    ("[isolation]\ntenant_lists_in_flight = '64MiB'", "2:26", "must be at least 100663296 bytes"),
    ("[isolation]\nlists_in_flight = '64MiB'", "2:19", "must be at least 100663296 bytes"),
    ("[isolation]\nlists_in_flight = '128MiB'\ntenant_lists_in_flight = '129MiB'", "3:26", "must not be above lists_in_flight"),
    ("[isolation]\nlist_limit = '1KiB'", "2:14", "must be from 64KiB to 256MiB"),
    ("[records]\nurl = 'postgres://me:pass@host/db'", "2:7", "this build has SQLite only"),
    ("[records]\nurl = 'sqlite://'", "2:7", "with the path of a file, not \"sqlite://\""),
    ("[records]\nlock_wait = '11m'", "2:13", "must be from 0s to 10m"),
    ("[account]\nzone = 'Europe/Berln'", "2:8", "did you mean \"Europe/Berlin\"?"),
    ("[account]\nanchor = 32", "2:10", "must be at most 31, not 32"),
    ("[account]\nmonthly = { '/submti' = 30 }", "2:13", "account.monthly.\"/submti\": no endpoint of the contract is"),
    ("[account]\nmonthly = { '/submit' = -1 }", "2:25", "must be at least 0, not -1"),
    ("[account]\ncaps = { configuratoin = 20 }", "2:10", "did you mean \"configuration\"?"),
    ("[account]\ncaps = { book = 20 }", "2:10", "is \"book\"; known: configuration, evaluator"),
    ("[account]\nminutes = {}", "2:11", "account.minutes.monthly: is missing"),
    ("[account]\nminutes = 'on'", "2:11", "must be a table, not a string"),
    ("[account]\npace = 'slow'", "2:8", "must be \"on\" or \"off\""),
    ("[account]\nmax_wait = '11s'", "2:12", "must be from 0s to 10s"),
    ("[account]\nrate = { '/x' = { per_minute = 1 } }", "2:10", "no endpoint of the contract is \"/x\""),
    ("[account]\nrate = { '/submit' = { per_minute = 1, enforce = false } }", "2:40", "account.rate.\"/submit\".enforce: unknown key; known here: per_minute, burst"),
    ("[account]\ncaps = { configuration = { enforce = false } }", "2:26", "account.caps.configuration.most: is missing"),
    ("[[tenants]]\nid = 'a'\nminutes = { monthly = 1, enforce = 'no' }", "3:36", "minutes.enforce: must be true or false"),
    ("[account]\nquota = {}", "2:1", "unknown key; known here: zone, anchor, monthly, caps"),
    ("[minutes]\nestimate = '3h'", "2:12", "must be from 1s to 2h"),
    ("[minutes]\nestimate = '1m'\nstrict = true", "3:10", "minutes.strict: is true"),
    ("[minutes]\nrounding = 'hour'", "2:12", "must be \"none\" or \"second\" or \"minute\""),
    ("[minutes]\nsettle_per_minute = 501", "2:21", "must be at most 500"),
    ("[minutes]\ndeadline = '59m'", "2:12", "must be from 1h to 8760h"),
    ("[minutes]\npolicy = 'forget'", "2:10", "must be \"charge\" or \"release\""),
    ("[quota]\nlongest_retry_after = '0s'", "2:23", "must be from 1s to"),
    ("[quota]\nwhen_records_fail = 'maybe'", "2:21", "must be \"closed\" or \"open\""),
    ("tenants = 5", "1:11", "must be an array, not an integer"),
    ("tenants = [5]", "1:12", "tenants[0]: must be a table"),
    ("[[tenants]]", "1:1", "tenants[0].id: a tenant needs an id"),
    ("[[tenants]]\nid = ''", "2:6", "must be a text of 1 to 128 bytes"),
    ("[[tenants]]\nid = 'a'\n[[tenants]]\nid = 'a'", "4:6", "\"a\" is already at etc/g.toml:2:6"),
    ("[[tenants]]\nid = 'a'\nquota = 5", "3:9", "tenants[0].quota: must be a table, not an integer"),
    ("[[tenants]]\nid = 'a'\nquota = { '/sumbit' = 5 }", "3:11", "did you mean \"/submit\"?"),
    ("[[tenants]]\nid = 'a'\ncaps = { configurations = 5 }", "3:10", "did you mean \"configuration\"?"),
    ("[[tenants]]\nid = 'a'\nminutes = { monthly = 1.5 }", "3:23", "must be a whole number, not a float"),
    ("[[tenants]]\nid = 'a'\nminutes = { weekly = 5, monthly = 5 }", "3:13", "minutes.weekly: unknown key; known here: monthly"),
    ("[[tenants]]\nid = 'a'\nzone = 'Moon/Tycho'", "3:8", "must be a time zone of IANA such as"),
    ("[[tenants]]\nid = 'a'\nanchor = 0", "3:10", "must be at least 1, not 0"),
    ("[[tenants]]\nid = 'a'\nlabel = \"a\\nb\"", "3:9", "must be a text of 1 to 128 bytes"),
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
    ("[upstream]\nurl = 'api.heify.com'", "2:7", "upstream.url: must be a URL"),
    ("[upstream]\nurl = 'https://a:b@x'", "2:7", "no user name or password"),
    ("[upstream]\nurl = 'https://x/?a=b'", "2:7", "without a query"),
    ("[upstream]\nca_file = 'empty'", "2:11", "holds no PEM certificate"),
    ("[upstream]\nconnect_timeout = '2 days'", "2:19", "must be a duration"),
    ("[server]\nlisten = '127.0.0.1:8080", "2:25", "invalid TOML"),
    ("[admin]\ntoken = 'x'", "2:9", "admin.token: must have 16 characters at least"),
    ("[admin]\ntoken = 'the-central-key-of-ours'", "2:9", "is the same as the central key"),
    ("[admin]\ntoken = 'a-token-of-ours-17'\nlisten = '0.0.0.0:8081'", "3:10", "set admin.tls"),
    ("[[admin.tokens]]\ntoken = 'a-token-of-ours-17'", "1:1", "needs a name"),
    ("[[admin.tokens]]\nname = 'a'", "1:1", "needs one of sha256, token and token_file"),
    ("[[admin.tokens]]\nname = 'a'\nsha256 = 'a-token-of-ours-17'", "3:10", "must be the 64 hexadecimal digits"),
    ("[[admin.tokens]]\nname = 'a'\ntoken = 'a-token-of-ours-17'\nrole = 'root'", "4:8", "must be"),
    ("[[admin.tokens]]\nname = 'a'\ntoken = 'a-token-of-ours-17'\nsha256 = 'x'", "1:1", "give either sha256, token or token_file"),
    ("[[admin.tokens]]\nname = 'a'\ntoken = 'a-token-of-ours-17'\n[[admin.tokens]]\nname = 'a'\ntoken = 'a-token-of-ours-18'", "4:1", "\"a\" is already at etc/g.toml:1:1"),
    ("[[admin.tokens]]\nname = 'a'\ntoken = 'a-token-of-ours-17'\n[[admin.tokens]]\nname = 'b'\ntoken = 'a-token-of-ours-17'", "6:9", "is the same as admin.tokens[0] (etc/g.toml:3:9)"),
    ("[[tenants]]\nid = 'a'\nkeys = [{ key = 'any-old-key-of-16' }]\n[admin]\ntoken = 'any-old-key-of-16'", "5:9", "is the same as the key \"a-1\" (etc/g.toml:3:9) of a tenant"),
    ("[server]\nworkers = 1\nworkers = 1", "3:1", "invalid TOML: duplicate key"),
];

#[test]
fn a_token_that_is_none_hides_no_listener_that_is_open_to_all() {
    let mistakes = Given::file("[admin]\ntoken = 'x'\nlisten = '0.0.0.0:8081'")
        .and("HEIFY_API_KEY", "the-central-key-of-ours")
        .mistakes();
    assert_eq!(mistakes.len(), 2, "{mistakes:#?}");
}

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
fn a_password_in_an_address_is_not_shown() {
    let given = Given::file("[records]\nurl = 'postgres://me:hunter2@host/db'");
    let mistakes = given.and("HEIFY_API_KEY", "the-central-key").mistakes().join("\n");
    assert!(mistakes.contains("records.url") && !mistakes.contains("hunter2"), "{mistakes}");
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
