//! Which keys are there, and how do they come and go?

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::{Body, NewId, Note, Path, Query, Wait, When};
use crate::admin::access::{Operator, Viewer};
use crate::admin::console::{Console, View};
use crate::admin::operate::keys::{self, Issued, Key, NewKey, Rotated};
use crate::admin::operate::{Act, tenant};
use crate::key::generate;
use crate::records::{Moment, Store};

/// How long a rotated key goes on, unless it is said.
const OVERLAP: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    tenant: Option<String>,
}

/// All keys, or those of one tenant; never what opens the gateway.
pub(super) async fn list(
    _: Viewer,
    State(console): State<Console>,
    Query(of): Query<Of>,
) -> Result<Json<Value>, Problem> {
    let now = Moment::now();
    let read = move |store: &mut dyn Store, view: &View| {
        if let Some(of) = &of.tenant {
            tenant(&view.settings, of)?;
        }
        let all = keys::keys(&view.settings, &store.keys()?, now);
        let meant = |key: &&Key| of.tenant.as_deref().is_none_or(|of| *key.tenant == *of);
        Ok(json!({ "keys": all.iter().filter(meant).map(keys::shown).collect::<Vec<_>>() }))
    };
    Ok(Json(console.read(read).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issue {
    tenant: String,
    id: Option<NewId>,
    expires: Option<When>,
    note: Option<Note>,
}

/// Makes a key, and shows it this once.
pub(super) async fn issue(
    Operator(caller): Operator,
    State(console): State<Console>,
    Body(body): Body<Issue>,
) -> Result<Response, Problem> {
    let secret = generate().map_err(|_| no_random())?;
    let digested = secret.clone();
    let issue = move |store: &mut dyn Store, view: &View, act: &Act| {
        let new = new(body.id, body.expires, body.note, act.now);
        keys::issue(store, &view.settings, &body.tenant, &new, digested.as_bytes(), act)
    };
    let outcome = console.change(caller.who(), issue).await?;
    let told = keys::issued(&outcome, secret.as_str());
    Ok(created(matches!(outcome, Issued::New(_)).then_some(StatusCode::CREATED), told))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    overlap: Option<Wait>,
    id: Option<NewId>,
    expires: Option<When>,
    note: Option<Note>,
}

/// Makes a key that takes another one's place.
pub(super) async fn rotate(
    Operator(caller): Operator,
    State(console): State<Console>,
    Path(old): Path,
    Body(body): Body<Rotate>,
) -> Result<Response, Problem> {
    let secret = generate().map_err(|_| no_random())?;
    let digested = secret.clone();
    let name = old.clone();
    let rotate = move |store: &mut dyn Store, view: &View, act: &Act| {
        let new = new(body.id, body.expires, body.note, act.now);
        let old = (name.as_str(), body.overlap.map_or(OVERLAP, |overlap| overlap.0));
        keys::rotate(store, &view.settings, old, &new, digested.as_bytes(), act)
    };
    let outcome = console.change(caller.who(), rotate).await?;
    let told = keys::rotated(&outcome, &old, secret.as_str());
    Ok(created(matches!(outcome, Rotated::New(..)).then_some(StatusCode::CREATED), told))
}

/// Something new, or what was there already.
fn created(status: Option<StatusCode>, told: Value) -> Response {
    (status.unwrap_or(StatusCode::OK), Json(told)).into_response()
}

/// Switches a key off for good.
pub(super) async fn revoke(
    Operator(caller): Operator,
    State(console): State<Console>,
    Path(id): Path,
) -> Result<Json<Value>, Problem> {
    let revoke = move |store: &mut dyn Store, view: &View, act: &Act| {
        keys::revoke(store, &view.settings, &id, act)
    };
    let (key, was_on) = console.change(caller.who(), revoke).await?;
    Ok(Json(keys::revoked(&key, was_on)))
}

fn new(id: Option<NewId>, expires: Option<When>, note: Option<Note>, now: Moment) -> NewKey {
    NewKey {
        id: id.map(|id| id.0),
        expires: expires.map(|expires| expires.from(now)),
        note: note.map(|note| note.0),
    }
}

fn no_random() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the system has no random numbers now")
}
