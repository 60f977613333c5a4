//! What passes just now, and what was refused of late?

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::{Path, Query};
use crate::admin::access::Viewer;
use crate::admin::console::{Console, View};
use crate::admin::operate::{self, explain as told};
use crate::histogram::Buckets;
use crate::records::{Moment, Store};
use crate::traffic::{EndpointMeter, Incident, SLOT, Slot, Source};

/// The most refusals of an answer.
const MOST: usize = 1_000;

fn some() -> usize {
    100
}

/// The last hour in slots of ten seconds, and all since the start by endpoint and reason.
pub(super) async fn live(_: Viewer, State(console): State<Console>) -> Json<Value> {
    let traffic = console.traffic();
    let (now, moment) = (Instant::now(), Moment::now());
    let slots = traffic.recent(now);
    let age = traffic.age(now);
    // The slots know only how long ago they began; the last one is not over.
    let ago = |slot: &Slot| age.saturating_sub(slot.since);
    let at = |slot: &Slot| Moment(moment.0 - i64::try_from(ago(slot).as_millis()).unwrap_or(0));
    let lasted = |slot: &Slot| ago(slot).min(SLOT).max(Duration::from_secs(1)).as_secs_f64();
    let slot = |slot: &Slot| {
        json!({
            "at": at(slot).to_string(),
            "seconds": lasted(slot),
            "forwarded": slot.forwarded,
            "refused": slot.refused,
            "upstream_errors": slot.failed,
            "overhead_us": slot.own,
            "upstream_us": slot.upstream,
        })
    };
    let endpoints = traffic.endpoints();
    let mut reasons = BTreeMap::new();
    let mut by_endpoint = BTreeMap::new();
    let (mut own, mut upstream) = (Buckets::default(), Buckets::default());
    for endpoint in &endpoints {
        own.add(&endpoint.own.read());
        upstream.add(&endpoint.upstream.read());
        let counted = counted(endpoint, &mut reasons);
        if counted != (0, 0) {
            let (forwarded, refused) = counted;
            let name = if endpoint.path.is_empty() { "(none)" } else { &*endpoint.path };
            by_endpoint
                .insert(name.to_owned(), json!({ "forwarded": forwarded, "refused": refused }));
        }
    }
    let tenants: BTreeMap<_, _> = traffic
        .tenants()
        .iter()
        .map(|one| {
            let counts = json!({ "forwarded": one.forwarded(), "refused": one.refused() });
            (one.id.to_string(), counts)
        })
        .collect();
    // What would have been refused, if its limit were enforced.
    let mut shadow = BTreeMap::<&str, u64>::new();
    for (_, reason, count) in traffic.tenants().iter().flat_map(|one| one.shadowed()) {
        *shadow.entry(reason).or_default() += count;
    }
    Json(json!({
        "slots": slots.iter().map(slot).collect::<Vec<_>>(),
        "reasons": reasons,
        "endpoints": by_endpoint,
        "tenants": tenants,
        "shadow": shadow,
        "abandoned": traffic.abandoned(),
        "latency_us": { "own": quantiles(&own), "upstream": quantiles(&upstream) },
        "uptime_seconds": console.uptime().as_secs(),
    }))
}

/// The answers of the upstream, and those of the gateway.
fn counted(endpoint: &EndpointMeter, reasons: &mut BTreeMap<&'static str, u64>) -> (u64, u64) {
    let (mut passed, mut refused) = (0, 0);
    for answers in endpoint.answers() {
        match answers.source {
            Source::Upstream => passed += answers.count,
            Source::Gateway(reason) => {
                refused += answers.count;
                *reasons.entry(reason).or_insert(0) += answers.count;
            }
        }
    }
    (passed, refused)
}

/// Upper bounds, since the buckets know no better.
fn quantiles(of: &Buckets) -> Value {
    json!({
        "count": of.count(),
        "p50": of.quantile(0.5),
        "p95": of.quantile(0.95),
        "p99": of.quantile(0.99),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    tenant: Option<String>,
    reason: Option<String>,
    shadow: Option<bool>,
    #[serde(default = "some")]
    most: usize,
}

/// What was refused of late, the latest first.
pub(super) async fn refusals(
    _: Viewer,
    State(console): State<Console>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    if let Some(tenant) = &wanted.tenant {
        operate::tenant(&console.view().settings, tenant)?;
    }
    let meant = |one: &Incident| {
        let is_shadow = !one.enforcement.is_enforced();
        wanted.reason.as_deref().is_none_or(|reason| reason == one.refusal.reason())
            && wanted.shadow.is_none_or(|shadow| shadow == is_shadow)
    };
    let most = wanted.most.clamp(1, MOST);
    let tenant = wanted.tenant.as_deref();
    let found = console.traffic().incidents(tenant, most, SystemTime::now(), meant);
    Ok(Json(json!({ "refusals": found.iter().map(shown).collect::<Vec<_>>() })))
}

/// What became of one request: why it was refused, and what it reserved and cost.
pub(super) async fn explain(
    _: Viewer,
    State(console): State<Console>,
    Path(request): Path,
) -> Result<Json<Value>, Problem> {
    let same = |one: &Incident| one.request.as_bytes() == request.as_bytes();
    let refused = console.traffic().incidents(None, MOST, SystemTime::now(), same);
    let charges = match console.records() {
        None => Vec::new(),
        Some(_) => {
            let request = request.clone();
            let read = move |store: &mut dyn Store, _: &View| Ok(told::charges(store, &request)?);
            console.read(read).await?
        }
    };
    let known = !refused.is_empty() || !charges.is_empty();
    Ok(Json(json!({
        "request": request,
        "known": known,
        "refusals": refused.iter().map(shown).collect::<Vec<_>>(),
        "charges": charges,
        "text": (!known).then_some(
            "nothing is kept of it: it was neither refused in the last 24 hours since the start, nor \
             did it cost anything; calls that pass and cost nothing are in the access log only"
        ),
    })))
}

fn shown(one: &Incident) -> Value {
    let refusal = &one.refusal;
    let limit = one.limit.as_ref().map(|limit| {
        json!({
            "name": &*limit.policy.name,
            "per_minute": limit.policy.rate.per_minute,
            "burst": limit.policy.rate.burst,
            "remaining": limit.remaining,
            "full_after_seconds": limit.reset.as_secs_f64(),
        })
    });
    let at = one.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    json!({
        "request": one.request.to_str().unwrap_or_default(),
        "at": Moment(0).later(at).to_string(),
        "tenant": one.caller.as_ref().map(|(tenant, _)| &**tenant),
        "key": one.caller.as_ref().map(|(_, key)| &**key),
        "endpoint": one.endpoint.as_deref(),
        "status": one.status,
        "reason": refusal.reason(),
        "message": refusal.message(),
        "hint": refusal.hint(),
        "retry_after_seconds": refusal.retry_after().map(|wait| wait.as_secs_f64()),
        "limit": limit,
        "config_version": one.version,
        "forwarded": one.forwarded,
        "shadow": !one.enforcement.is_enforced(),
    })
}
