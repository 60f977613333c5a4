//! Does it hold when both tenants are at work at the same time?

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use heify_gateway::records::Payer;
use serde_json::Value;

use crate::operations::{KINDS, Kind, naming};
use crate::program::Program;
use crate::world::Shared;

const STEPS: usize = 150;

/// What has been made, by whom.
type Made = RefCell<Vec<(usize, Kind, String)>>;

/// One tenant's own program, with calls for the other's objects in between.
async fn work(shared: &Shared, tenant: usize, seed: u64, made: &Made) -> Program {
    let mut program = Program::new(seed);
    for _ in 0..STEPS {
        let step = program.step(tenant);
        let answer = shared.call(tenant, step.path, &step.bodies[0].to_string()).await;
        let known = program.objects.len();
        program.learn(&step, &[answer.clone(), answer]);
        let new = program.objects[known..].iter();
        made.borrow_mut().extend(new.map(|one| (tenant, one.kind, one.ids[0].clone())));
        touch(shared, tenant, made, &mut program.rng).await;
    }
    program
}

/// Another's object does not exist, at any moment of its life.
async fn touch(shared: &Shared, tenant: usize, made: &Made, rng: &mut Rng) {
    let others = made.borrow().iter().filter(|one| one.0 != tenant).cloned().collect::<Vec<_>>();
    let Some((_, kind, id)) = rng.choice(others) else { return };
    let path = rng.choice(kind.named_by()).unwrap();
    let body = naming(path, kind, &id, rng);
    shared.call(tenant, path, &body.to_string()).await.assert_refused(404, "unknown_id");
}

/// The ids in a list, and what it says of their number.
async fn listed(shared: &Shared, tenant: usize, kind: Kind) -> BTreeSet<String> {
    let answer = shared.call(tenant, kind.list(), "{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let data = body["data"].as_object().unwrap();
    let items = data.values().find_map(Value::as_array).unwrap();
    let ids: BTreeSet<String> =
        items.iter().map(|item| item[kind.field()].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), items.len(), "{answer:?}");
    if let Some(count) = data.get("count") {
        assert_eq!(count, items.len(), "{answer:?}");
    }
    ids
}

#[tokio::test]
async fn each_list_is_what_the_tenants_own_program_made_and_did_not_delete() {
    for (seed, processing) in [(11, Duration::ZERO), (12, Duration::from_secs(3600))] {
        let shared = Shared::start(processing, |_| {}).await;
        let made = Made::default();
        let (one, other) = futures_util::future::join(
            work(&shared, 0, seed, &made),
            work(&shared, 1, seed + 100, &made),
        )
        .await;
        for (tenant, program) in [one, other].into_iter().enumerate() {
            for kind in KINDS {
                let there = program.objects.iter().filter(|one| one.is_there && one.kind == kind);
                let expected: BTreeSet<String> = there.map(|one| one.ids[0].clone()).collect();
                assert_eq!(listed(&shared, tenant, kind).await, expected, "{tenant} {kind:?}");
                let name = kind.field().trim_end_matches("_id");
                let payer = Payer::Tenant(["team-a", "team-b"][tenant].into());
                let booked = shared.booked(name, payer).await;
                assert_eq!(booked, (i64::try_from(expected.len()).unwrap(), 0), "{tenant} {name}");
            }
        }
        shared.assert_clean();
    }
}
