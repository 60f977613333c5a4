//! Does the room hold its promises?

mod filtering;
mod judging;
mod layer;

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::contract::{Contract, Endpoint, Kind};
use crate::records::ledger::{self, Charge, MinutesLimit, Reserve};
use crate::records::{
    AudioMillis, Calendar, Holder, Memory, Moment, Opening, Owner, Records, Sharing,
};

/// Whose team is tested.
const TEAM: &str = "acme";
const OTHERS: &str = "globex";

/// An id that shows whose it is.
fn id(prefix: u128, number: u128) -> Uuid {
    Uuid::from_u128((prefix << 96) | number)
}

fn own(number: u128) -> Uuid {
    id(0x0000_0a11, number)
}

fn foreign(number: u128) -> Uuid {
    id(0x0000_0bad, number)
}

fn shared(number: u128) -> Uuid {
    id(0x0000_05ed, number)
}

fn nobodys(number: u128) -> Uuid {
    id(0x0000_0000, number)
}

/// What the records know of an id of these.
fn owner(kind: &str, id: Uuid) -> Option<Owner> {
    let holder = match id.as_u128() >> 96 {
        0x0a11 => Holder::Tenant(TEAM.into()),
        0x0bad => Holder::Tenant(OTHERS.into()),
        0x05ed => Holder::Shared(Sharing::With(vec![OTHERS.into(), TEAM.into()])),
        _ => return None,
    };
    Some(Owner { kind: kind.into(), holder, job_open: false })
}

fn owners(kind: &str) -> Vec<(Uuid, Owner)> {
    let ids = (0..10).flat_map(|number| [own(number), foreign(number), shared(number)]);
    ids.filter_map(|id| Some((id, owner(kind, id)?))).collect()
}

/// Records that remember these.
fn remembering(owners: Vec<(Uuid, Owner)>) -> Records {
    let ids: Vec<Uuid> = owners.iter().map(|(id, _)| *id).collect();
    let records = storing(owners);
    let asked = records.clone();
    let asking = async move { asked.owners(ids).await.unwrap() };
    // On a thread of its own: tests call this from within a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    std::thread::spawn(move || runtime.block_on(asking)).join().unwrap();
    records
}

/// Records that have forgotten these and find them in the store.
fn storing(owners: Vec<(Uuid, Owner)>) -> Records {
    let mut store = Memory::default();
    for (id, owner) in owners {
        match owner.holder {
            Holder::Tenant(tenant) if owner.job_open => {
                open_job(&mut store, id, tenant, owner.kind)
            }
            holder => {
                ledger::adopt(&mut store, &id, &owner.kind, &holder, NOW).unwrap();
            }
        }
    }
    Records::start(Box::new(store), None).unwrap()
}

const NOW: Moment = Moment(1_790_000_000_000);

/// A job whose minutes are not settled yet.
fn open_job(store: &mut Memory, id: Uuid, tenant: Arc<str>, kind: Arc<str>) {
    let minutes = Charge::Minutes {
        amount: AudioMillis(1),
        tenant: MinutesLimit::Granted,
        account: MinutesLimit::Granted,
    };
    let opening = Opening {
        reservation: id,
        tenant,
        label: None,
        key: "key".into(),
        endpoint: "/create".into(),
        request: "request".into(),
        creates: Some(kind),
        minutes: Some(AudioMillis(1)),
        upload: false,
    };
    let reserve = Reserve {
        opening,
        at: NOW,
        tenant_calendar: Calendar::default(),
        account_calendar: Calendar::default(),
        charges: vec![minutes],
    };
    ledger::reserve(store, &reserve).unwrap().unwrap();
    ledger::bind(store, &id, &id, NOW, NOW).unwrap();
}

/// Records that remember nothing, and whose store does not answer.
fn unavailable() -> Records {
    Records::none()
}

/// A contract about calls, with an endpoint of each effect.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let operation = |effect: &str, object: &str, answer: Value| {
        let schema = json!({ "properties": {
            "call_id": { "type": "string", "x-gateway-id": "call" },
            "team_id": { "type": "string", "x-gateway-id": "team" },
        } });
        json!({ "post": {
            "x-gateway-effect": { "kind": effect, "object": object },
            "requestBody": { "content": { "application/json": { "schema": schema } } },
            "responses": { "200": { "description": "Done.", "x-gateway-answer": answer } },
        } })
    };
    let pointers =
        json!({ "items": "/data/rows", "count": "/data/total", "item_id": "/call/number" });
    let document = json!({ "openapi": "3.1.1", "paths": {
        "/read": operation("reads", "call", json!({})),
        "/list": operation("lists", "call", json!({})),
        "/list-described": operation("lists", "call", pointers),
        "/change": operation("changes", "call", json!({})),
        "/delete": operation("deletes", "call", json!({})),
        "/analyze": operation("analyzes", "call", json!({})),
        "/create": operation("creates", "call", json!({})),
        "/hire": operation("creates", "team", json!({})),
    } });
    Contract::parse(&document.to_string(), "calls.json").unwrap()
});

fn endpoint(path: &str) -> Arc<Endpoint> {
    CONTRACT.endpoints().iter().find(|endpoint| &*endpoint.path == path).unwrap().clone()
}

/// The endpoint of the real contract that lists objects of a kind.
fn list_of(contract: &Contract, kind: &str) -> Arc<Endpoint> {
    let lists = |endpoint: &&Arc<Endpoint>| {
        endpoint.effect.kind == Kind::Lists && endpoint.effect.object.as_deref() == Some(kind)
    };
    contract.endpoints().iter().find(lists).unwrap().clone()
}
