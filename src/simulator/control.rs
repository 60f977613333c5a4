//! How does a tester steer the simulator?
//!
//! All paths need the token in `x-simulator-token`:
//! - `POST /_simulator/faults` scripts a fault, `DELETE` forgets all of them;
//! - `GET /_simulator/requests` shows what has arrived, `DELETE` forgets it;
//! - `PUT /_simulator/account` changes an account: `client_id` (default: the first one), `minutes`,
//!   `rates` (`published` or `off`), `deactivate_key`, `activate_key`; it answers with the balance.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::KeyState;
use super::answer::Rejection;
use super::faults::Script;
use super::settings::{MILLIS_PER_MINUTE, Rates};
use super::world::{State, World};
use crate::key::KeyDigest;

/// What all control paths start with.
pub(crate) const PREFIX: &str = "/_simulator/";
const TOKEN_HEADER: &str = "x-simulator-token";

// No Debug: it carries keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    client_id: Option<String>,
    minutes: Option<f64>,
    rates: Option<Rates>,
    deactivate_key: Option<String>,
    activate_key: Option<String>,
}

/// Answers a request to a control path.
pub(crate) fn answer(
    world: &World,
    head: &Parts,
    body: &Result<Bytes, Rejection>,
) -> (StatusCode, Value) {
    if !may_steer(world, &head.headers) {
        return refusal(StatusCode::FORBIDDEN, "x-simulator-token is missing or wrong");
    }
    let Ok(body) = body else {
        return refusal(StatusCode::BAD_REQUEST, "the body is too large or broke off");
    };
    let mut state = world.state();
    let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    match (head.method.as_str(), path) {
        ("POST", "faults") => add_fault(&mut state, body),
        ("DELETE", "faults") => {
            state.scripts.clear();
            (StatusCode::OK, json!({ "scripts": 0 }))
        }
        ("GET", "requests") => (StatusCode::OK, state.journal.show()),
        ("DELETE", "requests") => {
            state.journal.clear();
            (StatusCode::OK, state.journal.show())
        }
        ("PUT", "account") => {
            world.settle(&mut state);
            change_account(&mut state, body).unwrap_or_else(|(status, text)| refusal(status, &text))
        }
        _ => refusal(StatusCode::NOT_FOUND, "no such control path"),
    }
}

fn may_steer(world: &World, headers: &HeaderMap) -> bool {
    let sent = headers.get(TOKEN_HEADER).map(|token| KeyDigest::of(token.as_bytes()));
    matches!((&world.token, sent), (Some(token), Some(sent)) if token.matches(&sent))
}

fn refusal(status: StatusCode, text: &str) -> (StatusCode, Value) {
    (status, json!({ "error": { "message": text, "code": status.as_u16() } }))
}

fn add_fault(state: &mut State, body: &[u8]) -> (StatusCode, Value) {
    match Script::read(body).map(|script| state.scripts.add(script)) {
        Err(text) => refusal(StatusCode::BAD_REQUEST, &text),
        Ok(true) => (StatusCode::CREATED, json!({ "scripts": state.scripts.len() })),
        Ok(false) => refusal(StatusCode::BAD_REQUEST, "too many scripts are waiting"),
    }
}

fn change_account(
    state: &mut State,
    body: &[u8],
) -> Result<(StatusCode, Value), (StatusCode, String)> {
    let change: Change = serde_json::from_slice(body)
        .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    let meant = |client_id: &str| change.client_id.as_ref().is_none_or(|id| id == client_id);
    let account = state.accounts.iter_mut().find(|account| meant(&account.client_id));
    let account = account.ok_or((StatusCode::NOT_FOUND, "no such account".to_owned()))?;
    let keys =
        [(change.deactivate_key, KeyState::Deactivated), (change.activate_key, KeyState::Active)];
    for (key, key_state) in keys {
        if key.is_some_and(|key| !state.keys.change(key.as_bytes(), key_state)) {
            return Err((StatusCode::NOT_FOUND, "no such key".to_owned()));
        }
    }
    if let Some(minutes) = change.minutes {
        // Saturates: no balance of the real world comes near the edges.
        account.balance_millis = (minutes * MILLIS_PER_MINUTE as f64).round() as i64;
    }
    account.rates = change.rates.unwrap_or(account.rates);
    let balance = json!({
        "client_id": account.client_id, "balance_millis": account.balance_millis,
    });
    Ok((StatusCode::OK, balance))
}
