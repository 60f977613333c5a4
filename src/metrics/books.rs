//! How do the durable limits stand, and what is not settled?
//!
//! Balances are in the records, and a scrape has to be cheap for whoever else reads there. So they are
//! read only when a scrape asks and something was written since the last one, a few tenants in each
//! turn of the reading thread; and a scrape that would wait for too long tells what the last one knew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::quota::{Quotas, Standing, standing};
use crate::records::{Moment, Payer, Store, Stored, Unavailable, Unclosed};

/// How long a scrape waits for the records: scrapers give up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(1);
/// Payers that are looked at in one turn of the reading thread: others come between.
const AT_ONCE: usize = 25;
/// How old a look may be at which nothing was written since: months end also where nobody calls.
const FRESH: Duration = Duration::from_secs(60);

/// What the records said at one moment.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// When; `None`: not yet.
    pub(super) read: Option<Moment>,
    pub(super) tenants: Vec<(Arc<str>, Standing)>,
    pub(super) account: Option<Standing>,
    pub(super) unclosed: Vec<Unclosed>,
}

/// The last look, and the one who looks.
#[derive(Debug, Default)]
pub(super) struct Books {
    known: Mutex<Arc<Book>>,
    /// One look at a time, however many scrape.
    turn: tokio::sync::Mutex<Option<Look>>,
}

/// What a look has seen all of.
#[derive(Debug)]
struct Look {
    quotas: Arc<Quotas>,
    deadline: Duration,
    written: u64,
    elsewhere: u64,
    at: Moment,
}

impl Books {
    /// What the records say now, or said when they last answered.
    pub(super) async fn look(&self, quotas: &Arc<Quotas>, deadline: Duration) -> Arc<Book> {
        // What fails is in the log, and shows in the time of the last look.
        let _ = timeout(PATIENCE, self.renew(quotas, deadline)).await;
        self.known()
    }

    /// What the last look said.
    pub(super) fn known(&self) -> Arc<Book> {
        Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn renew(&self, quotas: &Arc<Quotas>, deadline: Duration) -> Result<(), Unavailable> {
        let mut turn = self.turn.lock().await;
        let records = quotas.records();
        let look = Look {
            quotas: Arc::clone(quotas),
            deadline,
            // Before the look: what is written meanwhile is looked at again.
            written: records.commits().1,
            elsewhere: *records.foreign_changes().borrow(),
            at: quotas.now(),
        };
        if turn.as_ref().is_some_and(|last| last.holds(&look)) {
            return Ok(());
        }
        let book = Arc::new(look.read().await?);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = book;
        *turn = Some(look);
        Ok(())
    }
}

impl Look {
    /// Whether another look would see the same.
    fn holds(&self, new: &Self) -> bool {
        Arc::ptr_eq(&self.quotas, &new.quotas)
            && self.deadline == new.deadline
            && (self.written, self.elsewhere) == (new.written, new.elsewhere)
            && self.at <= new.at
            && self.at.until(new.at) < FRESH
    }

    async fn read(&self) -> Result<Book, Unavailable> {
        let (records, now) = (self.quotas.records(), self.at);
        let payers = self.quotas.plan().tenants().len() + 1;
        let mut standings = Vec::with_capacity(payers);
        for first in (0..payers).step_by(AT_ONCE) {
            let quotas = Arc::clone(&self.quotas);
            let read = move |store: &mut dyn Store| -> Stored<Vec<Standing>> {
                let places = first..payers.min(first + AT_ONCE);
                places.map(|place| of(store, &quotas, place, now)).collect()
            };
            standings.extend(records.read(read).await?);
        }
        let age = i64::try_from(self.deadline.as_millis()).unwrap_or(i64::MAX);
        let deadline = Moment(now.0.saturating_sub(age));
        let unclosed = records.read(move |store| store.unclosed(deadline)).await?;
        let account = standings.pop();
        let tenants = self.quotas.plan().tenants().iter().map(|tenant| Arc::clone(&tenant.id));
        Ok(Book { read: Some(now), tenants: tenants.zip(standings).collect(), account, unclosed })
    }
}

/// How one payer stands: the tenants in their order, and then the account.
fn of(store: &mut dyn Store, quotas: &Quotas, place: usize, now: Moment) -> Stored<Standing> {
    let plan = quotas.plan();
    let (payer, budget) = match plan.tenant(place) {
        Some(tenant) => (Payer::Tenant(Arc::clone(&tenant.id)), &tenant.budget),
        None => (Payer::Account, plan.account()),
    };
    standing(store, &payer, budget, quotas.contract(), now)
}
