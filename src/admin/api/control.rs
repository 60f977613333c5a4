//! How does the gateway fare, and how is it told something?

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::Body;
use crate::admin::access::{Operator, Viewer};
use crate::admin::console::{Console, Order};
use crate::admin::operate::{self, Act};
use crate::records::{Moment, Records, Store};

/// What an operator wants to see first.
pub(super) async fn overview(_: Viewer, State(console): State<Console>) -> Json<Value> {
    let view = console.view();
    let settings = &view.settings;
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": console.uptime().as_secs(),
        "config": { "version": view.version, "loaded": view.loaded.to_string() },
        "upstream": settings.upstream.url.to_string(),
        "tenants": settings.authenticate.tenants.len(),
        "endpoints": view.contract.endpoints().len(),
        "isolation": settings.isolation.is_some(),
        "records": console.records().map(|records| json!({ "healthy": Records::is_healthy(records) })),
        "warnings": settings.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "oversubscribed": operate::promises(settings, &view.contract),
        "now": Moment::now().to_string(),
    }))
}

/// The configuration in use, without secrets.
pub(super) async fn config(_: Viewer, State(console): State<Console>) -> Json<Value> {
    let view = console.view();
    Json(json!({
        "version": view.version,
        "loaded": view.loaded.to_string(),
        "settings": super::redacted::settings(&view.settings),
    }))
}

/// Reads the configuration again; where it has a mistake, nothing changes.
pub(super) async fn reload(
    Operator(caller): Operator,
    State(console): State<Console>,
) -> Result<Json<Value>, Problem> {
    let before = console.view().version;
    let reloaded = console.order(Order::Reload).await?;
    let reloaded = reloaded.map_err(|mistakes| {
        let text = format!("nothing was changed: {}", mistakes.join("; "));
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, text)
    })?;
    let versions = [json!({ "version": before }), json!({ "version": reloaded.version })];
    audit(&console, caller.who(), "config.reload", versions).await?;
    Ok(Json(json!({
        "version": reloaded.version,
        "restart": reloaded.restart,
        "warnings": reloaded.warnings,
    })))
}

/// What is logged.
pub(super) async fn log_level(
    _: Viewer,
    State(console): State<Console>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "level": level(&console, None).await? })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Level {
    level: String,
}

/// Changes what is logged, until the next start.
pub(super) async fn set_log_level(
    Operator(caller): Operator,
    State(console): State<Console>,
    Body(body): Body<Level>,
) -> Result<Json<Value>, Problem> {
    let before = level(&console, None).await?;
    let after = level(&console, Some(body.level)).await?;
    audit(&console, caller.who(), "log.level", [json!(before), json!(after)]).await?;
    Ok(Json(json!({ "level": after })))
}

async fn level(console: &Console, to: Option<String>) -> Result<String, Problem> {
    let told = console.order(|tell| Order::LogLevel(to, tell)).await?;
    told.map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error))
}

/// Keeps who did it; where nothing is recorded, the log has to do.
async fn audit(
    console: &Console,
    who: std::sync::Arc<str>,
    action: &'static str,
    what: [Value; 2],
) -> Result<(), Problem> {
    tracing::info!(%who, action, before = %what[0], after = %what[1], "changed by an operator");
    let Some(records) = console.records() else { return Ok(()) };
    let act = Act { who, now: Moment::now() };
    let keep = move |store: &mut dyn Store| act.audit(store, action, None, "gateway", what);
    records.write(keep).await.map_err(|error| {
        let text = format!("it is done, but the audit log could not be written: {error}");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })
}
