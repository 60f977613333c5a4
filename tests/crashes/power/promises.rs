//! Is all there that somebody was told, and nothing else?

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use heify_gateway::records::{Meter, Moment, Payer, Reservation, Sqlite, State, Store};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::super::client::{self, Reply};
use super::super::world::{ANALYZE, CREATE, KEYS, SUBMIT, TENANTS, World, named};
use super::trace::What;

/// How much a command grants at once, in minutes.
pub const GRANT: i64 = 7;

const LOOK: &str = "/get-transcription";
const DROP_JOB: &str = "/delete-transcription";
const DROP_CONFIGURATION: &str = "/delete-configuration";

/// Everything that was ever asked for, and what became of it in the end.
#[derive(Debug, Default)]
pub struct Known {
    calls: HashMap<String, Call>,
    /// The hash of each line of the journal.
    lines: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Call {
    path: &'static str,
    tenant: usize,
    deletes: Option<Uuid>,
    reply: Option<Reply>,
}

/// What was done with records last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Nobody has written since the power failed.
    Cut,
    /// A gateway was started, and may have added lines of its own.
    Start,
}

/// What was told before a cut.
#[derive(Debug, Clone, Default)]
pub struct Promised {
    sent: HashSet<String>,
    answered: HashSet<String>,
    done: HashSet<String>,
}

impl Promised {
    pub fn add(&mut self, what: &What) {
        match what {
            What::Sent(name) => drop(self.sent.insert(name.clone())),
            What::Answered(name) => drop(self.answered.insert(name.clone())),
            What::Done(name) => drop(self.done.insert(name.clone())),
            _ => {}
        }
    }

    /// All calls that were ever made and answered.
    pub fn all_of(known: &Known) -> Self {
        let names: HashSet<_> = known.calls.keys().cloned().collect();
        Self { sent: names.clone(), answered: names, done: HashSet::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.answered.is_empty() && self.done.is_empty()
    }
}

impl Known {
    /// Calls of many clients at once, each of them one after the other; fewer where the gateway ends.
    pub async fn load(&mut self, gateway: SocketAddr, phase: &str, clients: usize) {
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let prefix = format!("{phase}-{client}");
            tasks.spawn(calls(gateway, prefix, client % TENANTS.len()));
        }
        while let Some(calls) = tasks.join_next().await {
            self.calls.extend(calls.unwrap());
        }
    }

    /// Notes what the journal says in the end; all that clients heard was found in the record.
    pub fn conclude(&mut self, world: &World, all: &Promised) {
        let lines = world.records().journal(0, usize::MAX).unwrap();
        self.lines = lines.into_iter().map(|line| line.hash).collect();
        for (name, call) in &self.calls {
            let heard = call.reply.as_ref().is_some_and(Reply::is_success);
            let is_told = all.sent.contains(name) && all.answered.contains(name);
            assert!(!heard || is_told, "{name} is not in the record: {call:?}");
        }
    }

    /// Whether records keep what was promised; what has happened since may be in there, too. That they
    /// recount is for the binary to say.
    pub fn check(&self, database: &Path, promised: &Promised, since: Since) -> Result<(), String> {
        let mut records = Sqlite::read_only(database).map_err(|error| error.0)?;
        let lines = records.journal(0, usize::MAX).map_err(|error| error.0)?;
        let hashes = lines.iter().map(|line| &line.hash);
        let same = hashes.zip(&self.lines).take_while(|(one, other)| one == other).count();
        if since == Since::Cut && same < lines.len() {
            return Err(format!("{same} of {} lines were written", lines.len()));
        }
        let open = records.in_state(State::Open, 1).map_err(|error| error.0)?;
        if since == Since::Start && !open.is_empty() {
            return Err(format!("stays open: {open:?}"));
        }
        // Whoever waits for the length of a job is asked about it.
        let planned = records.due(Moment(i64::MAX), usize::MAX).map_err(|error| error.0)?;
        let planned: HashSet<_> = planned.iter().map(|(one, _)| one.opening.reservation).collect();
        let bound = records.in_state(State::Bound, usize::MAX).map_err(|error| error.0)?;
        if let Some(one) = bound.iter().find(|one| !planned.contains(&one.opening.reservation)) {
            return Err(format!("is never asked about: {one:?}"));
        }
        self.check_calls(&mut records, promised)?;
        check_commands(&mut records, promised)
    }

    fn check_calls(&self, records: &mut Sqlite, promised: &Promised) -> Result<(), String> {
        let all = records.opened(Moment(0), Moment(i64::MAX)).unwrap();
        let mut reserved = HashMap::new();
        for one in all {
            if let Some(twice) = reserved.insert(one.opening.request.to_string(), one) {
                return Err(format!("reserved twice: {twice:?}"));
            }
        }
        let is_paid = |one: &Reservation| matches!(one.state, State::Bound | State::Settled);
        if let Some(unsent) = reserved
            .values()
            .find(|one| is_paid(one) && !promised.sent.contains(&*one.opening.request))
        {
            return Err(format!("paid and not sent: {unsent:?}"));
        }
        let deleted: HashSet<Uuid> = self.calls.values().filter_map(|call| call.deletes).collect();
        for (name, call) in &self.calls {
            let reservation = reserved.get(name);
            let wrong = |what| Err(format!("{name} {what}: {call:?}, {reservation:?}"));
            if let Some(id) = call.deletes {
                let is_there = records.object(&id).unwrap().is_some();
                if promised.answered.contains(name) && is_there {
                    return wrong("was done and is undone");
                }
                continue;
            }
            if call.path == LOOK {
                continue;
            }
            if promised.sent.contains(name) && reservation.is_none() {
                return wrong("was sent, and nothing is reserved");
            }
            if !promised.answered.contains(name) {
                continue;
            }
            let Some(one) = reservation.filter(|one| is_paid(one)) else {
                return wrong("was acknowledged and is not paid");
            };
            // A gateway that was killed in the act of answering has been heard by nobody.
            let Some(reply) = &call.reply else { continue };
            let created = reply.created();
            if one.object != created || &*one.opening.tenant != TENANTS[call.tenant] {
                return wrong("is another call");
            }
            let is_owned =
                |id: Uuid| records.object(&id).unwrap().is_some() || deleted.contains(&id);
            if !created.is_none_or(is_owned) {
                return wrong("has created what nobody owns");
            }
        }
        Ok(())
    }
}

/// What commands beside the gateway did.
fn check_commands(records: &mut Sqlite, promised: &Promised) -> Result<(), String> {
    let done = |kind: &str| promised.done.iter().filter(|name| name.starts_with(kind)).count();
    let payer = Payer::Tenant(TENANTS[0].into());
    let granted = records.balance(&payer, &Meter::Granted, Moment(0)).unwrap().granted;
    let least = i64::try_from(done("grant")).unwrap() * GRANT * 60_000;
    if granted < least || granted > least + GRANT * 60_000 {
        return Err(format!("{granted} are granted, and not {least}"));
    }
    let keys = records.keys().unwrap();
    if keys.len() < done("key") || keys.len() > done("key") + 1 {
        return Err(format!("{} keys are issued, and not {}", keys.len(), done("key")));
    }
    Ok(())
}

/// What one client asks for, until the gateway has gone.
async fn calls(gateway: SocketAddr, prefix: String, tenant: usize) -> HashMap<String, Call> {
    let mut calls = HashMap::new();
    let (mut configuration, mut job) = (None, None);
    // A job that was read is settled soon.
    let steps = [CREATE, SUBMIT, LOOK, ANALYZE, SUBMIT, DROP_JOB, CREATE, DROP_CONFIGURATION];
    for (number, path) in steps.into_iter().enumerate() {
        let name = format!("{prefix}-{number}");
        let (body, deletes) = match path {
            CREATE => (json!({}), None),
            LOOK => (json!({ "transcription_id": job }), None),
            DROP_JOB => (json!({ "transcription_id": job }), job),
            DROP_CONFIGURATION => (json!({ "configuration_id": configuration }), configuration),
            _ => (json!({ "configuration_id": configuration }), None),
        };
        let body = named(path, &name, &body);
        let reply = client::call(gateway, path, KEYS[tenant], &name, &body).await;
        let made = reply.as_ref().and_then(Reply::created);
        let answered = reply.is_some();
        // Of those who only look, some are too many at once.
        if let Some(reply) = reply.as_ref().filter(|_| path != LOOK) {
            assert!(reply.is_success(), "{name}: {reply:?}");
        }
        match path {
            CREATE => configuration = made,
            SUBMIT => job = made,
            _ => {}
        }
        calls.insert(name, Call { path, tenant, deletes, reply });
        if !answered {
            break;
        }
    }
    calls
}
