//! Which objects does the upstream list?

use std::sync::Arc;

use heify_gateway::contract::{Contract, Endpoint, Kind};
use heify_gateway::isolate::listed;
use heify_gateway::refusal::is_envelope;
use heify_gateway::upstream::{Settings, Upstream};
use serde_json::json;

use super::Objects;
use super::pages::signs_of_more;
use crate::cli::beside::Trouble;
use crate::cli::call::{NoAnswer, call, upstream};

const ASKED_ONCE: &str = "each list was asked for once, since Heify publishes no paging: what an \
                          answer does not show can be adopted by its id";

/// Larger than what the gateway itself would read for a tenant: this is done rarely, and by operators.
const LARGEST: usize = 256 << 20;

/// Asks every endpoint that lists, or those of one kind. Nothing is found where one does not answer.
/// Also gives what operators should know of the lists.
pub(super) fn find(
    settings: &Settings,
    contract: &Contract,
    kind: Option<&str>,
) -> Result<(Objects, Vec<String>), Trouble> {
    let is_asked = |endpoint: &&Arc<Endpoint>| {
        let object = endpoint.effect.object.as_deref();
        let is_meant = kind.is_none_or(|kind| object == Some(kind));
        endpoint.effect.kind == Kind::Lists && object.is_some() && is_meant
    };
    let asked: Vec<_> = contract.endpoints().iter().filter(is_asked).collect();
    if asked.is_empty() {
        let text = "the contract has no endpoint that lists such objects: give their ids";
        return Err(Trouble::Refused(text.to_owned()));
    }
    let upstream = upstream(settings).map_err(|error| Trouble::Refused(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let mut objects = Objects::new();
        let mut notes = vec![ASKED_ONCE.to_owned()];
        for endpoint in asked {
            let (ids, signs) = list(&upstream, endpoint, contract).await?;
            notes.extend((!signs.is_empty()).then(|| {
                let (path, shown, signs) = (&endpoint.path, ids.len(), signs.join(", "));
                format!(
                    "{path}: more than the {shown} shown may be there, see {signs} in its answer"
                )
            }));
            let kind = Arc::from(endpoint.effect.object.as_deref().unwrap_or_default());
            objects.entry(kind).or_default().extend(ids);
        }
        Ok((objects, notes))
    });
    // A resolver that still waits on another thread must not hold up the end.
    runtime.shutdown_background();
    found
}

async fn list(
    upstream: &Upstream,
    endpoint: &Endpoint,
    contract: &Contract,
) -> Result<(Vec<uuid::Uuid>, Vec<String>), Trouble> {
    let path = &endpoint.path;
    let refused = |text: &str| Trouble::Refused(format!("{path}: {text}; nothing was adopted"));
    if endpoint.body.as_ref().is_some_and(|body| body.check(&json!({})).is_err()) {
        return Err(refused("cannot be asked without fields: give --kind and ids"));
    }
    let answer = call(upstream, &endpoint.method, path, "{}", LARGEST).await;
    let (status, body) = answer.map_err(|error| match error {
        NoAnswer::Late { .. } | NoAnswer::Unreachable { .. } => {
            Trouble::Unreachable(error.to_string())
        }
        NoAnswer::Broken { .. } | NoAnswer::NoPath => refused(&error.to_string()),
    })?;
    let body = body.ok_or_else(|| refused("the answer breaks off, or is too large"))?;
    if !status.is_success() {
        let envelope = if is_envelope(&body) { "" } else { " without Heify's envelope" };
        return Err(refused(&format!("the upstream answers {}{envelope}", status.as_u16())));
    }
    let ids = listed(endpoint, contract, &body).map_err(|problem| {
        refused(&format!(
            "the list is not recognized ({problem}); x-gateway-answer can describe it"
        ))
    })?;
    let signs = signs_of_more(&body, ids.len());
    Ok((ids, signs))
}
