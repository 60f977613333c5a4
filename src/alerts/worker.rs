//! The worker: one watch, and one sender per webhook.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::counts::Counts;
use super::send::Sender;
use super::watch::watch as look_again;
use crate::contract::Contract;
use crate::quota::{self, Webhook};
use crate::records::{Moment, Records};

/// What the worker works with.
#[derive(Debug)]
pub struct Setup {
    /// Which endpoints have months.
    pub contract: Arc<Contract>,
    /// The limits that hold now.
    pub quota: quota::Settings,
    /// Who is told.
    pub webhooks: Vec<Webhook>,
}

/// The worker.
#[derive(Debug)]
pub struct Alerter {
    records: Records,
    setups: watch::Receiver<Arc<Setup>>,
    clock: fn() -> Moment,
    counts: Counts,
}

impl Alerter {
    /// Watches these records; a new setup takes effect at once.
    pub fn new(
        records: Records,
        setups: watch::Receiver<Arc<Setup>>,
        clock: fn() -> Moment,
        counts: Counts,
    ) -> Self {
        Self { records, setups, clock, counts }
    }

    /// Works until it is dropped, or nobody can change its setup any more.
    pub async fn run(mut self) {
        loop {
            let setup = Arc::clone(&self.setups.borrow_and_update());
            let mut senders = JoinSet::new();
            let wake = self.start(&setup, &mut senders);
            let watching = async {
                if wake.is_empty() {
                    return std::future::pending().await;
                }
                look_again(&self.records, &setup, self.clock, &wake, &self.counts).await;
            };
            let changed = match select(pin!(watching), pin!(self.setups.changed())).await {
                Either::Left(_) => return,
                Either::Right((changed, _)) => changed,
            };
            // With the senders an attempt may end half way: it is made again.
            drop(senders);
            if changed.is_err() {
                return;
            }
        }
    }

    fn start(&self, setup: &Setup, senders: &mut JoinSet<()>) -> Vec<Arc<Notify>> {
        let mut wake = Vec::new();
        for webhook in &setup.webhooks {
            let (records, counts) = (self.records.clone(), self.counts.clone());
            match Sender::new(webhook, records, self.clock, counts) {
                Ok(sender) => {
                    let notify = Arc::new(Notify::new());
                    senders.spawn(sender.run(Arc::clone(&notify)));
                    wake.push(notify);
                }
                Err(error) => {
                    let webhook = &*webhook.name;
                    tracing::error!(webhook, %error, "this webhook cannot be told anything");
                }
            }
        }
        wake
    }
}
