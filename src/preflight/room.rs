//! What does the room know, shared by all threads?

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::look::look;
use super::outcome::{Counts, Outcome};
use super::rule::{Found, judge};
use super::secure::Tls;
use super::{Resolver, Settings};
use crate::budget::{Budget, Hold};
use crate::upstream::UpstreamError;

/// All preflights of one configuration. Built anew by a reload; those on their way stay counted.
#[derive(Debug)]
pub struct Preflights {
    pub(super) settings: Settings,
    pub(super) tls: Result<Tls, String>,
    /// Preflights on their way, each counted as one.
    on_their_way: Arc<Budget>,
    counts: Arc<Counts>,
}

impl Preflights {
    /// Builds the room for so many tenants.
    pub fn new(
        settings: Settings,
        tenants: usize,
        counts: Arc<Counts>,
        previous: Option<&Self>,
    ) -> Self {
        let (all, each) = (settings.at_once, settings.tenant_at_once);
        let on_their_way = match previous {
            Some(previous) => previous.on_their_way.renewed(all, each, tenants),
            None => Budget::new(all, each, tenants),
        };
        let tls = Tls::new(None).map_err(|error| error.to_string());
        Self { settings, tls, on_their_way: Arc::new(on_their_way), counts }
    }

    /// Whether it can do what it is for.
    ///
    /// # Errors
    /// [`UpstreamError::Roots`] when there is no way to speak TLS.
    pub fn usable(&self) -> Result<(), UpstreamError> {
        self.tls.as_ref().map(|_| ()).map_err(|error| UpstreamError::Roots(error.clone()))
    }

    pub(super) fn tls(&self) -> Result<&Tls, Outcome> {
        self.tls.as_ref().map_err(|_| Outcome::Unreachable)
    }

    /// For how long it may hold up a call.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn resolver(&self) -> &Resolver {
        &self.settings.resolver
    }

    /// Looks at what a tenant's URL leads to, and tells how that ended; with the length of the audio
    /// where it is known.
    pub(super) async fn look(&self, url: &str, tenant: usize) -> (Outcome, Option<Duration>) {
        let (outcome, length) = match self.found(url, tenant).await {
            Ok(found) => {
                let length = found.length.map(|length| length.duration());
                let passed = if length.is_some() { Outcome::Measured } else { Outcome::Passed };
                (judge(&found).err().unwrap_or(passed), length)
            }
            Err(outcome) => (outcome, None),
        };
        self.counts.count(outcome);
        (outcome, length)
    }

    async fn found(&self, url: &str, tenant: usize) -> Result<Found, Outcome> {
        let mut hold = Hold::new(&self.on_their_way, tenant);
        hold.add(1).map_err(|_| Outcome::Busy)?;
        let hold = Arc::new(hold);
        timeout(self.settings.timeout, look(self, url, &hold)).await.unwrap_or(Err(Outcome::Slow))
    }
}
