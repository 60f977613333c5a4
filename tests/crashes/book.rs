//! What do clients know of their calls, and do the records agree?

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use heify_gateway::records::{Holder, Meter, Payer, Reservation, State, Store, Why, is_minutes};
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::Reply;
use super::upstream::length;
use super::world::{ANALYZE, CREATE, ESTIMATE, SUBMIT, TENANTS, World, named};

/// All calls of all clients.
#[derive(Debug, Default)]
pub struct Book(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    calls: HashMap<String, Call>,
    /// What each tenant may use, by kind.
    own: [HashMap<&'static str, Vec<Uuid>>; 2],
    /// Whether the client has heard that it is gone.
    deleted: HashMap<Uuid, bool>,
}

#[derive(Debug)]
struct Call {
    tenant: usize,
    path: &'static str,
    reply: Option<Reply>,
}

/// A call that is about to be made.
pub struct Next {
    pub path: &'static str,
    pub body: Value,
    deletes: Option<Uuid>,
}

impl Book {
    /// Chooses a call and notes that it is made.
    pub fn next(&self, tenant: usize, name: &str, choice: u8) -> Next {
        let mut pages = self.0.lock().unwrap();
        let own = &mut pages.own[tenant];
        let configuration = own.get("configuration").and_then(|ids| ids.last().copied());
        let (path, body, deletes) = match (choice % 20, configuration) {
            (0..=9, Some(id)) => (SUBMIT, json!({ "configuration_id": id }), None),
            (10..=13, Some(id)) => (ANALYZE, json!({ "configuration_id": id }), None),
            (14..=17, Some(_)) => {
                let (kind, path, field) = match choice % 3 {
                    0 => ("configuration", "/delete-configuration", "configuration_id"),
                    _ => ("transcription", "/delete-transcription", "transcription_id"),
                };
                match own.get_mut(kind).and_then(Vec::pop) {
                    Some(id) => (path, json!({ field: id }), Some(id)),
                    None => (CREATE, json!({}), None),
                }
            }
            _ => (CREATE, json!({}), None),
        };
        if let Some(id) = deletes {
            pages.deleted.insert(id, false);
        }
        let call = Call { tenant, path, reply: None };
        assert!(pages.calls.insert(name.to_owned(), call).is_none());
        Next { path, body: named(path, name, &body), deletes }
    }

    /// Notes what the client heard.
    pub fn heard(&self, name: &str, next: &Next, reply: &Reply) {
        let mut pages = self.0.lock().unwrap();
        let call = pages.calls.get_mut(name).unwrap();
        call.reply = Some(reply.clone());
        let tenant = call.tenant;
        if let (Some(id), true) = (next.deletes, reply.is_success()) {
            pages.deleted.insert(id, true);
        }
        if let Some(id) = reply.created() {
            let kind = if next.path == SUBMIT { "transcription" } else { "configuration" };
            pages.own[tenant].entry(kind).or_default().push(id);
        }
    }

    /// How many calls were made, and how many of them were answered with a 2xx.
    pub fn counts(&self) -> (usize, usize) {
        let pages = self.0.lock().unwrap();
        let done = |call: &&Call| call.reply.as_ref().is_some_and(Reply::is_success);
        (pages.calls.len(), pages.calls.values().filter(done).count())
    }

    /// Asserts all that must hold at any moment at which no gateway runs.
    pub fn check(&self, world: &World) {
        world.verified();
        let reservations = world.reservations();
        let mut by_name = HashMap::new();
        for one in &reservations {
            let name = one.opening.request.to_string();
            assert!(by_name.insert(name, one).is_none(), "reserved twice: {one:?}");
        }
        let sent = world.upstream.sent();
        let pages = self.0.lock().unwrap();
        for (name, call) in &pages.calls {
            let sent = sent.get(name).copied().unwrap_or(0);
            pages.check(world, name, call, by_name.get(name).copied(), sent);
        }
        for (id, heard) in &pages.deleted {
            assert!(!heard || world.object(id).is_none(), "{id} is deleted and still there");
        }
        drop(pages);
        check_balances(world, &reservations);
    }
}

impl Pages {
    fn check(
        &self,
        world: &World,
        name: &str,
        call: &Call,
        reservation: Option<&Reservation>,
        sent: usize,
    ) {
        let context = || format!("{name}: {call:?}, sent {sent} times, {reservation:?}");
        let success = call.reply.as_ref().is_some_and(Reply::is_success);
        if ![CREATE, SUBMIT, ANALYZE].contains(&call.path) {
            return assert!(!success || sent > 0, "{}", context());
        }
        assert!(sent <= 1, "sent twice: {}", context());
        assert!(sent == 0 || reservation.is_some(), "sent without a reserve: {}", context());
        let paid = |one: &Reservation| matches!(one.state, State::Bound | State::Settled);
        assert!(!reservation.is_some_and(paid) || sent == 1, "paid and not sent: {}", context());
        let Some(reply) = &call.reply else { return };
        let Some(one) = reservation else { return assert!(!success, "{}", context()) };
        assert_eq!(&*one.opening.tenant, TENANTS[call.tenant]);
        if success {
            assert!(paid(one), "acknowledged and not paid: {}", context());
            assert_eq!(one.object, reply.created(), "{}", context());
        }
        if reply.status == 400 && call.path != ANALYZE {
            assert_eq!(one.state, State::Released, "refused and not free: {}", context());
        }
        let Some(id) = reply.created() else { return };
        if let Some(object) = world.object(&id) {
            assert_eq!(object.holder, Holder::Tenant(TENANTS[call.tenant].into()));
            assert_eq!(object.reservation, Some(one.opening.reservation));
        } else {
            assert!(self.deleted.contains_key(&id), "created and not owned: {}", context());
        }
    }
}

/// What is booked and held is what the reservations say, for each payer.
fn check_balances(world: &World, reservations: &[Reservation]) {
    let mut records = world.records();
    for payer in ["", TENANTS[0], TENANTS[1]] {
        let is_own = |one: &&Reservation| payer.is_empty() || &*one.opening.tenant == payer;
        let own: Vec<_> = reservations.iter().filter(is_own).collect();
        let (mut minutes, mut calls, mut things) = ((0, 0), (0, 0), HashMap::new());
        let payer = Payer::from(std::sync::Arc::<str>::from(payer));
        for (meter, _, balance) in records.balances(&payer).unwrap() {
            let now = (balance.used, balance.held);
            match meter {
                Meter::Calls(_) => calls = (calls.0 + now.0, calls.1 + now.1),
                Meter::Objects(kind) => drop(things.insert(kind.to_string(), now)),
                meter => {
                    assert!(is_minutes(&meter));
                    minutes = (minutes.0 + now.0, minutes.1 + now.1);
                }
            }
        }
        let billed: i64 = own.iter().filter_map(|one| one.billed).map(|billed| billed.0).sum();
        let open = |one: &&&Reservation| !one.state.is_closed();
        let held = own.iter().filter(open).filter_map(|one| one.opening.minutes);
        assert_eq!(minutes, (billed, held.map(|held| held.0).sum()), "minutes of {payer:?}");
        let of = |path, state: fn(State) -> bool| {
            let of = own.iter().filter(|one| &*one.opening.endpoint == path && state(one.state));
            i64::try_from(of.count()).unwrap()
        };
        let waits = |state| matches!(state, State::Open | State::Lost);
        let paid = of(ANALYZE, |state| state == State::Settled);
        assert_eq!(calls, (paid, of(ANALYZE, waits)), "calls of {payer:?}");
        for (kind, path) in [("configuration", CREATE), ("transcription", SUBMIT)] {
            let objects = records.objects(kind).unwrap();
            let owned = objects.iter().filter(|(_, object)| match (&object.holder, &payer) {
                (Holder::Tenant(holder), Payer::Tenant(tenant)) => holder == tenant,
                _ => payer == Payer::Account,
            });
            let expected = (i64::try_from(owned.count()).unwrap(), of(path, waits));
            assert_eq!(
                things.get(kind).copied().unwrap_or_default(),
                expected,
                "{kind} of {payer:?}"
            );
        }
    }
    for one in reservations.iter().filter(|one| one.state == State::Settled) {
        let Some(billed) = one.billed else { continue };
        let expected = match (one.why, &one.object) {
            (Some(Why::Done), Some(job)) => length(job),
            _ => ESTIMATE,
        };
        assert_eq!(billed.0, expected, "{one:?}");
    }
}

/// What nobody has closed; each must be seen as lost after the next start.
pub fn open(world: &World) -> HashSet<Uuid> {
    let open = world.records().in_state(State::Open, usize::MAX).unwrap();
    open.into_iter().map(|one| one.opening.reservation).collect()
}
