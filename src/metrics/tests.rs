//! Is what is exported whole, small, and named by closed sets?

use std::collections::BTreeSet;
use std::time::Instant;

use tokio_util::task::TaskTracker;

use super::*;
use crate::contract::Contract;
use crate::observation::{Caller, Observation};
use crate::quota::{self, Quotas, Standing, TenantBudget};
use crate::records::{AudioMillis, Limit, Memory, Payer, State, Store, Unclosed, ledger};
use crate::refusal::Refusal;
use tenants::NAMED_TENANTS;

const CHECKS: [(&str, bool); 1] = [("loaded", true)];
const OPEN: HeaderValue = HeaderValue::from_static("application/openmetrics-text");

fn tenant(number: usize) -> Arc<str> {
    format!("tenant-{number:04}").into()
}

fn metrics(tenants: usize) -> Metrics {
    let traffic = Arc::new(Traffic::new(Instant::now()));
    let ids: Vec<Arc<str>> = (0..tenants).map(tenant).collect();
    let watch = traffic.watch(&[Arc::from("/work")], &ids, 1);
    for (index, id) in ids.iter().enumerate() {
        let request = Observation::new(HeaderValue::from_static("r"), Instant::now());
        request.set_endpoint(0, &"/work".into());
        request.set_caller(Caller { index, tenant: id.clone(), key: "k".into() });
        watch.answered(&request, 429, Some((&Refusal::Overloaded, None)), Instant::now());
    }
    let connections = Arc::new(Connections::new(10));
    let sources =
        Sources { traffic, connections, records: None, file: None, lines: None, spans: None };
    Metrics::new(sources, InUse::default(), SystemTime::now())
}

/// What the records could say of so many tenants with all limits of the built-in contract.
fn book(tenants: usize) -> Book {
    let mut limits = vec![Limit::Minutes];
    for endpoint in Contract::built_in().unwrap().endpoints() {
        limits.push(Limit::Calls((*endpoint.path).into()));
        limits.push(Limit::Objects((*endpoint.path).into()));
    }
    let standing = |left: f64| Standing {
        left: limits.iter().map(|limit| (limit.clone(), left)).collect(),
        used: AudioMillis(1_500),
        ..Standing::default()
    };
    let share = |number: usize| 1.0 - number as f64 / 1024.0;
    let unclosed = Unclosed { state: State::Bound, count: 3, oldest: Moment(0), overdue: 2 };
    Book {
        read: Some(Moment(7_000)),
        tenants: (0..tenants).map(|number| (tenant(number), standing(share(number)))).collect(),
        account: Some(standing(0.5)),
        unclosed: vec![unclosed],
    }
}

#[tokio::test]
async fn every_line_is_a_comment_or_a_name_with_a_number() {
    let metrics = metrics(2);
    let (kind, open) = metrics.scrape(&CHECKS, Some(&OPEN)).await;
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    assert!(open.ends_with("# EOF\n"), "{open}");
    assert_eq!(open.matches("# EOF").count(), 1);
    let (kind, plain) = metrics.scrape(&CHECKS, None).await;
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    assert!(!plain.contains("# EOF") && !plain.contains("# UNIT"));
    let line = "heify_gateway_requests_total{endpoint=\"/work\",status=\"429\",\
                reason=\"overloaded\",source=\"gateway\"} 2";
    for text in [&open, &plain] {
        assert!(text.lines().any(|found| found == line), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(name.starts_with("heify_gateway_") || name.starts_with("process_"), "{line}");
        }
    }
}

#[test]
fn beyond_the_bound_tenants_have_one_name_together() {
    let text = metrics(1_000).text(Arc::new(book(1_000)), &CHECKS);
    let named = |family: &str| text.matches(&format!("heify_gateway_{family}")).count();
    assert_eq!(named("tenant_refused_total{"), NAMED_TENANTS + 1);
    assert!(text.contains("heify_gateway_tenant_refused_total{tenant=\"other\"} 800"));
    // Amounts add up; of limits the tightest of the 800 is told.
    assert!(text.contains("heify_gateway_tenant_audio_used_seconds{tenant=\"other\"} 1200.0\n"));
    let left = "heify_gateway_limit_remaining_ratio{tenant=\"other\",limit=\"minutes\"} 0.0244";
    assert!(text.contains(left), "{text}");
    let of_account = "heify_gateway_account_limit_remaining_ratio{limit=\"minutes\"} 0.5\n";
    assert!(text.contains(of_account), "{text}");
    // 201 names, 24 endpoints with a quota and a kind each, and minutes.
    assert_eq!(named("limit_remaining_ratio{"), (NAMED_TENANTS + 1) * 49);
    assert!(text.len() < 2 << 20, "{} bytes", text.len());
}

#[test]
fn what_is_not_settled_shows_its_number_and_its_age() {
    let (metrics, now) = (metrics(0), Moment::now());
    let text = metrics.text(Arc::new(book(0)), &CHECKS);
    for line in [
        "heify_gateway_reservations{state=\"bound\"} 3.0\n",
        "heify_gateway_reservations{state=\"lost\"} 0.0\n",
        "heify_gateway_reservations_overdue 2.0\n",
        "heify_gateway_records_read_timestamp_seconds 7.0\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    let lag = text.split("\nheify_gateway_settlement_lag_seconds ").nth(1).unwrap();
    let lag: f64 = lag.lines().next().unwrap().parse().unwrap();
    assert!(lag >= now.0 as f64 / 1000.0, "{lag}");
    // Nothing is said of records that were never read.
    let unread = metrics.text(Arc::default(), &CHECKS);
    assert!(!unread.contains("\nheify_gateway_reservations_overdue "), "{unread}");
}

#[tokio::test]
async fn a_refused_reload_shows_until_one_succeeds() {
    let metrics = metrics(0);
    let has = async |line: &str| {
        let (_, text) = metrics.scrape(&CHECKS, None).await;
        text.lines().any(|found| found == format!("heify_gateway_{line}"))
    };
    assert!(has("config_last_reload_successful 1").await);
    metrics.not_reloaded();
    assert!(has("config_last_reload_successful 0").await);
    assert!(has("config_reload_failures_total 1").await);
    let ends = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(2_000_000_000));
    let in_use = InUse { certificate_ends: ends, ..InUse::default() };
    metrics.reloaded(in_use, 2, SystemTime::now());
    assert!(has("config_last_reload_successful 1").await);
    assert!(has("config_version 2").await);
    assert!(has("tls_certificate_not_after_timestamp_seconds 2000000000.0").await);
}

fn quotas(records: Records) -> Arc<Quotas> {
    let acme = TenantBudget { id: "acme".into(), ..TenantBudget::default() };
    let settings = quota::Settings { tenants: vec![acme], ..quota::Settings::default() };
    let contract = Arc::new(Contract::built_in().unwrap());
    let tasks = TaskTracker::new();
    Arc::new(Quotas::new(&settings, &contract, records, tasks, Moment::now, None))
}

#[tokio::test]
async fn the_records_are_read_again_only_when_something_was_written() {
    let (mut read, acme) = (Memory::default(), Payer::Tenant("acme".into()));
    ledger::grant(&mut read, &acme, AudioMillis(60_000), &"".into(), Moment(0)).unwrap();
    let records = Records::start(Box::new(Memory::default()), Some(Box::new(read))).unwrap();
    let (quotas, books) = (quotas(records.clone()), Books::default());
    let first = books.look(&quotas, Duration::ZERO).await;
    assert_eq!(first.tenants[0].1.granted, AudioMillis(60_000));
    let second = books.look(&quotas, Duration::ZERO).await;
    assert!(Arc::ptr_eq(&first, &second));
    let write = |store: &mut dyn Store| {
        ledger::grant(store, &Payer::Account, AudioMillis(1), &"".into(), Moment(0))
    };
    records.write(write).await.unwrap();
    let third = books.look(&quotas, Duration::ZERO).await;
    assert!(!Arc::ptr_eq(&first, &third));
}

#[tokio::test]
async fn records_that_do_not_answer_leave_what_was_known() {
    let records = Records::start(Box::new(Memory::default()), None).unwrap();
    let (books, working) = (Books::default(), quotas(records.clone()));
    let known = books.look(&working, Duration::ZERO).await;
    assert!(known.read.is_some());
    let still = books.look(&quotas(Records::none()), Duration::ZERO).await;
    assert!(Arc::ptr_eq(&known, &still));
    // Nor do they keep a scrape for long: the clock of the test jumps over the wait.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hold = move |_: &mut dyn Store| Ok(held.recv().is_ok());
    let holding = tokio::spawn(async move { records.write(hold).await });
    tokio::task::yield_now().await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let still = books.look(&quotas_of(&working), Duration::ZERO).await;
    assert!(Arc::ptr_eq(&known, &still));
    assert_eq!(began.elapsed().as_secs(), 1);
    drop(release);
    let _ = holding.await;
}

/// The same records under another configuration: it is looked anew.
fn quotas_of(known: &Arc<Quotas>) -> Arc<Quotas> {
    quotas(known.records().clone())
}

#[test]
fn the_page_lists_all_metrics_and_no_other() {
    let text = format::plain(&metrics(0).text(Arc::default(), &CHECKS));
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let exported: BTreeSet<(String, String)> = types
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    let page = include_str!("../../docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<(String, String)> = rows
        .map(|row| row.split_once("` | ").unwrap())
        .map(|(name, rest)| (name.to_owned(), rest.split(" | ").next().unwrap().to_owned()))
        .collect();
    assert_eq!(listed, exported);
}
