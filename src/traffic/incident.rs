//! Who was refused what, and why?

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use super::locked;
use crate::observation::Observation;
use crate::rate::{Enforcement, LimitState};
use crate::refusal::Refusal;

/// Of one second, so many refusals of one tenant are kept: a part of what there is room for.
const LEAST_A_SECOND: u64 = 5;
pub(super) const MOST_A_SECOND: u64 = 50;
/// How long a refusal can be explained.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// One refusal, as it was answered, or would have been.
#[derive(Debug, Clone)]
pub struct Incident {
    /// When.
    pub at: SystemTime,
    /// `x-request-id`.
    pub request: HeaderValue,
    /// Whose key it was, where it was one: the tenant's id and the key's.
    pub caller: Option<(Arc<str>, Arc<str>)>,
    /// The endpoint's path, where there is one.
    pub endpoint: Option<Arc<str>>,
    /// The status that was answered.
    pub status: u16,
    /// Why.
    pub refusal: Refusal,
    /// The tightest limit, as it stood then.
    pub limit: Option<LimitState>,
    /// The configuration that decided.
    pub version: u64,
    /// Whether the call had been sent to the upstream.
    pub forwarded: bool,
    /// In shadow nothing was refused: it would have been, with this status.
    pub enforcement: Enforcement,
}

impl Incident {
    pub(super) fn new(
        request: &Observation,
        status: u16,
        refusal: &Refusal,
        limit: Option<&LimitState>,
        version: u64,
    ) -> Self {
        let caller = request.caller();
        Self {
            at: SystemTime::now(),
            request: request.request_id.clone(),
            caller: caller.map(|caller| (Arc::clone(&caller.tenant), Arc::clone(&caller.key))),
            endpoint: request.endpoint_path().cloned(),
            status,
            refusal: refusal.clone(),
            limit: limit.cloned(),
            version,
            forwarded: request.is_sent(),
            enforcement: Enforcement::Enforced,
        }
    }

    /// The same, as it did not happen because its limit is not enforced.
    pub(super) fn in_shadow(self) -> Self {
        Self { enforcement: Enforcement::Shadow, ..self }
    }
}

/// The latest refusals of one tenant, so that a flood of one hides nothing of another.
#[derive(Debug, Default)]
pub struct Incidents {
    kept: Mutex<VecDeque<Incident>>,
    /// The second since the start, and in the last 16 bits how many were kept in it.
    pace: AtomicU64,
}

impl Incidents {
    /// Whether one more of this second is kept, of those that hold so many at most. Of a flood the rest
    /// would tell the same, take the place of what was before it, and make each refusal dearer. Two
    /// threads at once may keep one more.
    pub(super) fn admits(&self, second: u64, most: usize) -> bool {
        let pace = self.pace.load(Relaxed);
        let count = if pace >> 16 == second { pace & 0xffff } else { 0 };
        let admits = count < (most as u64 / 4).clamp(LEAST_A_SECOND, MOST_A_SECOND);
        if admits {
            self.pace.store(second << 16 | (count + 1), Relaxed);
        }
        admits
    }

    /// Keeps one, and so many at most.
    pub(super) fn keep(&self, incident: Incident, most: usize) {
        let mut kept = locked(&self.kept);
        while kept.len() >= most.max(1) {
            kept.pop_front();
        }
        kept.push_back(incident);
    }

    /// Finds those that are wanted and not too old, and forgets those that are.
    pub(super) fn collect(
        &self,
        now: SystemTime,
        wanted: &impl Fn(&Incident) -> bool,
        found: &mut Vec<Incident>,
    ) {
        let mut kept = locked(&self.kept);
        let too_old =
            |incident: &Incident| now.duration_since(incident.at).is_ok_and(|age| age > KEPT_FOR);
        while kept.front().is_some_and(too_old) {
            kept.pop_front();
        }
        found.extend(kept.iter().filter(|incident| wanted(incident)).cloned());
    }
}
