//! What would have been refused, if its limit were enforced?

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::{Extensions, Request};

use super::locked;
use crate::observation::Observation;
use crate::rate::LimitState;
use crate::refusal::Refusal;

/// The refusals that a call would have met: a response extension, for whoever counts. Clients do not
/// see it.
#[derive(Debug, Clone, Default)]
pub struct Shadowed(pub Vec<(Refusal, Option<LimitState>)>);

impl Shadowed {
    /// Notes at a request that its answer will carry something.
    pub fn note<A>(request: &Request<A>) {
        if let Some(observation) = request.extensions().get::<Arc<Observation>>() {
            observation.set_shadowed();
        }
    }

    /// Adds to what an answer carries already.
    pub fn add_to(mut self, answer: &mut Extensions) {
        if let Some(Self(inner)) = answer.remove() {
            self.0.extend(inner);
        }
        answer.insert(self);
    }
}

/// How often, by the endpoint's path and the refusal's reason.
#[derive(Debug, Default)]
pub(super) struct Shadows(Mutex<BTreeMap<(Arc<str>, &'static str), u64>>);

impl Shadows {
    pub(super) fn count(&self, endpoint: &Arc<str>, reason: &'static str) {
        *locked(&self.0).entry((Arc::clone(endpoint), reason)).or_default() += 1;
    }

    pub(super) fn read(&self) -> Vec<(Arc<str>, &'static str, u64)> {
        let counted = locked(&self.0);
        counted.iter().map(|((path, reason), count)| (Arc::clone(path), *reason, *count)).collect()
    }
}
