//! Is what passes counted where it belongs, also across a reload?

use std::time::Duration;

use http::HeaderValue;

use super::incident::MOST_A_SECOND;
use super::*;
use crate::observation::Caller;

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn request(
    id: &'static str,
    tenant: Option<(usize, &str)>,
    endpoint: Option<usize>,
) -> Observation {
    let request = Observation::new(HeaderValue::from_static(id), Instant::now());
    if let Some(index) = endpoint {
        request.set_endpoint(index, &"/work".into());
    }
    if let Some((index, tenant)) = tenant {
        request.set_caller(Caller { index, tenant: tenant.into(), key: "k".into() });
    }
    request
}

#[test]
fn a_request_is_counted_at_its_endpoint_and_its_tenant() {
    let traffic = Arc::new(Traffic::new(Instant::now()));
    let watch = traffic.watch(&names(&["/rest", "/work"]), &names(&["a", "b"]), 7);
    let request = request("r-1", Some((1, "b")), Some(1));
    let later = request.started + Duration::from_micros(3_000);
    request.set_sent(true, request.started + Duration::from_micros(100));
    request.set_answered(request.started + Duration::from_micros(2_600));
    watch.answered(&request, 200, None, later);
    watch.ended(&request, true, later);
    let work = &traffic.endpoints()[1];
    assert_eq!((&*work.path, work.answers().len()), ("/work", 1));
    // 2,500 of 3,000 microseconds were the upstream's.
    assert_eq!((work.own.read().sum, work.upstream.read().sum), (500, 2_500));
    assert_eq!(work.total.read().sum, 3_000);
    let counted: Vec<_> = traffic.tenants().iter().map(|one| one.forwarded()).collect();
    assert_eq!(counted, [0, 1]);
}

#[test]
fn what_was_counted_of_a_name_goes_on_after_a_reload() {
    let traffic = Arc::new(Traffic::new(Instant::now()));
    let before = traffic.watch(&names(&["/work"]), &names(&["a", "b"]), 1);
    before.answered(&request("r-1", Some((1, "b")), Some(0)), 200, None, Instant::now());
    let after = traffic.watch(&names(&["/new", "/work"]), &names(&["b"]), 2);
    after.answered(&request("r-2", Some((0, "b")), Some(1)), 200, None, Instant::now());
    let endpoints = traffic.endpoints();
    let work = endpoints.iter().find(|one| &*one.path == "/work").unwrap();
    assert_eq!(work.answers()[0].count, 2);
}

#[test]
fn a_flood_of_one_tenant_hides_no_refusal_of_another() {
    let start = Instant::now();
    let traffic = Arc::new(Traffic::new(start));
    let watch = traffic.watch(&names(&["/work"]), &names(&["loud", "quiet"]), 3);
    let refuse = |request: &Observation, second: u64| {
        let at = start + Duration::from_secs(second);
        watch.answered(request, 400, Some((&Refusal::EmptyBody, None)), at);
    };
    refuse(&request("quiet-1", Some((1, "quiet")), Some(0)), 0);
    refuse(&request("nobody-1", None, None), 0);
    let now = SystemTime::now();
    let kept = || traffic.incidents(None, usize::MAX, now, |_| true).len();
    // Of one second's flood a part is kept, and of each second's so many as there is room for.
    let a_second = usize::try_from(MOST_A_SECOND).unwrap();
    for second in 0..KEPT / 2 / a_second + 3 {
        for _ in 0..a_second * 2 {
            refuse(&request("loud", Some((0, "loud")), Some(0)), second as u64);
        }
        assert_eq!(kept(), ((second + 1) * a_second).min(KEPT / 2) + 2);
    }
    let found = traffic.incidents(Some("quiet"), 10, now, |_| true);
    assert_eq!((found.len(), found[0].version), (1, 3));
    assert_eq!(found[0].caller.as_ref().map(|(tenant, _)| &**tenant), Some("quiet"));
    let found = traffic.incidents(None, 10, now, |one| one.request == "nobody-1");
    assert_eq!((found.len(), found[0].caller.is_none()), (1, true));
    let in_two_days = now + Duration::from_secs(48 * 3600);
    assert!(traffic.incidents(None, 10, in_two_days, |_| true).is_empty());
}
