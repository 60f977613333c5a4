//! Which thresholds were crossed since they were last looked at?

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::counts::Counts;
use super::message::body;
use super::worker::Setup;
use crate::quota::{Budget, Level, Webhook, crossed, levels};
use crate::records::{
    Alert, AlertOf, AlertState, Moment, Payer, Records, Store, Stored, Unavailable,
};

/// How often it is asked whether anything was written; the records themselves are read only then.
const EVERY: Duration = Duration::from_secs(1);
/// Payers that are looked at in one turn of the reading thread: others come between.
const AT_ONCE: usize = 8;
/// Alerts of one webhook that wait at most. A receiver that takes none for so long gets no more.
const WAITING: usize = 1000;

/// Looks again and again, and wakes those who send.
pub(super) async fn watch(
    records: &Records,
    setup: &Arc<Setup>,
    clock: fn() -> Moment,
    wake: &[Arc<Notify>],
    counts: &Counts,
) {
    let mut seen = None;
    loop {
        let (_, written) = records.commits();
        if seen != Some(written) {
            match look(records, setup, clock(), counts).await {
                Ok(0) => seen = Some(written),
                Ok(_) => {
                    seen = Some(written);
                    wake.iter().for_each(|sender| sender.notify_one());
                }
                // The next look finds the same.
                Err(Unavailable) => {}
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Looks at everybody once, and keeps what is to be told; how much that is.
async fn look(
    records: &Records,
    setup: &Arc<Setup>,
    now: Moment,
    counts: &Counts,
) -> Result<usize, Unavailable> {
    let payers = setup.quota.tenants.len() + 1;
    let mut found = Vec::new();
    for first in (0..payers).step_by(AT_ONCE) {
        let setup = Arc::clone(setup);
        let read = move |store: &mut dyn Store| -> Stored<Vec<Alert>> {
            let mut found = Vec::new();
            for place in first..payers.min(first + AT_ONCE) {
                new_of(store, &setup, place, now, &mut found)?;
            }
            Ok(found)
        };
        found.extend(records.read(read).await?);
    }
    if found.is_empty() {
        return Ok(0);
    }
    let count = found.len();
    let write = move |store: &mut dyn Store| -> Stored<Vec<Arc<str>>> {
        let mut refused = Vec::new();
        for mut alert in found {
            let full = store.pending_alerts(&alert.of.webhook, WAITING)?.len() == WAITING;
            if full && alert.state == AlertState::Pending {
                (alert.state, alert.closed) = (AlertState::Failed, Some(now));
                refused.push(Arc::clone(&alert.of.webhook));
            }
            store.put_alert(&alert)?;
        }
        Ok(refused)
    };
    for webhook in records.write(write).await? {
        tracing::error!(webhook = &*webhook, "too many alerts wait for it: one is not sent");
        counts.change(&webhook, |count| count.failed += 1);
    }
    Ok(count)
}

/// What is new about one payer: the tenants in their order, and then the account.
fn new_of(
    store: &mut dyn Store,
    setup: &Setup,
    place: usize,
    now: Moment,
    found: &mut Vec<Alert>,
) -> Stored<()> {
    let (payer, budget): (Payer, &Budget) = match setup.quota.tenants.get(place) {
        Some(tenant) => (Payer::Tenant(Arc::clone(&tenant.id)), &tenant.budget),
        None => (Payer::Account, &setup.quota.account),
    };
    if !setup.webhooks.iter().any(|webhook| webhook.about.covers(&payer)) {
        return Ok(());
    }
    for level in levels(store, &payer, budget, &setup.contract, now)? {
        for webhook in setup.webhooks.iter().filter(|webhook| webhook.about.covers(&payer)) {
            found.extend(new_at(store, webhook, &payer, &level, now)?);
        }
    }
    Ok(())
}

fn new_at(
    store: &mut dyn Store,
    webhook: &Webhook,
    payer: &Payer,
    level: &Level,
    now: Moment,
) -> Stored<Vec<Alert>> {
    let percent = level.percent();
    // Mostly nothing is crossed, and then nothing is looked up.
    if webhook.thresholds.iter().all(|threshold| *threshold > percent) {
        return Ok(Vec::new());
    }
    let of = |threshold| AlertOf {
        webhook: Arc::clone(&webhook.name),
        payer: payer.clone(),
        meter: level.meter.clone(),
        period: level.period(),
        threshold,
    };
    let known = store.known_thresholds(&of(0))?;
    let Some((told, passed)) = crossed(level, &webhook.thresholds, &known) else {
        return Ok(Vec::new());
    };
    let alert = |threshold, state, closed| {
        let of = of(threshold);
        let body = body(&of, level, now).into();
        Alert { of, state, found: now, tried: 0, closed, body }
    };
    let passed = passed.into_iter().map(|one| alert(one, AlertState::Passed, Some(now)));
    Ok(passed.chain([alert(told, AlertState::Pending, None)]).collect())
}
