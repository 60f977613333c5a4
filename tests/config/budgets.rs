//! Does a configuration say who may use how much, and where that is recorded?

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use heify_gateway::config::{Records, Settings};
use heify_gateway::isolate;
use heify_gateway::pace::Pacing;
use heify_gateway::quota::{LONGEST_AUDIO, MinutesBudget, Policy, Rounding, WhenRecordsFail};
use heify_gateway::rate::Rate;
use heify_gateway::records::{AudioMillis, Calendar, Moment};

use super::{Given, KEY, tenant, warnings};

const SECOND: &str = "[[tenants]]\nid = 'b'\nkeys = [{ key = 'any-new-key-of-16' }]\n";

fn settings(text: &str) -> Settings {
    Given::file(text).load().unwrap()
}

/// One tenant with a key, and what else is said about it.
fn first(entries: &str) -> String {
    tenant(&format!("keys = [{{ key = 'any-old-key-of-16' }}]\n{entries}"))
}

fn map<V: Copy>(entries: &[(&str, V)]) -> HashMap<Box<str>, V> {
    entries.iter().map(|(name, value)| (Box::from(*name), *value)).collect()
}

/// When the month ends in which 2026-11-10 lies.
fn month_end(calendar: &Calendar) -> String {
    calendar.month(Moment(1_794_268_800_000)).end.to_string()
}

#[test]
fn a_file_fills_every_budget() {
    let text = first(
        r#"
        minutes = { monthly = 600 }
        quota = { "/submit" = 0 }
        caps = { configuration = 5 }
        anchor = 15
        label = "cost-center-7"
        [records]
        url = "sqlite:///var/lib/gateway.db"
        lock_wait = "5s"
        [isolation]
        mode = "strict"
        list_limit = "1MiB"
        lists_in_flight = "12MiB"
        tenant_lists_in_flight = "4MiB"
        [account]
        zone = "Europe/Berlin"
        anchor = 2
        monthly = { "/submit" = 30 }
        caps = { configuration = 20, evaluator = 10 }
        minutes = { monthly = 10_000 }
        rate = { "/submit" = { per_minute = 60 } }
        pace = "on"
        max_wait = "0s"
        [minutes]
        estimate = "90s"
        rounding = "minute"
        settle_per_minute = 500
        deadline = "1h"
        policy = "release"
        [quota]
        longest_retry_after = "1h"
        when_records_fail = "open"
        [[tenants]]
        id = "b"
        keys = [{ key = "any-new-key-of-16" }]
        minutes = "off"
        zone = "UTC"
    "#,
    );
    let settings = settings(&text);
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    let path = PathBuf::from("/var/lib/gateway.db");
    assert_eq!(settings.records, Some(Records { path, lock_wait: Duration::from_secs(5) }));
    let lists = isolate::Settings {
        list_limit: 1 << 20,
        lists_in_flight: 12 << 20,
        tenant_lists_in_flight: 4 << 20,
    };
    assert_eq!(settings.isolation, Some(lists));

    let account = &settings.quota.account;
    assert_eq!(account.monthly, map(&[("/submit", 30)]));
    assert_eq!(account.caps, map(&[("configuration", 20), ("evaluator", 10)]));
    assert_eq!(account.minutes, MinutesBudget::Monthly(AudioMillis(600_000_000)));
    assert_eq!(month_end(&account.calendar), "2026-12-01T23:00:00Z");
    assert_eq!(settings.pace.state, Pacing::On);
    assert_eq!(settings.pace.max_wait, Duration::ZERO);
    assert_eq!(settings.pace.rates, map(&[("/submit", Rate::new(60, 2).unwrap())]));

    let [acme, other] = &settings.quota.tenants[..] else { panic!("two tenants") };
    assert_eq!((&*acme.id, acme.label.as_deref()), ("acme", Some("cost-center-7")));
    assert_eq!(acme.budget.minutes, MinutesBudget::Monthly(AudioMillis(36_000_000)));
    assert_eq!(acme.budget.monthly, map(&[("/submit", 0)]));
    assert_eq!(acme.budget.caps, map(&[("configuration", 5)]));
    assert_eq!(month_end(&acme.budget.calendar), "2026-11-14T23:00:00Z");
    assert_eq!((&*other.id, other.label.as_deref()), ("b", None));
    assert_eq!(other.budget.minutes, MinutesBudget::Off);
    assert_eq!(month_end(&other.budget.calendar), "2026-12-02T00:00:00Z");

    let minutes = settings.quota.minutes;
    assert_eq!((minutes.estimate, minutes.rounding), (AudioMillis(90_000), Rounding::Minute));
    assert_eq!(settings.quota.longest_retry_after, Some(Duration::from_secs(3600)));
    assert_eq!(settings.quota.when_records_fail, WhenRecordsFail::Open);
    let settle = settings.settle;
    assert_eq!((settle.per_minute.get(), settle.policy), (500, Policy::Release));
    assert_eq!(settle.deadline, Duration::from_secs(3600));
}

#[test]
fn a_limit_that_only_counts_says_so() {
    let text = first(
        r#"
        total = { per_minute = 60, enforce = false }
        rate = { "/submit" = { per_minute = 60, enforce = false } }
        minutes = { monthly = 600, enforce = false }
        quota = { "/submit" = { most = 7, enforce = false } }
        caps = { configuration = { most = 5, enforce = false }, evaluator = 6 }
        [account]
        minutes = { monthly = 700, enforce = true }
        caps = { evaluator = { most = 9, enforce = false } }
    "#,
    );
    let settings = settings(&text);
    let names = |limits: &std::collections::BTreeSet<heify_gateway::records::Limit>| {
        limits.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&settings.rate_limit.tenants[0].shadow), "rate:/submit total");
    let budget = &settings.quota.tenants[0].budget;
    assert_eq!(names(&budget.shadow), "calls:/submit objects:configuration minutes");
    assert_eq!(budget.monthly, map(&[("/submit", 7)]));
    assert_eq!(budget.caps, map(&[("configuration", 5), ("evaluator", 6)]));
    assert_eq!(names(&settings.quota.account.shadow), "objects:evaluator");
    assert_eq!(settings.quota.account.caps, map(&[("evaluator", 9)]));
}

#[test]
fn a_webhook_hears_about_everybody_unless_it_names_teams() {
    let alerts = |more: &str| {
        let hook = "[[alerts]]\nname = 'ops'\nurl = 'https://hooks.example.com/x?y=z'\n\
                    secret_file = 'secret'\n";
        let text = first(&format!("{hook}{more}"));
        let given = Given::file(&text).with("etc/secret", b"a-secret-of-both-sides\n");
        let settings = given.load().unwrap();
        // What was told must last.
        assert!(settings.records.is_some());
        settings.alerts[0].clone()
    };
    let all = alerts("");
    assert_eq!((all.about.tenants, all.about.account), (None, true));
    assert_eq!(all.thresholds, [50, 80, 100]);
    assert_eq!(all.secret.expose(), "a-secret-of-both-sides");
    assert_eq!(all.url.query(), Some("y=z"));
    let one = alerts("tenants = ['acme']\nthresholds = [90, 10, 90]");
    assert_eq!((one.about.tenants, one.about.account), (Some(vec!["acme".into()]), false));
    assert_eq!(one.thresholds, [10, 90]);
    assert!(alerts("tenants = ['acme']\naccount = true").about.account);
}

#[test]
fn a_strict_ledger_reserves_the_longest_audio() {
    let strict = settings(&format!("{KEY}[minutes]\nstrict = true\n"));
    assert_eq!(strict.quota.minutes.estimate, LONGEST_AUDIO);
    let lenient = settings(&format!("{KEY}[minutes]\nstrict = false\nestimate = '1m'\n"));
    assert_eq!(lenient.quota.minutes.estimate, AudioMillis(60_000));
}

#[test]
fn one_tenant_is_neither_isolated_nor_paced_nor_recorded_unless_that_is_asked_for() {
    for nothing in ["", "minutes = 'off'", "quota = {}\ncaps = {}", "label = 'x'\nanchor = 3"] {
        let settings = settings(&first(nothing));
        assert_eq!((settings.records, settings.isolation), (None, None), "{nothing}");
        assert_eq!(settings.pace.state, Pacing::Off, "{nothing}");
        assert!(settings.warnings.is_empty(), "{nothing}");
    }
    let strict = settings(&(first("") + "[isolation]\nmode = 'strict'\n"));
    assert_eq!(strict.isolation, Some(isolate::Settings::default()));
    assert!(strict.records.is_some());
}

#[test]
fn whatever_must_be_counted_is_recorded() {
    for counted in [
        "minutes = { monthly = 0 }",
        "quota = { '/submit' = 10 }",
        "caps = { configuration = 0 }",
        "[account]\nmonthly = { '/submit' = 30 }",
        "[account]\ncaps = { evaluator = 30 }",
        "[account]\nminutes = { monthly = 30 }",
    ] {
        assert!(settings(&first(counted)).records.is_some(), "{counted}");
    }
    assert!(settings(&first("[account]\nminutes = 'off'\nanchor = 3")).records.is_none());
    let named = settings(&first("[records]\nurl = 'sqlite:///x.db'"));
    assert_eq!(named.records.unwrap().lock_wait, Duration::from_secs(30));
}

#[test]
fn two_tenants_are_isolated_and_paced_and_recorded() {
    let two = settings(&(first("") + SECOND));
    assert_eq!(two.isolation, Some(isolate::Settings::default()));
    assert_eq!(two.pace.state, Pacing::On);
    assert_eq!(two.records.unwrap().path, PathBuf::from("etc/gateway.db"));
}

#[test]
fn two_tenants_share_their_objects_only_where_that_is_said_and_are_warned() {
    let shared = first("") + SECOND + "[isolation]\nmode = 'off'\n[account]\npace = 'off'\n";
    let settings = settings(&shared);
    assert_eq!((settings.isolation, settings.records), (None, None));
    assert_eq!(settings.pace.state, Pacing::Off);
    let found = warnings(&shared);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("etc/g.toml:") && found[0].contains(": isolation.mode: all"));
    assert_eq!(warnings(&(first("") + "[isolation]\nmode = 'off'\n")), [""; 0]);
}

#[test]
fn the_place_of_records_that_nobody_chose_is_said() {
    let text = first("minutes = { monthly = 5 }");
    let chosen = |given: &Given<'_>| {
        let settings = given.load().unwrap();
        let said = settings.warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(said.len(), 1, "{said:?}");
        let path = settings.records.unwrap().path.display().to_string();
        let start = format!("etc/g.toml: records.url: not set, so records go to {path}; ");
        assert!(said[0].starts_with(&start), "{said:?}");
        path
    };
    assert_eq!(chosen(&Given::file(&text)), "etc/gateway.db");
    let systemd = Given::file(&text).and("STATE_DIRECTORY", "/var/lib/heify-gateway:/var/lib/b");
    assert_eq!(chosen(&systemd), "/var/lib/heify-gateway/gateway.db");
    assert_eq!(chosen(&Given::file(&text).and("STATE_DIRECTORY", "")), "etc/gateway.db");

    let variables = [
        ("HEIFY_API_KEY", "the-central-key"),
        ("HEIFY_GATEWAY_TENANT_KEY", "any-old-key-of-16"),
        ("HEIFY_GATEWAY__ACCOUNT__MINUTES", "{ monthly = 600 }"),
    ];
    let without_file = Given::variables(&variables).load().unwrap();
    assert_eq!(without_file.records.unwrap().path, PathBuf::from("gateway.db"));
    let place = without_file.warnings[0].place.to_string();
    assert_eq!(place, "configuration");
}

#[test]
fn variables_override_budgets_too() {
    let text = first("[records]\nurl = 'sqlite:///x.db'\n[account]\ncaps = { evaluator = 3 }");
    let given = Given::file(&text)
        .and("HEIFY_GATEWAY__RECORDS__URL", "sqlite:data/y.db")
        .and("HEIFY_GATEWAY__RECORDS__LOCK_WAIT", "0s")
        .and("HEIFY_GATEWAY__ISOLATION__MODE", "strict")
        .and("HEIFY_GATEWAY__ACCOUNT__CAPS__CONFIGURATION", "7")
        .and("HEIFY_GATEWAY__ACCOUNT__MINUTES__MONTHLY", "90")
        .and("HEIFY_GATEWAY__ACCOUNT__ANCHOR", "31")
        .and("HEIFY_GATEWAY__MINUTES__STRICT", "true")
        .and("HEIFY_GATEWAY__QUOTA__LONGEST_RETRY_AFTER", "2h");
    let settings = given.load().unwrap();
    // Relative to the working directory: the variable does not stand in the file.
    let path = PathBuf::from("data/y.db");
    assert_eq!(settings.records, Some(Records { path, lock_wait: Duration::ZERO }));
    assert!(settings.isolation.is_some());
    let account = settings.quota.account;
    assert_eq!(account.caps, map(&[("evaluator", 3), ("configuration", 7)]));
    assert_eq!(account.minutes, MinutesBudget::Monthly(AudioMillis::from_minutes(90)));
    assert_eq!(month_end(&account.calendar), "2026-11-30T00:00:00Z");
    assert_eq!(settings.quota.minutes.estimate, LONGEST_AUDIO);
    assert_eq!(settings.quota.longest_retry_after, Some(Duration::from_secs(7200)));
    assert_eq!(settings.quota.when_records_fail, WhenRecordsFail::Closed);
}

#[test]
fn a_relative_file_of_records_lies_beside_the_configuration() {
    for url in ["sqlite:gateway.db", "sqlite://gateway.db"] {
        let settings = settings(&first(&format!("[records]\nurl = '{url}'")));
        assert_eq!(settings.records.unwrap().path, PathBuf::from("etc/gateway.db"));
    }
}

#[test]
fn a_rate_of_the_account_that_is_not_kept_is_warned_of() {
    let rate = "[account]\nrate = { '/submit' = { per_minute = 60 } }\n";
    let found = warnings(&first(rate));
    assert!(found[0].contains("account.rate: not used"), "{found:?}");
    assert_eq!(warnings(&first(&format!("{rate}pace = 'on'\n"))), [""; 0]);
}
