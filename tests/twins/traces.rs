//! Can a tenant tell another's object from one that does not exist?

use std::time::Duration;

use fastrand::Rng;
use heify_gateway::contract::Contract;
use serde_json::Value;

use crate::operations::{KINDS, Kind, making, naming};
use crate::program::id_in;
use crate::support::gateway::Answer;
use crate::world::Shared;

/// What differs from call to call, whatever is asked.
const COUNTERS: [&str; 5] =
    ["x-request-id", "date", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"];

/// Everything that a client can see.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let fields = answer.headers.iter().filter(|(name, _)| !COUNTERS.contains(&&**name));
    (answer.status, fields.cloned().collect(), answer.body.clone())
}

/// Makes one object of each kind; the transcription names the other three.
async fn one_of_each(shared: &Shared, tenant: usize) -> [String; 4] {
    let mut rng = Rng::with_seed(7);
    let mut ids: [String; 4] = Default::default();
    for (place, kind) in KINDS.into_iter().enumerate() {
        let path = kind.made_by()[0];
        let mut body = making(path, place, &mut rng);
        if kind == Kind::Transcription {
            fill(&mut body, &ids);
        }
        let answer = shared.call(tenant, path, &body.to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        ids[place] = id_in(&answer, kind);
    }
    ids
}

fn fill(body: &mut Value, ids: &[String; 4]) {
    for (kind, id) in KINDS.into_iter().zip(ids).take(3) {
        body[kind.field()] = id.as_str().into();
    }
}

/// A call to this endpoint that is valid, with another id in one of its fields.
fn call(path: &str, own: &[String; 4], field: &str, id: &str) -> Value {
    let mut rng = Rng::with_seed(7);
    let named = KINDS.into_iter().find(|kind| kind.named_by().contains(&path));
    let mut body = match named {
        Some(kind) => naming(path, kind, "", &mut rng),
        None => {
            let mut body = making(path, 0, &mut rng);
            fill(&mut body, own);
            body
        }
    };
    body[field] = id.into();
    body
}

#[tokio::test]
async fn a_foreign_id_and_an_unknown_one_get_the_same_answer_everywhere() {
    let shared = Shared::start(Duration::from_secs(3600), |_| {}).await;
    let own = one_of_each(&shared, 0).await;
    let gone = one_of_each(&shared, 0).await;
    let foreign = one_of_each(&shared, 1).await;
    let foreign_gone = one_of_each(&shared, 1).await;
    for (tenant, ids) in [(0, &gone), (1, &foreign_gone)] {
        for (kind, id) in KINDS.into_iter().zip(ids) {
            let path = kind.named_by().iter().find(|path| path.starts_with("/delete"));
            let body = naming(path.unwrap(), kind, id, &mut Rng::with_seed(7)).to_string();
            assert_eq!(shared.call(tenant, path.unwrap(), &body).await.status, 200);
        }
    }
    let contract = Contract::built_in().unwrap();
    let mut fields = 0;
    for endpoint in contract.endpoints() {
        for field in &endpoint.ids {
            let name = field.pointer.trim_start_matches('/');
            let place = KINDS.iter().position(|kind| kind.field() == name).unwrap();
            let unknown = uuid::Uuid::from_u128(0x7000 + fields).to_string();
            let ask = async |id: &str| {
                let body = call(&endpoint.path, &own, name, id);
                seen(&shared.call(0, &endpoint.path, &body.to_string()).await)
            };
            let expected = ask(&unknown).await;
            assert_eq!(expected.0, 404, "{} {name}: {expected:?}", endpoint.path);
            let of_another_kind = (place + 1) % 4;
            for id in [
                foreign[place].clone(),
                foreign[place].to_uppercase(),
                foreign_gone[place].clone(),
                gone[place].clone(),
                foreign[of_another_kind].clone(),
                own[of_another_kind].clone(),
                // Once more: now the records remember it.
                foreign[place].clone(),
                unknown.to_uppercase(),
            ] {
                assert_eq!(ask(&id).await, expected, "{} {name} {id}", endpoint.path);
            }
            fields += 1;
        }
    }
    assert_eq!(fields, 21, "an endpoint with an id was left out");
    for (kind, id) in KINDS.into_iter().zip(&foreign) {
        let path = kind.named_by()[0];
        let body = naming(path, kind, id, &mut Rng::with_seed(7)).to_string();
        assert_eq!(shared.call(1, path, &body).await.status, 200, "{path}: it is still there");
    }
}

#[tokio::test]
async fn a_tenant_with_nothing_sees_the_same_whether_the_other_has_something_or_not() {
    let empty = Shared::start(Duration::ZERO, |_| {}).await;
    let full = Shared::start(Duration::ZERO, |_| {}).await;
    one_of_each(&full, 1).await;
    for kind in KINDS {
        let alone = seen(&empty.call(0, kind.list(), "{}").await);
        let beside = seen(&full.call(0, kind.list(), "{}").await);
        assert_eq!(beside, alone, "{kind:?}");
    }
    let usage = async |shared: &Shared| {
        let request = format!(
            "GET /_gateway/usage HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-api-key: {}\r\n\r\n",
            crate::world::KEYS[0]
        );
        let mut body = shared.gateway.raw(request.as_bytes()).await.json();
        body["data"]["as_of"] = Value::Null;
        body
    };
    assert_eq!(usage(&full).await, usage(&empty).await);
}
