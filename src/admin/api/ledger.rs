//! What was written down, and what is unclear in it?

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::problem::Problem;
use super::request::{Body, Path, Query};
use crate::admin::access::{Operator, Viewer};
use crate::admin::console::{Console, View};
use crate::admin::operate::{self, Act, How, explain as told};
use crate::records::{Alert, Moment, Payer, Store};

/// The most lines of an answer.
const MOST: usize = 1_000;
const SOME: usize = 100;

fn some() -> usize {
    SOME
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
    #[serde(default = "some")]
    most: usize,
}

/// The journal, line by line, in its order.
pub(super) async fn journal(
    _: Viewer,
    State(console): State<Console>,
    Query(page): Query<After>,
) -> Result<Json<Value>, Problem> {
    let most = page.most.clamp(1, MOST);
    let read = move |store: &mut dyn Store, _: &View| Ok(store.journal(page.after, most)?);
    let lines = console.read(read).await?;
    let next = lines.last().filter(|_| lines.len() == most).map(|line| line.number);
    let line = |line: &crate::records::Line| {
        json!({
            "number": line.number,
            "at": line.at.to_string(),
            "entry": serde_json::from_str::<Value>(&line.entry).unwrap_or_default(),
            "hash": &*line.hash,
        })
    };
    Ok(Json(json!({ "lines": lines.iter().map(line).collect::<Vec<_>>(), "next_after": next })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    before: Option<u64>,
    #[serde(default = "some")]
    most: usize,
}

/// Who changed what, the latest first.
pub(super) async fn audit(
    _: Viewer,
    State(console): State<Console>,
    Query(page): Query<Before>,
) -> Result<Json<Value>, Problem> {
    let most = page.most.clamp(1, MOST);
    let read = move |store: &mut dyn Store, _: &View| Ok(store.audit(page.before, most)?);
    let lines = console.read(read).await?;
    let next = lines.last().filter(|_| lines.len() == most).map(|line| line.number);
    let line = |line: &crate::records::Audit| {
        let done = &line.audited;
        json!({
            "number": line.number,
            "at": line.at.to_string(),
            "who": &*done.who,
            "action": &*done.action,
            "tenant": done.tenant.as_deref(),
            "subject": &*done.subject,
            "before": done.before,
            "after": done.after,
        })
    };
    Ok(Json(json!({ "lines": lines.iter().map(line).collect::<Vec<_>>(), "next_before": next })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Latest {
    #[serde(default = "some")]
    most: usize,
}

/// Who is told when limits are nearly used up, and what they were told, the latest first.
pub(super) async fn alerts(
    _: Viewer,
    State(console): State<Console>,
    Query(page): Query<Latest>,
) -> Result<Json<Value>, Problem> {
    let view = console.view();
    // Of the address the host only: many have a secret in their path.
    let webhook = |one: &crate::quota::Webhook| {
        json!({
            "name": &*one.name,
            "host": one.url.host(),
            "tenants": one.about.tenants,
            "account": one.about.account,
            "thresholds": one.thresholds,
        })
    };
    let webhooks: Vec<_> = view.settings.alerts.iter().map(webhook).collect();
    let most = page.most.clamp(1, MOST);
    let alerts = match console.records() {
        None => Vec::new(),
        Some(_) => {
            console.read(move |store: &mut dyn Store, _: &View| Ok(store.alerts(most)?)).await?
        }
    };
    let alert = |one: &Alert| {
        json!({
            "webhook": &*one.of.webhook,
            "tenant": (one.of.payer != Payer::Account).then(|| one.of.payer.as_str()),
            "limit": one.of.meter.to_string(),
            "threshold_percent": one.of.threshold,
            "state": one.state.as_str(),
            "found": one.found.to_string(),
            "failed_attempts": one.tried,
            "closed": one.closed.map(|closed| closed.to_string()),
            "message": serde_json::from_str::<Value>(&one.body).unwrap_or_default(),
        })
    };
    let alerts: Vec<_> = alerts.iter().map(alert).collect();
    Ok(Json(json!({ "webhooks": webhooks, "alerts": alerts })))
}

/// Calls whose outcome nobody knows, and jobs that take long.
pub(super) async fn unresolved(
    _: Viewer,
    State(console): State<Console>,
) -> Result<Json<Value>, Problem> {
    let now = Moment::now();
    let read = move |store: &mut dyn Store, _: &View| Ok(operate::unresolved(store, now)?);
    let found = console.read(read).await?;
    let shown: Vec<_> = found.iter().take(MOST).map(told::charge).collect();
    Ok(Json(json!({ "unresolved": shown, "count": found.len() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    how: Decided,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Decided {
    Charge,
    Release,
}

/// Closes one by hand.
pub(super) async fn close(
    Operator(caller): Operator,
    State(console): State<Console>,
    Path(reservation): Path,
    Body(Close { how }): Body<Close>,
) -> Result<Json<Value>, Problem> {
    let id = Uuid::try_parse(&reservation)
        .map_err(|_| Problem::invalid("the id of a reservation is a UUID"))?;
    let how = match how {
        Decided::Charge => How::Charge,
        Decided::Release => How::Release,
    };
    let close =
        move |store: &mut dyn Store, _: &View, act: &Act| operate::close(store, &id, how, act);
    Ok(Json(console.change(caller.who(), close).await?.json(&id)))
}
