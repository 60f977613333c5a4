//! How does a browser sign in and out?

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{COOKIE as COOKIES, HeaderMap, HeaderValue, SET_COOKIE};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::Body;
use crate::admin::access::{COOKIE, Caller, Viewer, known};
use crate::admin::console::Console;
use crate::peer::Peer;
use crate::secret::Secret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    token: String,
}

/// Who is signed in.
pub(super) async fn show(Viewer(caller): Viewer) -> Json<Value> {
    Json(shown(&caller))
}

fn shown(caller: &Caller) -> Value {
    json!({ "name": &*caller.name, "role": caller.role.as_str() })
}

/// Exchanges a token for a cookie.
pub(super) async fn open(
    State(console): State<Console>,
    peer: Option<Extension<Peer>>,
    Body(SignIn { token }): Body<SignIn>,
) -> Result<Response, Problem> {
    let token = Secret::new(&token);
    let settings = console.view().settings;
    let tokens = &settings.admin.tokens;
    if tokens.is_empty() {
        return Err(Problem::no_tokens());
    }
    let peer = peer.map(|Extension(peer)| peer).unwrap_or_default();
    let found = known(&console, tokens, token.expose(), peer)?;
    let id = console.sessions().open(&found.name).map_err(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the system has no random numbers now")
    })?;
    let secure = if console.is_tls() { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}", &**id);
    let shown = json!({ "name": &*found.name, "role": found.role.as_str() });
    answer(&cookie, shown)
}

/// Ends the session.
pub(super) async fn close(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    for cookies in headers.get_all(COOKIES) {
        let pairs = cookies.to_str().unwrap_or_default().split(';');
        for (name, id) in pairs.filter_map(|cookie| cookie.trim().split_once('=')) {
            if name == COOKIE {
                console.sessions().close(id);
            }
        }
    }
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    answer(&cookie, json!({ "signed_out": true }))
}

fn answer(cookie: &str, body: Value) -> Result<Response, Problem> {
    let mut cookie = HeaderValue::from_str(cookie)
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no cookie could be made"))?;
    cookie.set_sensitive(true);
    let mut response = Json(body).into_response();
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}
