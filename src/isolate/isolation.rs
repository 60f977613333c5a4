//! What is known of one request, and what of one list, before and after the records are asked?

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use uuid::Uuid;

use super::Settings;
use super::edit::apply;
use super::list::{ListRule, Unreadable, Whose};
use super::named::{Named, named};
use super::read::read;
use super::rule::{judge, judge_all, open_job};
use super::shape::shape;
use crate::budget::{Budget, Hold};
use crate::checked::Checked;
use crate::contract::{Contract, Endpoint, Kind};
use crate::document::Document;
use crate::records::{Owner, Records};
use crate::refusal::Refusal;
use crate::tenant::Tenant;

/// The rules of one contract, and the records that say whose an object is.
#[derive(Debug)]
pub struct Isolation {
    settings: Settings,
    /// By the endpoint's index; `None` where the answer is no list.
    lists: Box<[Option<ListRule>]>,
    records: Records,
    /// Lists are read whole, and the upstream alone says how long they are.
    held: Arc<Budget>,
}

/// What is to be done with a request.
pub(super) enum Way {
    /// Pass it on; a successful answer tells of this job.
    Passes(Option<Uuid>),
    /// First ask the store, or later read the answer.
    Waits(Case),
}

/// A request on its longer way.
pub(super) struct Case {
    isolation: Arc<Isolation>,
    endpoint: Arc<Endpoint>,
    tenant: Arc<Tenant>,
    named: Vec<Named>,
}

impl Isolation {
    /// Isolates by these records; all lists in memory are within this budget.
    pub fn new(
        settings: Settings,
        contract: &Contract,
        records: Records,
        held: Arc<Budget>,
    ) -> Self {
        let rule = |endpoint: &Arc<Endpoint>| {
            let lists = endpoint.effect.kind == Kind::Lists;
            lists.then(|| ListRule::new(endpoint, contract))
        };
        Self { settings, lists: contract.endpoints().iter().map(rule).collect(), records, held }
    }

    /// The budget of lists in memory.
    pub fn held(&self) -> &Arc<Budget> {
        &self.held
    }

    /// Decides what can be decided without waiting.
    pub(super) fn look<A>(self: &Arc<Self>, request: &Request<A>) -> Result<Way, Refusal> {
        let extensions = request.extensions();
        let endpoint = extensions.get::<Arc<Endpoint>>().ok_or(Refusal::Misassembled)?;
        let tenant = extensions.get::<Arc<Tenant>>().ok_or(Refusal::Misassembled)?;
        let checked = extensions.get::<Checked>().ok_or(Refusal::Misassembled)?;
        let list = self.lists.get(endpoint.index).ok_or(Refusal::Misassembled)?;
        let named = named(&endpoint.ids, &checked.document(), request.uri().query())?;
        if list.is_none()
            && let Some(owners) = self.remembered(&named)
        {
            judge(&named, &owners, &tenant.id, endpoint)?;
            return Ok(Way::Passes(open_job(&named, &owners, endpoint)));
        }
        let (endpoint, tenant) = (Arc::clone(endpoint), Arc::clone(tenant));
        Ok(Way::Waits(Case { isolation: Arc::clone(self), endpoint, tenant, named }))
    }

    /// All ids of a request that the tenant may not name, each with its field; the first refusal is
    /// the one that a call would get.
    ///
    /// # Errors
    /// The refusal of records that do not answer.
    pub async fn faults(
        &self,
        tenant: &Tenant,
        endpoint: &Endpoint,
        body: &Document<'_>,
        query: Option<&str>,
    ) -> Result<Vec<(Box<str>, Refusal)>, Refusal> {
        let named = match named(&endpoint.ids, body, query) {
            Ok(named) => named,
            // That is a fault of the call, and not one of asking about it.
            Err(too_many) => return Ok(vec![(Box::default(), too_many)]),
        };
        let ids: Vec<Uuid> = named.iter().filter_map(|named| named.id).collect();
        let mut found = self.owners(ids).await?.into_iter();
        let owner = |named: &Named| named.id.and_then(|_| found.next().flatten());
        let owners: Vec<_> = named.iter().map(owner).collect();
        Ok(judge_all(&named, &owners, &tenant.id, endpoint))
    }

    /// The owners of all ids, when memory knows each of them.
    fn remembered(&self, named: &[Named]) -> Option<Vec<Option<Arc<Owner>>>> {
        let owner = |named: &Named| match &named.id {
            Some(id) => self.records.remembered(id).map(Some),
            None => Some(None),
        };
        named.iter().map(owner).collect()
    }

    /// The owners of ids, from memory where it knows them all.
    async fn owners(&self, ids: Vec<Uuid>) -> Result<Vec<Option<Arc<Owner>>>, Refusal> {
        let remembered = ids.iter().map(|id| self.records.remembered(id).map(Some));
        if let Some(owners) = remembered.collect() {
            return Ok(owners);
        }
        let asked = ids.len();
        let owners = self.records.owners(ids).await.map_err(|_| Refusal::RecordsUnavailable)?;
        // Fewer answers than questions would let an id pass that nobody looked at.
        if owners.len() == asked { Ok(owners) } else { Err(Refusal::RecordsUnavailable) }
    }

    /// A read of a job has passed.
    pub(super) fn nudge(&self, job: &Uuid) {
        self.records.nudge(job);
    }
}

impl Case {
    /// Judges the request with what the store knows. `Ok`: it passes, and tells of this job.
    pub(super) async fn judge(&self) -> Result<Option<Uuid>, Refusal> {
        let ids: Vec<Uuid> = self.named.iter().filter_map(|named| named.id).collect();
        let mut found = self.isolation.owners(ids).await?.into_iter();
        let owner = |named: &Named| named.id.and_then(|_| found.next().flatten());
        let owners: Vec<_> = self.named.iter().map(owner).collect();
        judge(&self.named, &owners, &self.tenant.id, &self.endpoint)?;
        Ok(open_job(&self.named, &owners, &self.endpoint))
    }

    /// A read of a job has passed.
    pub(super) fn nudge(&self, job: &Uuid) {
        self.isolation.nudge(job);
    }

    /// How large the answer may be, when it is a list and must be read.
    pub(super) fn list_limit(&self) -> Option<usize> {
        self.rule().map(|_| self.isolation.settings.list_limit)
    }

    /// A place for a list in memory, with nothing in it yet.
    pub(super) fn hold(&self) -> Hold {
        Hold::new(&self.isolation.held, self.tenant.index)
    }

    /// Filters a list. `None`: it passes as it is.
    pub(super) async fn filter(&self, bytes: &Bytes) -> Result<Option<Bytes>, Refusal> {
        let Some(rule) = self.rule() else { return Ok(None) };
        let (text, table) = read(bytes).map_err(|flaw| self.withhold(flaw.into(), None))?;
        let document = table.of(text);
        let unreadable = |problem| self.withhold(problem, Some(&document));
        let ids = rule.ids(&document).map_err(unreadable)?;
        let owners = self.isolation.owners(ids.clone()).await?;
        let whose = |id| match ids.binary_search(&id).ok().and_then(|place| owners.get(place)) {
            Some(Some(owner)) => self.whose(owner),
            Some(None) => Whose::Nobody,
            // An id that was not looked up.
            None => Whose::Foreign,
        };
        let edits = rule.edits(&document, whose).map_err(unreadable)?;
        Ok((!edits.is_empty()).then(|| apply(bytes, edits).into()))
    }

    fn whose(&self, owner: &Owner) -> Whose {
        let tenant = &self.tenant.id;
        let is_visible = owner.is_held_by(tenant) || owner.is_shared_with(tenant);
        if is_visible { Whose::Own } else { Whose::Foreign }
    }

    fn rule(&self) -> Option<&ListRule> {
        self.isolation.lists.get(self.endpoint.index)?.as_ref()
    }

    /// Tells operators what they can mend, in keys and without a value.
    pub(super) fn withhold(&self, problem: Unreadable, document: Option<&Document<'_>>) -> Refusal {
        tracing::error!(
            endpoint = &*self.endpoint.path,
            problem = problem.problem(),
            shape = document.map(shape).unwrap_or_default(),
            "a list cannot be filtered and is withheld; x-gateway-answer can describe it"
        );
        Refusal::UnreadableList
    }
}
