//! Who are the tenants, what may they use, and what have they used?

use std::num::NonZeroU32;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::{Body, Note, Path, Query, When, Whole, whole};
use crate::admin::access::{Operator, Viewer};
use crate::admin::console::{Console, View};
use crate::admin::operate::{self, Act, keys, limits};
use crate::config::{Settings, default_burst};
use crate::quota;
use crate::records::{Limit, LimitValue, Moment, Store};

/// The settings that hold now.
fn in_use(view: &View, now: Moment) -> Settings {
    operate::in_use(&view.settings, &view.overrides, now)
}

/// All tenants, with their state, keys and minutes.
pub(super) async fn list(
    _: Viewer,
    State(console): State<Console>,
) -> Result<Json<Value>, Problem> {
    let now = Moment::now();
    let read = move |store: &mut dyn Store, view: &View| {
        let lines = operate::tenants(store, &view.settings, &view.overrides, now)?;
        Ok(json!({ "tenants": lines, "as_of": now.to_string() }))
    };
    Ok(Json(console.read(read).await?))
}

/// One tenant: its state, limits, keys, and what it has used.
pub(super) async fn show(
    _: Viewer,
    State(console): State<Console>,
    Path(tenant): Path,
) -> Result<Json<Value>, Problem> {
    let now = Moment::now();
    let read = move |store: &mut dyn Store, view: &View| {
        let index = operate::tenant(&view.settings, &tenant)?;
        let settings = in_use(view, now);
        let budget = &settings.quota.tenants[index];
        let issued = store.keys()?;
        let keys = keys::keys(&settings, &issued, now).into_iter();
        let keys: Vec<_> =
            keys.filter(|key| *key.tenant == *tenant).map(|key| keys::shown(&key)).collect();
        Ok(json!({
            "id": &*budget.id,
            "label": budget.label.as_deref(),
            "state": operate::state(settings.authenticate.tenants[index].state),
            "set_at": settings.places.tenant(&tenant).map(ToString::to_string),
            "endpoints": settings.authenticate.tenants[index].endpoints,
            "keys": keys,
            "limits": limits::limits(&view.settings, &view.contract, index, &view.overrides, now),
            "usage": quota::usage(store, budget, &view.contract, now)?,
        }))
    };
    Ok(Json(console.read(read).await?))
}

/// What all tenants together have used of the account.
pub(super) async fn account(
    _: Viewer,
    State(console): State<Console>,
) -> Result<Json<Value>, Problem> {
    let now = Moment::now();
    let read = move |store: &mut dyn Store, view: &View| {
        operate::account(store, &in_use(view, now), &view.contract, now)
    };
    Ok(Json(console.read(read).await?))
}

/// The limits of one tenant.
pub(super) async fn limits(
    _: Viewer,
    State(console): State<Console>,
    Path(tenant): Path,
) -> Result<Json<Value>, Problem> {
    let view = console.view();
    let index = operate::tenant(&view.settings, &tenant)?;
    let now = Moment::now();
    let lines = limits::limits(&view.settings, &view.contract, index, &view.overrides, now);
    Ok(Json(json!({ "tenant": tenant, "limits": lines })))
}

/// A change of a limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    limit: Limit,
    value: Given,
    until: Option<When>,
    #[serde(default)]
    note: Note,
}

/// A number, a rate, or `"disabled"`.
struct Given(LimitValue);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenRate {
    per_minute: Whole<NonZeroU32>,
    burst: Option<Whole<NonZeroU32>>,
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(deserializer)?;
        let most = given.as_number().and_then(whole).and_then(|most| u32::try_from(most).ok());
        if let Some(most) = most {
            return Ok(Self(LimitValue::Most(most)));
        }
        if given == "disabled" {
            return Ok(Self(LimitValue::Disabled));
        }
        let GivenRate { per_minute, burst } = serde_json::from_value(given).map_err(|_| {
            serde::de::Error::custom(
                "value: expected a number, a rate such as {\"per_minute\": 60, \"burst\": 2}, or \
                 \"disabled\"",
            )
        })?;
        let (per_minute, burst) = (per_minute.0, burst.map(|burst| burst.0));
        let default = NonZeroU32::new(default_burst(per_minute.get()));
        let burst = burst.or(default).unwrap_or(per_minute);
        Ok(Self(LimitValue::Rate { per_minute, burst }))
    }
}

/// Changes a limit of a tenant, at once.
pub(super) async fn change_limit(
    Operator(caller): Operator,
    State(console): State<Console>,
    Path(tenant): Path,
    Body(change): Body<Change>,
) -> Result<Json<Value>, Problem> {
    let changed = move |store: &mut dyn Store, view: &View, act: &Act| {
        let new = limits::NewLimit {
            tenant: tenant.into(),
            limit: change.limit,
            value: change.value.0,
            until: change.until.map(|until| until.from(act.now)),
            note: change.note.0,
        };
        limits::change(store, &view.settings, &view.contract, &new, act)
    };
    let changed = console.change(caller.who(), changed).await?;
    Ok(Json(json!({ "tenant": &*changed.tenant, "changed": limits::shown(&changed) })))
}

/// Which limit is lifted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    limit: Limit,
}

/// Lets a limit be again what the configuration says.
pub(super) async fn lift_limit(
    Operator(caller): Operator,
    State(console): State<Console>,
    Path(tenant): Path,
    Query(Which { limit }): Query<Which>,
) -> Result<Json<Value>, Problem> {
    let lift = move |store: &mut dyn Store, view: &View, act: &Act| {
        limits::lift(store, &view.settings, &tenant, &limit, act)
    };
    let lifted = console.change(caller.who(), lift).await?;
    Ok(Json(json!({ "tenant": &*lifted.tenant, "lifted": limits::shown(&lifted) })))
}
