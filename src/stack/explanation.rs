//! How does an explanation read?

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::contract::Endpoint;
use crate::rate::{Enforcement, LimitState};
use crate::rate_limit::Exceeded;
use crate::records::{Limit, Moment};
use crate::refusal::Refusal;
use crate::validate::Judgement;

/// When somebody who refuses would not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mended {
    /// With time.
    At(Moment),
    /// When the request, the key or the limit has changed.
    ByChange,
}

/// What is found out about a request, in the order of the rooms that would refuse it.
#[derive(Debug)]
pub(super) struct Explanation {
    now: Moment,
    told: Value,
    limits: Vec<Value>,
    refused: Vec<(Refusal, Mended)>,
    /// Refusals of limits that are not enforced.
    shadow: Vec<Refusal>,
}

impl Explanation {
    pub(super) fn new(now: Moment) -> Self {
        let told = json!({ "as_of": now.to_string() });
        Self { now, told, limits: Vec::new(), refused: Vec::new(), shadow: Vec::new() }
    }

    pub(super) fn refuse(&mut self, refusal: Refusal, mended: Mended) {
        self.refused.push((refusal, mended));
    }

    pub(super) fn shadow(&mut self, refusal: Refusal) {
        self.shadow.push(refusal);
    }

    pub(super) fn key(&mut self, tenant: &str, key: &str, expires: Option<SystemTime>) {
        let expires = expires.map(|expires| {
            let since = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Moment(0).later(since).to_string()
        });
        self.told["key"] = json!({ "tenant": tenant, "id": key, "expires": expires });
    }

    /// The endpoint that is not there.
    pub(super) fn unknown_endpoint(&mut self, path: &str, refusal: Refusal) {
        let meant = match &refusal {
            Refusal::UnknownEndpoint { meant } => meant.as_deref(),
            _ => None,
        };
        // As long as any path that could be meant.
        let path: String = path.chars().take(256).collect();
        self.told["endpoint"] = json!({ "path": path, "known": false, "meant": meant });
        self.refuse(refusal, Mended::ByChange);
    }

    pub(super) fn endpoint(&mut self, endpoint: &Endpoint, allowed: bool) {
        self.told["endpoint"] = json!({
            "path": &*endpoint.path,
            "method": endpoint.method.as_str(),
            "known": true,
            "allowed": allowed,
        });
        if !allowed {
            self.refuse(Refusal::EndpointNotAllowed, Mended::ByChange);
        }
    }

    /// A rate, as it stands before the call.
    pub(super) fn rate(
        &mut self,
        endpoint: &Endpoint,
        enforcement: Enforcement,
        asked: Result<LimitState, Exceeded>,
        refusal: impl FnOnce(Exceeded, &Endpoint) -> Refusal,
    ) {
        let state = match &asked {
            Ok(after) => LimitState { remaining: after.remaining + 1, ..after.clone() },
            Err(exceeded) => exceeded.state.clone(),
        };
        let policy = &state.policy;
        let own = *policy.name == *endpoint.path.trim_start_matches('/');
        let limit = if own { Limit::Rate((*endpoint.path).into()) } else { Limit::Total };
        let passes_after = asked.as_ref().err().map(|exceeded| exceeded.retry_after);
        self.limits.push(json!({
            "limit": limit,
            "of": "tenant",
            "enforced": enforcement.is_enforced(),
            "per_minute": policy.rate.per_minute,
            "burst": policy.rate.burst,
            "remaining": state.remaining,
            "would_pass": asked.is_ok(),
            "passes_after_seconds": passes_after.map(|wait| wait.as_secs_f64()),
        }));
        if let Err(exceeded) = asked {
            let mended = self.after(exceeded.retry_after);
            let refusal = refusal(exceeded, endpoint);
            match enforcement {
                Enforcement::Enforced => self.refuse(refusal, mended),
                Enforcement::Shadow => self.shadow(refusal),
            }
        }
    }

    /// The body, and the ids in it that the tenant may not name.
    pub(super) fn body(&mut self, judged: Judgement, ids: Vec<(Box<str>, Refusal)>) {
        let faults = judged.faults.iter().chain(&ids);
        let shown = |(field, refusal): &(Box<str>, Refusal)| {
            let field = (!field.is_empty()).then_some(&**field);
            json!({ "field": field, "reason": refusal.reason(), "message": refusal.message(),
                "hint": refusal.hint() })
        };
        self.told["body"] = json!({
            "valid": judged.faults.is_empty() && ids.is_empty(),
            "violations": faults.map(shown).collect::<Vec<_>>(),
            "more_violations": judged.more,
            "unchecked_fields": judged.unchecked,
        });
        for (_, refusal) in judged.faults.into_iter().chain(ids) {
            self.refuse(refusal, Mended::ByChange);
        }
    }

    /// The limits of the ledger.
    pub(super) fn ledger(&mut self, limits: Vec<Value>, reserves: Vec<Value>) {
        self.limits.extend(limits);
        self.told["would_reserve"] = Value::Array(reserves);
    }

    /// All of it, with the verdict.
    pub(super) fn finish(self) -> Value {
        let Self { mut told, limits, refused, shadow, .. } = self;
        let could_pass_at = could_pass_at(&refused);
        let mut refusals: Vec<_> = refused.iter().map(|(refusal, _)| shown(refusal)).collect();
        refusals.dedup();
        told["limits"] = Value::Array(limits);
        told["would_pass"] = json!(refusals.is_empty());
        told["refusal"] = refusals.first().cloned().unwrap_or_default();
        told["could_pass_at"] = json!(could_pass_at.map(|at| at.to_string()));
        told["all_refusals"] = Value::Array(refusals);
        told["not_enforced"] = shadow.iter().map(shown).collect();
        told
    }

    fn after(&self, wait: Duration) -> Mended {
        // Rounded up to the second that the moment is written in.
        Mended::At(self.now.later(wait + Duration::from_secs(1)))
    }
}

/// When nobody refuses any more; `None`: time alone does not do it, or nobody does now.
fn could_pass_at(refused: &[(Refusal, Mended)]) -> Option<Moment> {
    let moments = refused.iter().map(|(_, mended)| match mended {
        Mended::At(moment) => Some(*moment),
        Mended::ByChange => None,
    });
    moments.collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn shown(refusal: &Refusal) -> Value {
    json!({
        "status": refusal.status().as_u16(),
        "reason": refusal.reason(),
        "message": refusal.message(),
        "hint": refusal.hint(),
        "retry_after_seconds": refusal.retry_after().map(|wait| wait.as_secs_f64()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_could_pass_when_the_last_of_those_who_refuse_would_let_it() {
        let at = |seconds| Mended::At(Moment(seconds));
        let refusal = || Refusal::MinutesExhausted;
        assert_eq!(could_pass_at(&[]), None);
        assert_eq!(could_pass_at(&[(refusal(), at(5)), (refusal(), at(7))]), Some(Moment(7)));
        assert_eq!(could_pass_at(&[(refusal(), at(5)), (refusal(), Mended::ByChange)]), None);
    }
}
