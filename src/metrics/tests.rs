//! Is what is exported whole, small, and named by closed sets?

use std::time::Instant;

use http::HeaderValue;

use super::*;
use crate::observation::{Caller, Observation};
use crate::refusal::Refusal;

fn metrics(tenants: usize) -> (Metrics, Arc<Traffic>) {
    let traffic = Arc::new(Traffic::new(Instant::now()));
    let ids: Vec<Arc<str>> = (0..tenants).map(|one| format!("tenant-{one:04}").into()).collect();
    let watch = traffic.watch(&[Arc::from("/work")], &ids, 1);
    for (index, id) in ids.iter().enumerate() {
        let request = Observation::new(HeaderValue::from_static("r"), Instant::now());
        request.set_endpoint(0, &"/work".into());
        request.set_caller(Caller { index, tenant: id.clone(), key: "k".into() });
        watch.answered(&request, 429, Some((&Refusal::Overloaded, None)), Instant::now());
    }
    let levels = Levels::default();
    (Metrics::new(Arc::clone(&traffic), levels, None, SystemTime::now()), traffic)
}

#[test]
fn every_line_is_a_comment_or_a_name_with_a_number() {
    let (metrics, _) = metrics(2);
    let text = metrics.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let line = "heify_gateway_requests_total{endpoint=\"/work\",status=\"429\",\
                reason=\"overloaded\",source=\"gateway\"} 2";
    assert!(text.lines().any(|found| found == line), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(name.starts_with("heify_gateway_") || name.starts_with("process_"), "{line}");
    }
    assert_eq!(text.matches("# EOF").count(), 1);
}

#[test]
fn beyond_the_bound_tenants_have_one_name_together() {
    let (metrics, _) = metrics(1_000);
    let text = metrics.text();
    let named = text.matches("heify_gateway_tenant_refused_total{").count();
    assert_eq!(named, NAMED_TENANTS + 1);
    assert!(text.contains("heify_gateway_tenant_refused_total{tenant=\"other\"} 800"));
    assert!(text.len() < 64 << 10, "{} bytes", text.len());
}

#[test]
fn a_refused_reload_shows_until_one_succeeds() {
    let (metrics, _) = metrics(0);
    let successful = |shown| {
        let line = format!("heify_gateway_config_last_reload_successful {shown}");
        metrics.text().lines().any(|found| found == line)
    };
    assert!(successful(1));
    metrics.not_reloaded();
    assert!(successful(0));
    assert!(metrics.text().contains("heify_gateway_config_reload_failures_total 1"));
    metrics.reloaded(Levels::default(), 2, SystemTime::now());
    assert!(successful(1));
    assert!(metrics.text().contains("heify_gateway_config_version 2"));
}
