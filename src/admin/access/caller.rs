//! Whose token is it?

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, COOKIE as COOKIES};
use http::request::Parts;

use super::session::COOKIE;
use crate::admin::api::Problem;
use crate::admin::console::Console;
use crate::config::{AdminToken, Role};
use crate::key::KeyDigest;
use crate::peer::Peer;

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) struct Caller {
    /// The token's name.
    pub(in crate::admin) name: Arc<str>,
    pub(in crate::admin) role: Role,
}

impl Caller {
    /// As the audit log has it.
    pub(in crate::admin) fn who(&self) -> Arc<str> {
        format!("token:{}", self.name).into()
    }

    fn of(token: &AdminToken) -> Self {
        Self { name: Arc::clone(&token.name), role: token.role }
    }
}

/// Anybody with a token.
pub(in crate::admin) struct Viewer(pub(in crate::admin) Caller);

/// Somebody who may change something.
pub(in crate::admin) struct Operator(pub(in crate::admin) Caller);

impl FromRequestParts<Console> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Problem> {
        caller(parts, console).map(Viewer)
    }
}

impl FromRequestParts<Console> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Problem> {
        let caller = caller(parts, console)?;
        match caller.role {
            Role::Operator => Ok(Self(caller)),
            Role::Viewer => Err(Problem::viewer()),
        }
    }
}

fn caller(parts: &Parts, console: &Console) -> Result<Caller, Problem> {
    let settings = console.view().settings;
    let tokens = &settings.admin.tokens;
    if tokens.is_empty() {
        return Err(Problem::no_tokens());
    }
    if let Some(given) = parts.headers.get(AUTHORIZATION) {
        let given = given.to_str().ok().and_then(|given| given.split_once(' '));
        let token = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else { return Err(Problem::no_bearer()) };
        let peer = parts.extensions.get::<Peer>().copied().unwrap_or_default();
        return known(console, tokens, token.trim(), peer).map(Caller::of);
    }
    let session = parts.headers.get_all(COOKIES).iter().find_map(|cookies| {
        let cookies = cookies.to_str().ok()?.split(';');
        let mut pairs = cookies.filter_map(|cookie| cookie.trim().split_once('='));
        pairs.find(|(name, _)| *name == COOKIE).map(|(_, id)| id)
    });
    let Some(session) = session else { return Err(Problem::no_token()) };
    let holder = console.sessions().holder(session);
    // A token that is gone from the configuration takes its sessions with it.
    let token = tokens.iter().find(|token| holder.as_deref() == Some(&*token.name));
    token.map(Caller::of).ok_or_else(Problem::no_session)
}

/// The token with this text. Wrong ones are throttled by address, right ones never.
pub(in crate::admin) fn known<'t>(
    console: &Console,
    tokens: &'t [AdminToken],
    text: &str,
    peer: Peer,
) -> Result<&'t AdminToken, Problem> {
    let digest = KeyDigest::of(text.as_bytes());
    let mut found = None;
    // All are compared, whichever it is.
    for token in tokens {
        if token.digest.matches(&digest) {
            found = Some(token);
        }
    }
    found.ok_or_else(|| match console.throttle().count(peer) {
        Ok(()) => Problem::wrong_token(),
        Err(wait) => Problem::throttled(wait),
    })
}
