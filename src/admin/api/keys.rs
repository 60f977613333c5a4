//! Which keys are there, and how do they come and go?

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::{Body, NewId, Note, Query, Wait, When};
use crate::admin::access::{Operator, Viewer};
use crate::admin::console::{Console, View};
use crate::admin::operate::keys::{self, Issued, Key, NewKey, Rotated};
use crate::admin::operate::{Act, tenant};
use crate::key::generate;
use crate::records::{IssuedKey, Moment, Store};

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
        Ok(json!({ "keys": all.iter().filter(meant).map(shown).collect::<Vec<_>>() }))
    };
    Ok(Json(console.read(read).await?))
}

/// A key, as it is listed.
pub(super) fn shown(key: &Key) -> Value {
    json!({
        "id": &*key.id,
        "tenant": &*key.tenant,
        "state": key.state.to_string(),
        "valid": key.state.is_valid(),
        "source": key.source,
        "issued": key.source == "records",
        "expires": key.expires.map(|expires| expires.to_string()),
        "note": key.note.as_deref(),
    })
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
    Ok(match console.change(caller.who(), issue).await? {
        Issued::New(key) => {
            let mut made = made(&key);
            made["key"] = json!(secret.as_str());
            (StatusCode::CREATED, Json(made)).into_response()
        }
        Issued::Known(key) => {
            let mut made = made(&key);
            made["unchanged"] = json!("it exists already, and a key is shown once only");
            Json(made).into_response()
        }
    })
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
    Path(old): Path<String>,
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
    Ok(match console.change(caller.who(), rotate).await? {
        Rotated::New(key, ends) => {
            let mut made = made(&key);
            made["key"] = json!(secret.as_str());
            made["replaces"] = json!({ "id": old, "ends": ends.to_string() });
            (StatusCode::CREATED, Json(made)).into_response()
        }
        Rotated::Already(successor) => {
            let text = "it was rotated already, and a key is shown once only";
            Json(json!({ "id": &*successor, "replaces": { "id": old }, "unchanged": text }))
                .into_response()
        }
    })
}

/// Switches a key off for good.
pub(super) async fn revoke(
    Operator(caller): Operator,
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let revoke = move |store: &mut dyn Store, view: &View, act: &Act| {
        keys::revoke(store, &view.settings, &id, act)
    };
    let (key, was_on) = console.change(caller.who(), revoke).await?;
    Ok(Json(json!({ "id": &*key.key, "tenant": &*key.tenant, "revoked": true, "was_on": was_on })))
}

fn new(id: Option<NewId>, expires: Option<When>, note: Option<Note>, now: Moment) -> NewKey {
    NewKey {
        id: id.map(|id| id.0),
        expires: expires.map(|expires| expires.from(now)),
        note: note.map(|note| note.0),
    }
}

fn made(key: &IssuedKey) -> Value {
    json!({
        "id": &*key.key,
        "tenant": &*key.tenant,
        "expires": key.expires.map(|expires| expires.to_string()),
        "note": &*key.note,
    })
}

fn no_random() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the system has no random numbers now")
}
