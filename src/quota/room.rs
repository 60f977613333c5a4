//! What does the room know, shared by all threads?

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, Request};
use http_body_util::Full;
use moka::sync::Cache;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::layer::{Call, Deletion, Metered};
use super::plan::Plan;
use super::settings::{Rounding, Settings, WhenRecordsFail};
use crate::checked::Checked;
use crate::contract::{Contract, Endpoint, Kind};
use crate::document::ROOT;
use crate::measured::Measured;
use crate::observation::Observation;
use crate::records::ledger::{Charge, Reserve};
use crate::records::{Moment, Opening, Records};
use crate::refusal::Refusal;
use crate::tenant::Tenant;

/// How long calls that spend minutes are refused at once after the upstream has said that the
/// account has none: it would say the same to all of them.
const PAUSE: Duration = Duration::from_secs(30);

/// How long a look at usage is told again: however often a tenant asks, its questions never keep the
/// records from those of others.
const FRESH: Duration = Duration::from_secs(1);
/// Looks at usage that are kept, of a few KB each.
const KEPT: u64 = 1000;

/// All budgets with their records. Built anew by a reload; records, tasks and the pause live on.
#[derive(Debug)]
pub struct Quotas {
    pub(in crate::quota) records: Records,
    pub(in crate::quota) plan: Plan,
    pub(in crate::quota) contract: Arc<Contract>,
    pub(in crate::quota) longest_retry_after: Option<Duration>,
    pub(in crate::quota) rounding: Rounding,
    pub(in crate::quota) when_records_fail: WhenRecordsFail,
    /// By the endpoint's index: where a request stands that reads a job, the job's id.
    jobs: Vec<Option<Box<str>>>,
    /// Whether an answer that names another tenant's object is withheld.
    pub(in crate::quota) keeps_apart: bool,
    /// What was told of usage a moment ago, by the tenant's index.
    pub(in crate::quota) told: Cache<usize, Bytes>,
    /// One look at usage at a time, over all threads.
    pub(in crate::quota) looking: Mutex<()>,
    tasks: TaskTracker,
    clock: fn() -> Moment,
    /// Until when the account is known to have no minutes.
    paused: Arc<AtomicI64>,
}

impl Quotas {
    /// Builds the room. `tasks` tracks the calls that must come to their end even when their clients
    /// have gone; `clock` tells the time.
    pub fn new(
        settings: &Settings,
        contract: &Arc<Contract>,
        records: Records,
        tasks: TaskTracker,
        clock: fn() -> Moment,
        previous: Option<&Self>,
    ) -> Self {
        Self {
            records,
            plan: Plan::new(settings, contract),
            contract: Arc::clone(contract),
            longest_retry_after: settings.longest_retry_after,
            rounding: settings.minutes.rounding,
            when_records_fail: settings.when_records_fail,
            jobs: contract
                .endpoints()
                .iter()
                .map(|endpoint| job_field(contract, endpoint))
                .collect(),
            keeps_apart: false,
            told: Cache::builder().max_capacity(KEPT).time_to_live(FRESH).build(),
            looking: Mutex::new(()),
            tasks,
            clock,
            paused: previous.map_or_else(Arc::default, |old| Arc::clone(&old.paused)),
        }
    }

    /// Withholds an answer to a creation that names another tenant's object: whatever else it says of
    /// it, an address for uploads perhaps, is not the caller's.
    #[must_use]
    pub fn keeping_apart(self) -> Self {
        Self { keeps_apart: true, ..self }
    }

    /// The budgets.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The contract that says which limits there are.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The records behind it.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The present time.
    pub fn now(&self) -> Moment {
        (self.clock)()
    }

    pub(in crate::quota) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Notes that the upstream says that the account has no minutes left.
    pub(in crate::quota) fn pause(&self) {
        self.paused.store(self.now().later(PAUSE).0, Ordering::Relaxed);
    }

    /// A read of a job passes: its settlement may look again soon. Where tenants are kept apart, the
    /// room that looks whose the ids are has told so. What memory knows to be settled is left alone;
    /// for all else the worker looks into the records, and not this call.
    fn nudge(&self, endpoint: &Endpoint, facts: &Extensions) {
        let field = self.jobs.get(endpoint.index).and_then(Option::as_deref);
        let (Some(field), Some(checked), false) = (field, facts.get::<Checked>(), self.keeps_apart)
        else {
            return;
        };
        let id = object_id(checked, field);
        if let Some(id) = id
            && self.records.remembered(&id).is_none_or(|owner| owner.job_open)
        {
            self.records.nudge(&id);
        }
    }

    /// Whether a call has to be counted. `Ok(None)`: it costs nothing.
    pub(in crate::quota) fn meter(
        self: &Arc<Self>,
        request: &Request<Full<Bytes>>,
    ) -> Result<Option<Metered>, Refusal> {
        let extensions = request.extensions();
        let endpoint = extensions.get::<Arc<Endpoint>>().ok_or(Refusal::Misassembled)?;
        let deletes = endpoint.effect.kind == Kind::Deletes;
        if !deletes && !self.plan.counts(endpoint) {
            self.nudge(endpoint, extensions);
            return Ok(None);
        }
        let tenant = extensions.get::<Arc<Tenant>>().ok_or(Refusal::Misassembled)?;
        if deletes {
            let checked = extensions.get::<Checked>().ok_or(Refusal::Misassembled)?;
            let deletion = Deletion::new(self, endpoint, checked);
            return Ok(deletion.map(|deletion| Metered::Deletes(Box::new(deletion))));
        }
        if self.is_paused(endpoint) {
            return Err(Refusal::AccountMinutesExhausted);
        }
        let observation = extensions.get::<Arc<Observation>>();
        let seen = observation.map(Arc::as_ref);
        let length = extensions.get::<Measured>().map(|Measured(length)| *length);
        let Some(reserve) = self.reserve(tenant, endpoint, length, seen)? else { return Ok(None) };
        let is_watched = |charge: &Charge| matches!(charge, Charge::Watched { .. });
        let watched = reserve.charges.iter().any(is_watched);
        let observation = observation.filter(|_| watched).cloned();
        let call = Call::new(Arc::clone(self), Arc::clone(endpoint), reserve, observation);
        Ok(Some(Metered::Counted(Box::new(call))))
    }

    /// Whether the upstream has just said that the account has no minutes for such a call.
    pub(in crate::quota) fn is_paused(&self, endpoint: &Endpoint) -> bool {
        endpoint.effect.spends_minutes && self.now().0 < self.paused.load(Ordering::Relaxed)
    }

    /// All that a call has to reserve, whose audio is so long. `Ok(None)`: it costs nothing.
    pub(in crate::quota) fn reserve(
        &self,
        tenant: &Tenant,
        endpoint: &Endpoint,
        length: Option<Duration>,
        observation: Option<&Observation>,
    ) -> Result<Option<Reserve>, Refusal> {
        let budget = self.plan.tenant(tenant.index).ok_or(Refusal::Misassembled)?;
        let charges = self.plan.charges(budget, endpoint, length);
        if charges.is_empty() {
            return Ok(None);
        }
        let minutes = charges.iter().find_map(|charge| charge.minutes());
        let caller = observation.and_then(|observation| observation.caller());
        let request_id = observation.and_then(|one| one.request_id.to_str().ok());
        let opening = Opening {
            reservation: Uuid::now_v7(),
            tenant: Arc::clone(&tenant.id),
            label: budget.label.clone(),
            key: caller.map(|caller| Arc::clone(&caller.key)).unwrap_or_default(),
            endpoint: Arc::clone(&endpoint.path),
            request: request_id.unwrap_or_default().into(),
            creates: endpoint.creates().map(Arc::from),
            minutes,
            upload: endpoint.answer.upload_url.is_some(),
        };
        Ok(Some(Reserve {
            opening,
            at: self.now(),
            tenant_calendar: budget.budget.calendar.clone(),
            account_calendar: self.plan.account_calendar().clone(),
            charges,
        }))
    }
}

/// The id that stands there in a body.
pub(in crate::quota) fn object_id(checked: &Checked, pointer: &str) -> Option<Uuid> {
    let body = checked.document();
    Uuid::try_parse(&body.string(body.pointed(ROOT, pointer)?)?).ok()
}

fn job_field(contract: &Contract, endpoint: &Endpoint) -> Option<Box<str>> {
    let kind = endpoint.effect.object.as_deref()?;
    let reads = contract.job_reader(kind).is_some_and(|one| one.endpoint.index == endpoint.index);
    let field = endpoint.ids.iter().find(|field| reads && &*field.kind == kind)?;
    Some(field.pointer.clone())
}
