//! How does an alert get to its receiver, however often that fails?

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{Method, Request};
use http_body_util::Full;
use tokio::sync::Notify;

use super::counts::Counts;
use super::message::{ALERT_ID, SIGNATURE, TIMESTAMP, id, signature};
use crate::quota::Webhook;
use crate::records::{Alert, AlertState, Moment, Records, Store};
use crate::secret::Secret;
use crate::upstream::{Breaker, Settings, Upstream, UpstreamError};

/// For one attempt, until the head of the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first wait after a failure, which doubles from one to the next.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// From when on nobody wants to hear of it any more.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);
/// Alerts that are read at once, and as many as are counted as waiting.
const AT_ONCE: usize = 100;
/// Without a word from the watch, how often it is looked for what waits.
const IDLE: Duration = Duration::from_secs(60);
const USER: HeaderValue =
    HeaderValue::from_static(concat!("heify-gateway/", env!("CARGO_PKG_VERSION")));

/// One webhook, with a client of its own.
#[derive(Debug)]
pub(super) struct Sender {
    webhook: Webhook,
    client: Upstream,
    records: Records,
    clock: fn() -> Moment,
    counts: Counts,
}

impl Sender {
    pub(super) fn new(
        webhook: &Webhook,
        records: Records,
        clock: fn() -> Moment,
        counts: Counts,
    ) -> Result<Self, UpstreamError> {
        // Nothing of the upstream but the way to speak HTTP: there is no central key in it.
        let settings = Settings::new(webhook.url.clone(), Secret::new(""));
        let client = Upstream::new(&settings, Arc::new(Breaker::new(Instant::now())))?;
        counts.change(&webhook.name, |_| {});
        Ok(Self { webhook: webhook.clone(), client, records, clock, counts })
    }

    /// Sends what waits, one after the other, until it is dropped.
    pub(super) async fn run(self, wake: Arc<Notify>) {
        let mut failures = 0;
        loop {
            let pending = self.pending().await;
            for alert in &pending {
                if self.send(alert).await {
                    failures = 0;
                } else {
                    // The others would fail, too.
                    failures += 1;
                    break;
                }
            }
            let wait = match (failures, pending.is_empty()) {
                (0, false) => continue,
                (0, true) => {
                    // A word that is missed is made up for by the next look.
                    let _ = tokio::time::timeout(IDLE, wake.notified()).await;
                    continue;
                }
                (failures, _) => wait(failures),
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn pending(&self) -> Vec<Alert> {
        let name = Arc::clone(&self.webhook.name);
        let read = move |store: &mut dyn Store| store.pending_alerts(&name, AT_ONCE);
        let Ok(pending) = self.records.read(read).await else { return Vec::new() };
        let count = pending.len() as u64;
        self.counts.change(&self.webhook.name, |counts| counts.pending = count);
        pending
    }

    /// Tries once, and keeps what came of it; whether that is the end of this alert.
    async fn send(&self, alert: &Alert) -> bool {
        let now = (self.clock)();
        let sent = self.attempt(alert, now).await;
        let mut after = alert.clone();
        if sent {
            (after.state, after.closed) = (AlertState::Sent, Some(now));
        } else {
            after.tried = after.tried.saturating_add(1);
            if alert.found.until(now) >= DEADLINE {
                (after.state, after.closed) = (AlertState::Failed, Some(now));
            }
        }
        let state = after.state;
        let kept = self.records.write(move |store| store.put_alert(&after)).await.is_ok();
        self.counts.change(&self.webhook.name, |counts| {
            counts.sent += u64::from(sent && kept);
            counts.attempts_failed += u64::from(!sent);
            counts.failed += u64::from(state == AlertState::Failed && kept);
            counts.pending -= u64::from(kept && state != AlertState::Pending).min(counts.pending);
        });
        let (webhook, threshold) = (&*self.webhook.name, alert.of.threshold);
        match state {
            AlertState::Sent if kept => tracing::info!(webhook, threshold, "an alert was sent"),
            AlertState::Failed => {
                tracing::error!(webhook, "an alert could not be sent for a day, and is given up");
            }
            AlertState::Sent | AlertState::Pending | AlertState::Passed => {}
        }
        // What is sent and not kept is sent again: its id tells the receiver.
        kept && state != AlertState::Pending
    }

    async fn attempt(&self, alert: &Alert, now: Moment) -> bool {
        let webhook = &*self.webhook.name;
        let Some(request) = self.request(alert, now) else { return false };
        match tokio::time::timeout(PATIENCE, self.client.send(&mut Some(request))).await {
            Ok(Ok(answer)) if answer.status().is_success() => true,
            Ok(Ok(answer)) => {
                let status = answer.status().as_u16();
                tracing::warn!(webhook, status, "an alert was not taken; it is sent again");
                false
            }
            Ok(Err(_)) | Err(_) => {
                // The address may have a secret in it: it is in no log.
                tracing::warn!(webhook, "a webhook cannot be reached; it is tried again");
                false
            }
        }
    }

    fn request(&self, alert: &Alert, now: Moment) -> Option<Request<Full<Bytes>>> {
        let body = Bytes::copy_from_slice(alert.body.as_bytes());
        let timestamp = now.0 / 1000;
        let signature = signature(&self.webhook.secret, timestamp, &body);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.webhook.url.path_and_query()?.clone().into();
        let headers = request.headers_mut();
        headers.insert(HOST, self.client.fields().get(HOST)?.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, USER);
        headers.insert(TIMESTAMP, HeaderValue::from(timestamp));
        headers.insert(SIGNATURE, HeaderValue::try_from(signature).ok()?);
        headers.insert(ALERT_ID, HeaderValue::try_from(id(&alert.of)).ok()?);
        Some(request)
    }
}

/// The wait after so many failures in a row.
fn wait(failures: u32) -> Duration {
    SHORTEST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_double_up_to_five_minutes() {
        let waits: Vec<_> = (1..=11).map(|failures| wait(failures).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(wait(u32::MAX), LONGEST);
    }
}
