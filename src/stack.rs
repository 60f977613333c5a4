//! In which order do the rooms handle a request?
//!
//! Here, and nowhere else, the rooms are put together. Each line of [`Rooms::stack`] gives the reason
//! for its place.

mod asked;
mod explain;
mod explanation;
mod levels;
mod own;
mod uploads;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::task::TaskTracker;
use tower::{Layer, ServiceBuilder};

use crate::authenticate::{self, Authenticate, AuthenticateLayer, Directory, Throttle};
use crate::budget::Budget;
use crate::catch_panic::{CatchPanic, CatchPanicLayer};
use crate::contract::Contract;
use crate::deadline::{Deadline, DeadlineLayer};
use crate::envelope::{Envelope, EnvelopeLayer};
use crate::forward::Forward;
use crate::isolate::{self, Isolate, IsolateLayer, Isolation};
use crate::log::AccessLog;
use crate::observe::{Observe, ObserveLayer};
use crate::overload::{Capacity, Overload, OverloadLayer};
use crate::pace::{self, Pace, PaceLayer, Paces};
use crate::preflight::{self, Preflight, PreflightLayer, Preflights};
use crate::quota::{self, Quota, QuotaLayer, Quotas, Usage};
use crate::rate_limit::{self, RateLimit, RateLimitLayer, Table};
use crate::records::{LONGEST_WAIT, Moment, Records};
use crate::relay::{self, Relay, RelayLayer, Uploaded, Uploads, UploadsLayer};
use crate::route::{Route, RouteLayer};
use crate::trace::Tracer;
use crate::traffic::Traffic;
use crate::upstream::{self, Breaker, Connections, Upstream, UpstreamError};
use crate::validate::{self, Validate, ValidateLayer};

pub use explain::{EXPLAIN, Explain};
pub use levels::Levels;
pub use own::{Own, OwnFuture};

use explain::Explainer;
use levels::Filled;
use own::{Explained, OwnLayer, own_endpoints};
use uploads::{begin_uploads, count_unknown};

/// What all rooms need to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who may call.
    pub authenticate: authenticate::Settings,
    /// How fast; its tenants are those of `authenticate`, in the same order.
    pub rate_limit: rate_limit::Settings,
    /// How large and how slow a body may be.
    pub validate: validate::Settings,
    /// Whether tenants are kept from each other's objects, by the records; `None`: they are not.
    pub isolate: Option<isolate::Settings>,
    /// Whether the files are looked at that requests name; `None`: they are not.
    pub preflight: Option<preflight::Settings>,
    /// How files are passed on to the upstream's storage; `None`: clients put them there themselves.
    /// Without records, too: an upload outlives the answer that announces it.
    pub relay: Option<relay::Settings>,
    /// How much; its tenants are those of `authenticate`, in the same order. Without records nothing
    /// of it is enforced.
    pub quota: quota::Settings,
    /// How fast all tenants together.
    pub pace: pace::Settings,
    /// Where the upstream is.
    pub upstream: upstream::Settings,
    /// Requests between head and answer at once, over all threads.
    pub max_in_flight: usize,
    /// Whom tenants contact on 402 and 500.
    pub contact: Option<Box<str>>,
}

/// The rooms of one configuration, shared by all threads. A reload makes new ones: a request is
/// handled by one configuration from beginning to end.
#[derive(Debug)]
pub struct Rooms {
    contract: Arc<Contract>,
    directory: Arc<Directory>,
    throttle: Option<Arc<Throttle>>,
    limits: Arc<Table>,
    budget: Arc<Budget>,
    capacity: Capacity,
    isolation: Option<Arc<Isolation>>,
    preflights: Option<Arc<Preflights>>,
    /// How preflights ended, since the start.
    looked: Arc<preflight::Counts>,
    quotas: Option<Arc<Quotas>>,
    uploads: Option<Arc<Uploads>>,
    paces: Arc<Paces>,
    breaker: Arc<Breaker>,
    connections: Arc<Connections>,
    tasks: TaskTracker,
    explained: Arc<Explained>,
    contact: Option<Box<str>>,
    validate: Arc<validate::Settings>,
    upstream: upstream::Settings,
    /// Who is told what passes.
    observe: ObserveLayer,
    /// How long a call may wait for the account's rate.
    max_wait: Duration,
}

/// What handles a call that may be made.
type Calls = Validate<Isolate<Preflight<Quota<Relay<Pace<Forward>>>>>>;

/// The whole gateway as one tower service.
pub type Stack = Observe<
    CatchPanic<Envelope<Overload<Uploaded<Deadline<Route<Authenticate<Own<RateLimit<Calls>>>>>>>>>,
>;

impl Rooms {
    /// Builds the rooms; what is to last is kept in `records`. What is counted in `previous` stays
    /// counted: rates whose numbers did not change, wrong keys per address, requests in progress, the
    /// upstream's failures.
    pub fn new(
        settings: Settings,
        contract: Arc<Contract>,
        records: Option<&Records>,
        previous: Option<&Self>,
    ) -> Self {
        let limits = previous.map(|previous| &*previous.limits);
        let limits = Table::new(&settings.rate_limit, &contract, limits);
        let throttle = settings.authenticate.failed_attempts.map(|rate| {
            let kept = previous.and_then(|previous| previous.throttle.clone());
            kept.filter(|kept| kept.rate() == rate).unwrap_or_else(|| Arc::new(Throttle::new(rate)))
        });
        let bounds = &settings.validate;
        let (all, each) = (bounds.bytes_in_flight, bounds.tenant_bytes_in_flight);
        let tenants = settings.authenticate.tenants.len();
        let budget = match previous {
            Some(previous) => previous.budget.renewed(all, each, tenants),
            None => Budget::new(all, each, tenants),
        };
        let capacity = match previous {
            Some(previous) => previous.capacity.with_limit(settings.max_in_flight),
            None => Capacity::new(settings.max_in_flight),
        };
        let breaker = previous.filter(|old| old.upstream.url == settings.upstream.url);
        let tasks = previous.map_or_else(TaskTracker::new, |old| old.tasks.clone());
        let quotas = records.map(|records| {
            let (records, before) =
                (records.clone(), previous.and_then(|old| old.quotas.as_deref()));
            let (budgets, tasks) = (&settings.quota, tasks.clone());
            let quotas = Quotas::new(budgets, &contract, records, tasks, Moment::now, before);
            Arc::new(if settings.isolate.is_some() { quotas.keeping_apart() } else { quotas })
        });
        let isolation = settings.isolate.clone().map(|bounds| {
            // Without records nobody owns anything: then nothing that has an id is reachable.
            let records = records.cloned().unwrap_or_else(Records::none);
            let (all, each) = (bounds.lists_in_flight, bounds.tenant_lists_in_flight);
            let before = previous.and_then(|old| old.isolation.as_deref());
            let held = match before {
                Some(before) => before.held().renewed(all, each, tenants),
                None => Budget::new(all, each, tenants),
            };
            Arc::new(Isolation::new(bounds, &contract, records, Arc::new(held)))
        });
        let looked = previous.map_or_else(Arc::default, |old| Arc::clone(&old.looked));
        let preflights = settings.preflight.map(|bounds| {
            let before = previous.and_then(|old| old.preflights.as_deref());
            Arc::new(Preflights::new(bounds, tenants, Arc::clone(&looked), before))
        });
        let ids = || settings.authenticate.tenants.iter().map(|tenant| &tenant.id);
        let before = previous.and_then(|old| old.uploads.as_deref());
        let uploads = settings.relay.zip(quotas.as_ref()).map(|(bounds, quotas)| {
            let (begin, count) = (begin_uploads(quotas), count_unknown(throttle.clone()));
            let kept = (quotas.records().clone(), tasks.clone(), Moment::now as fn() -> Moment);
            Arc::new(Uploads::new(bounds, kept, ids(), (count, begin), before))
        });
        let paces = previous.map(|old| &*old.paces);
        let explained = Explained::new(ids(), previous.map(|old| &*old.explained));
        Self {
            explained: Arc::new(explained),
            isolation,
            preflights,
            looked,
            uploads,
            paces: Arc::new(Paces::new(&settings.pace, &contract, paces)),
            quotas,
            tasks,
            directory: Arc::new(Directory::new(&settings.authenticate, &contract)),
            throttle,
            limits: Arc::new(limits),
            budget: Arc::new(budget),
            capacity,
            breaker: breaker.map_or_else(
                || Arc::new(Breaker::new(Instant::now())),
                |old| Arc::clone(&old.breaker),
            ),
            connections: previous.map_or_else(Arc::default, |old| Arc::clone(&old.connections)),
            contract,
            contact: settings.contact,
            validate: Arc::new(settings.validate),
            upstream: settings.upstream,
            max_wait: settings.pace.max_wait,
            observe: ObserveLayer::default(),
        }
    }

    /// Counts what passes, as the configuration of this version; the tenants in its order.
    pub fn counted<'t>(
        mut self,
        traffic: &Arc<Traffic>,
        tenants: impl IntoIterator<Item = &'t Arc<str>>,
        version: u64,
    ) -> Self {
        let endpoints = self.contract.endpoints().iter().map(|endpoint| &endpoint.path);
        let watch = Arc::new(traffic.watch(endpoints, tenants, version));
        self.observe = self.observe.counting(Some(watch));
        self
    }

    /// Writes a line about each request into the log; `None`: writes none.
    pub fn logged(mut self, log: Option<AccessLog>) -> Self {
        self.observe = self.observe.logging(log);
        self
    }

    /// Records the spans of requests that are sampled; `None`: passes on what others record.
    pub fn traced(mut self, tracer: Option<Tracer>) -> Self {
        self.observe = self.observe.tracing(tracer);
        self
    }

    /// Makes a client for the upstream: one per data-path thread.
    ///
    /// # Errors
    /// [`UpstreamError`] when the settings cannot be used.
    pub fn upstream(&self) -> Result<Arc<Upstream>, UpstreamError> {
        if let Some(preflights) = &self.preflights {
            preflights.usable()?;
        }
        let (breaker, connections) = (Arc::clone(&self.breaker), &self.connections);
        Upstream::counted(&self.upstream, breaker, connections).map(Arc::new)
    }

    /// The upstream that [`upstream`](Self::upstream) makes clients for.
    pub fn upstream_settings(&self) -> &upstream::Settings {
        &self.upstream
    }

    /// The contract that the rooms enforce.
    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// How full the rooms are, for those who watch.
    pub fn levels(&self) -> Levels {
        Levels(Some(Filled {
            capacity: self.capacity.clone(),
            budget: Arc::clone(&self.budget),
            lists: self.isolation.as_ref().map(|isolation| Arc::clone(isolation.held())),
            breaker: Arc::clone(&self.breaker),
            connections: Arc::clone(&self.connections),
            limits: Arc::clone(&self.limits),
            paces: Arc::clone(&self.paces),
            quotas: self.quotas.clone(),
            looked: Arc::clone(&self.looked),
            uploads: self.uploads.clone(),
        }))
    }

    /// The account's rates, for whoever else calls the upstream.
    pub fn paces(&self) -> &Arc<Paces> {
        &self.paces
    }

    /// The calls that come to their end also when their clients have gone; shared by all
    /// configurations. Whoever ends the process waits for them.
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Puts the rooms together, outermost first.
    pub fn stack(&self, upstream: Arc<Upstream>) -> Stack {
        ServiceBuilder::new()
            // Outermost: every request has an id and a record, however it ends; and before anything could
            // print a request, its credentials do not show in `Debug`.
            .layer(self.observe.clone())
            // Around all that decides: a defect costs one answer, not the connection.
            .layer(CatchPanicLayer)
            // Around all that limits: what they found out becomes header fields here.
            .layer(EnvelopeLayer::new(self.contact.as_deref()))
            // Before any work: what cannot be done in time is not begun.
            .layer(OverloadLayer::new(self.capacity.clone()))
            // Before the total deadline: a file may take an hour, and has deadlines of its own.
            .layer(UploadsLayer::new(self.uploads.clone(), &upstream))
            // Around every wait: no request outlives its time.
            .layer(DeadlineLayer::new(self.total_timeout()))
            // One look-up: what does not exist needs no key.
            .layer(RouteLayer::new(Arc::clone(&self.contract), own_endpoints()))
            // Before anything is charged or read: who is it?
            .layer(AuthenticateLayer::new(Arc::clone(&self.directory), self.throttle.clone()))
            // Before the limits: asking what is left, or what would be, costs nothing of it.
            .layer(self.own())
            // Before the body: a refused call costs no memory.
            .layer(RateLimitLayer::new(Arc::clone(&self.limits)))
            // Before the upstream: what breaks the contract is never sent.
            .layer(ValidateLayer::new(Arc::clone(&self.validate), Arc::clone(&self.budget)))
            // Before anything is charged: what is another tenant's does not exist.
            .layer(IsolateLayer::new(self.isolation.clone()))
            // Before anything is reserved: a file that is refused costs nothing, and a known length says
            // what to reserve.
            .layer(PreflightLayer::new(self.preflights.clone()))
            // After all checks: what they refuse reserves nothing.
            .layer(QuotaLayer::new(self.quotas.clone()))
            // Within what is counted: an upload address belongs to what its call has reserved.
            .layer(RelayLayer::new(self.uploads.clone()))
            // After the tenant's own limits: nobody waits for the account who may not call.
            .layer(PaceLayer::new(Arc::clone(&self.paces)))
            // Innermost: the only part that talks to the upstream.
            .service(Forward::new(upstream))
    }

    /// What is answered without the upstream.
    fn own(&self) -> OwnLayer {
        let explain = Explain::new(Arc::new(Explainer {
            contract: Arc::clone(&self.contract),
            directory: Arc::clone(&self.directory),
            limits: Arc::clone(&self.limits),
            isolation: self.isolation.clone(),
            quotas: self.quotas.clone(),
        }));
        let validate = ValidateLayer::new(Arc::clone(&self.validate), Arc::clone(&self.budget));
        let usage = Usage::new(self.quotas.clone());
        OwnLayer::new(usage, validate.layer(explain), Arc::clone(&self.explained))
    }

    /// More than all inner deadlines together, so that it strikes only where one of them failed to.
    fn total_timeout(&self) -> Duration {
        let upstream = &self.upstream;
        let endpoints = self.contract.endpoints().iter();
        let longest = endpoints.filter_map(|endpoint| endpoint.effect.timeout).max();
        let head = longest.unwrap_or_default().max(upstream.timeout);
        // The records are asked before the call and told after it.
        let looks = self.preflights.as_ref().map(|preflights| preflights.timeout());
        let waits = LONGEST_WAIT * 2 + self.max_wait + looks.unwrap_or_default();
        let margin = Duration::from_secs(5);
        self.validate.body_timeout + waits + head + upstream.body_idle_timeout + margin
    }
}
