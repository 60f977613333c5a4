//! What does the admin API know of the running gateway, and how does it tell it something?

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot, watch};

use super::access::Sessions;
use super::operate::{Act, Declined, within};
use crate::authenticate::Throttle;
use crate::config::Settings;
use crate::contract::Contract;
use crate::rate::Rate;
use crate::records::{LONGEST_WAIT, Moment, Override, Records, Store, Stored, Unavailable};
use crate::traffic::Traffic;

/// How many orders may wait.
const ORDERS: usize = 16;
/// Wrong tokens per address that are looked at, per minute.
const WRONG_TOKENS: u32 = 10;

/// The configuration in use, as the gateway tells it.
#[derive(Debug, Clone)]
pub struct View {
    /// What the file says, without changed limits and issued keys.
    pub settings: Arc<Settings>,
    /// The contract in use.
    pub contract: Arc<Contract>,
    /// The limits that operators have changed.
    pub overrides: Arc<[Override]>,
    /// How often a configuration was loaded, from 1: explanations name it.
    pub version: u64,
    /// When it was loaded.
    pub loaded: Moment,
}

/// What the admin API asks of the running gateway.
#[derive(Debug)]
pub enum Order {
    /// Read the configuration again.
    Reload(oneshot::Sender<Result<Reloaded, Vec<String>>>),
    /// Put keys and limits to use that were changed in the records.
    Renew(oneshot::Sender<()>),
    /// Show or change what is logged: the filter afterwards, or why it cannot be.
    LogLevel(Option<String>, oneshot::Sender<Result<String, String>>),
}

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// As in [`View::version`].
    pub version: u64,
    /// The keys whose change needs a restart.
    pub restart: Vec<String>,
    /// What is allowed, but perhaps not meant.
    pub warnings: Vec<String>,
}

/// Where the orders arrive.
pub type Orders = mpsc::Receiver<Order>;

/// All that the admin API works with. A cheap handle: clones are the same console.
#[derive(Debug, Clone)]
pub struct Console(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    view: watch::Receiver<View>,
    records: Option<Records>,
    traffic: Arc<Traffic>,
    orders: mpsc::Sender<Order>,
    sessions: Sessions,
    throttle: Throttle,
    started: Instant,
    /// Whether browsers reach it by TLS only.
    tls: bool,
}

/// Why the running gateway did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the gateway is busy or about to stop")]
pub(super) struct Gone;

impl Console {
    /// Makes one, and the other end of its orders.
    pub fn new(
        view: watch::Receiver<View>,
        records: Option<Records>,
        traffic: Arc<Traffic>,
        tls: bool,
    ) -> (Self, Orders) {
        let (orders, arriving) = mpsc::channel(ORDERS);
        let rate = const { Rate::new(WRONG_TOKENS, WRONG_TOKENS).unwrap() };
        let shared = Shared {
            view,
            records,
            traffic,
            orders,
            sessions: Sessions::new(),
            throttle: Throttle::new(rate),
            started: Instant::now(),
            tls,
        };
        (Self(Arc::new(shared)), arriving)
    }

    pub(super) fn view(&self) -> View {
        self.0.view.borrow().clone()
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub(super) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    pub(super) fn is_tls(&self) -> bool {
        self.0.tls
    }

    pub(super) fn uptime(&self) -> std::time::Duration {
        self.0.started.elapsed()
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.0.traffic
    }

    pub(super) fn records(&self) -> Option<&Records> {
        self.0.records.as_ref()
    }

    /// Reads from the records.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Store, &View) -> Result<T, Declined> + Send + 'static,
    ) -> Result<T, Failure> {
        let (records, view) = (self.0.records.as_ref().ok_or(Failure::NoRecords)?, self.view());
        let read = move |store: &mut dyn Store| -> Stored<_> { within(read(store, &view)) };
        records.read(read).await?.map_err(Failure::Declined)
    }

    /// Changes something in one transaction, and has the gateway use it before it returns.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        who: Arc<str>,
        change: impl FnOnce(&mut dyn Store, &View, &Act) -> Result<T, Declined> + Send + 'static,
    ) -> Result<T, Failure> {
        let (records, view) = (self.0.records.as_ref().ok_or(Failure::NoRecords)?, self.view());
        let act = Act { who, now: Moment::now() };
        let change =
            move |store: &mut dyn Store| -> Stored<_> { within(change(store, &view, &act)) };
        let done = records.write(change).await?.map_err(Failure::Declined)?;
        // Durable it is; a gateway that is about to stop will use it at its next start.
        let _ = self.order(Order::Renew).await;
        Ok(done)
    }

    /// Asks the running gateway.
    pub(super) async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, Gone> {
        let (tell, told) = oneshot::channel();
        let order = order(tell);
        let wait = match order {
            // A new central key may have to be proven first.
            Order::Reload(_) => LONGEST_WAIT + crate::rotate::DEADLINE,
            Order::Renew(_) | Order::LogLevel(..) => LONGEST_WAIT,
        };
        self.0.orders.try_send(order).map_err(|_| Gone)?;
        let told = tokio::time::timeout(wait, told).await;
        told.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}

/// Why nothing was read or changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Declined(Declined),
    #[error(
        "this gateway keeps no records: set url = \"sqlite:///...\" in [records], and restart it"
    )]
    NoRecords,
    #[error("the records do not answer now: look at the gateway's log and its disk")]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Gone(#[from] Gone),
}
