//! Does a random program of two tenants get the same answers in both worlds?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use heify_gateway::contract::Contract;

use crate::compare::{DIFFERENCES, ELSEWHERE};
use crate::operations::KINDS;
use crate::program::Program;
use crate::world::{Shared, apart, direct};

const STEPS: usize = 220;

/// How often each path was answered with each status.
type Answered = BTreeMap<(&'static str, u16), usize>;

/// Runs one program in both worlds; every answer is compared.
async fn run(seed: u64, processing: Duration) -> (Answered, BTreeSet<&'static str>) {
    let shared = Shared::start(processing, |_| {}).await;
    let apart = apart(processing).await;
    let mut program = Program::new(seed);
    let mut answered = Answered::new();
    for _ in 0..STEPS {
        let tenant = program.rng.usize(0..2);
        let step = program.step(tenant);
        let answer = shared.call(tenant, step.path, &step.bodies[0].to_string()).await;
        if step.must_be_refused {
            answer.assert_refused(404, "unknown_id");
            program.differences.insert(ELSEWHERE);
            continue;
        }
        let twin = direct(&apart, tenant, step.path, &step.bodies[1].to_string()).await;
        let others = program.objects.iter().filter(|one| one.tenant != tenant);
        for other in others.filter(|one| !step.bodies[0].to_string().contains(&one.ids[0])) {
            assert!(!answer.body.contains(&other.ids[0]), "{step:#?}\n{answer:#?}");
        }
        *answered.entry((step.path, answer.status)).or_default() += 1;
        program.learn(&step, &[answer, twin]);
    }
    for tenant in [0, 1] {
        for kind in KINDS {
            let step = program.whole_list(tenant, kind);
            let answer = shared.call(tenant, step.path, "{}").await;
            let twin = direct(&apart, tenant, step.path, "{}").await;
            program.learn(&step, &[answer, twin]);
        }
    }
    shared.assert_clean();
    (answered, program.differences)
}

#[tokio::test]
async fn each_tenant_sees_what_it_would_see_with_an_account_of_its_own() {
    let (mut answered, mut differences) = (Answered::new(), BTreeSet::new());
    let hour = Duration::from_secs(3600);
    for (seed, processing) in
        [(1, Duration::ZERO), (2, hour), (3, Duration::ZERO), (4, hour), (5, Duration::ZERO)]
    {
        let (of_it, differing) = run(seed, processing).await;
        differences.extend(differing);
        for (key, count) in of_it {
            *answered.entry(key).or_default() += count;
        }
    }
    let excused: BTreeSet<&str> = DIFFERENCES.iter().map(|(name, _)| *name).collect();
    assert_eq!(differences, excused);
    let contract = Contract::built_in().unwrap();
    let paths: BTreeSet<&str> = contract.endpoints().iter().map(|one| &*one.path).collect();
    assert_eq!(paths.len(), 24);
    for path in paths {
        let done = answered.iter().any(|((known, status), _)| *known == path && *status < 300);
        assert!(done, "{path} never succeeded: {answered:#?}");
    }
    for kind in KINDS {
        for path in kind.named_by() {
            assert!(answered.contains_key(&(path, 404)), "{path} never met an unknown id");
        }
    }
}
