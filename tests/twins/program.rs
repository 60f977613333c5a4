//! A random program of two tenants, the same in both worlds.

use std::collections::BTreeSet;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::compare::{DRAWN_BY_WORLD, Names, TEXT, criteria, normal};
use crate::operations::{KINDS, Kind, making, naming};
use crate::support::gateway::Answer;

/// The most objects of a kind that one tenant has at once: two of them stay below the 20 that the
/// simulated account has room for.
const MOST: usize = 8;

/// Which id a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Own,
    Gone,
    Foreign,
    ForeignOfAnotherKind,
    OwnOfAnotherKind,
    Random,
}

const WHOSE: [Whose; 10] = [
    Whose::Own,
    Whose::Own,
    Whose::Own,
    Whose::Own,
    Whose::Own,
    Whose::Gone,
    Whose::Foreign,
    Whose::ForeignOfAnotherKind,
    Whose::OwnOfAnotherKind,
    Whose::Random,
];

/// An object with its id in each world.
#[derive(Debug, Clone)]
pub struct Object {
    pub kind: Kind,
    pub tenant: usize,
    pub ids: [String; 2],
    pub criteria: [Vec<String>; 2],
    pub is_there: bool,
}

/// One call, as each world gets it.
#[derive(Debug, Clone)]
pub struct Step {
    pub tenant: usize,
    pub path: &'static str,
    pub bodies: [Value; 2],
    /// Only the gateway is asked, and must refuse: another's id stands where no id is known.
    pub must_be_refused: bool,
    makes: Option<Kind>,
    /// The object that a deletion or an update names.
    object: Option<usize>,
}

/// What the program knows of the objects so far.
#[derive(Debug)]
pub struct Program {
    pub rng: Rng,
    pub objects: Vec<Object>,
    /// By tenant and world.
    pub names: [[Names; 2]; 2],
    /// In what the answers have differed.
    pub differences: BTreeSet<&'static str>,
    made: usize,
}

impl Program {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            objects: Vec::new(),
            names: Default::default(),
            differences: BTreeSet::new(),
            made: 0,
        }
    }

    /// The next call of a tenant.
    pub fn step(&mut self, tenant: usize) -> Step {
        let kind = *self.rng.choice(KINDS.iter()).unwrap();
        let there =
            |object: &&Object| object.is_there && object.kind == kind && object.tenant == tenant;
        let count = self.objects.iter().filter(there).count();
        let mut step = match self.rng.u32(0..10) {
            0..=3 if count < MOST => self.creation(tenant, kind),
            4 => self.list(tenant, kind),
            _ => self.call(tenant, kind),
        };
        match self.rng.u32(0..12) {
            0 => self.hide(&mut step, Whose::Foreign),
            1 => self.hide(&mut step, Whose::Random),
            2 => self.hide(&mut step, Whose::Own),
            _ => {}
        }
        step
    }

    fn creation(&mut self, tenant: usize, kind: Kind) -> Step {
        let path = self.rng.choice(kind.made_by().iter()).unwrap();
        self.made += 1;
        let body = making(path, self.made, &mut self.rng);
        let mut bodies = [body.clone(), body];
        if kind == Kind::Transcription {
            self.put(&mut bodies, tenant, Kind::Configuration);
            for optional in [Kind::Evaluator, Kind::Participant] {
                match self.rng.u32(0..4) {
                    0 => {}
                    1 => bodies.iter_mut().for_each(|body| body[optional.field()] = Value::Null),
                    _ => self.put(&mut bodies, tenant, optional),
                }
            }
        }
        let makes = Some(kind);
        Step { tenant, path, bodies, must_be_refused: false, makes, object: None }
    }

    fn list(&mut self, tenant: usize, kind: Kind) -> Step {
        let body = json!({ "limit": self.rng.u32(1..50), "page": 1 });
        let bodies = [body.clone(), body];
        let path = kind.list();
        Step { tenant, path, bodies, must_be_refused: false, makes: None, object: None }
    }

    /// A list without anything that could narrow it.
    pub fn whole_list(&self, tenant: usize, kind: Kind) -> Step {
        let (path, bodies) = (kind.list(), [json!({}), json!({})]);
        Step { tenant, path, bodies, must_be_refused: false, makes: None, object: None }
    }

    fn call(&mut self, tenant: usize, kind: Kind) -> Step {
        let path = *self.rng.choice(kind.named_by().iter()).unwrap();
        let (ids, object) = self.pick(tenant, kind);
        let body = naming(path, kind, "", &mut self.rng);
        let mut bodies = [body.clone(), body];
        for (body, id) in bodies.iter_mut().zip(&ids) {
            body[kind.field()] = id.as_str().into();
        }
        if path == "/update-evaluator" && self.rng.bool() {
            self.put_criteria(&mut bodies, tenant);
        }
        Step { tenant, path, bodies, must_be_refused: false, makes: None, object }
    }

    /// Criteria by the ids of any evaluator: only those of the evaluator itself may be changed.
    fn put_criteria(&mut self, bodies: &mut [Value; 2], tenant: usize) {
        let own = bodies[0]["evaluator_id"].as_str().unwrap().to_ascii_lowercase();
        let has_criteria = |one: &Object| !one.criteria[0].is_empty();
        let same = self
            .objects
            .iter()
            .position(|one| one.ids[0] == own && one.tenant == tenant && has_criteria(one));
        let any = (0..self.objects.len()).filter(|one| has_criteria(&self.objects[*one]));
        let any: Vec<usize> = any.collect();
        let chosen = if self.rng.u32(0..3) > 0 { same } else { self.rng.choice(any) };
        let Some(chosen) = chosen else { return };
        let weights: &[u32] = [&[][..], &[100], &[60, 40], &[50, 30, 20]]
            [self.objects[chosen].criteria[0].len().min(3)];
        for (world, body) in bodies.iter_mut().enumerate() {
            let ids = self.objects[chosen].criteria[world].iter().zip(weights);
            let criterion = |(id, weight): (&String, &u32)| json!({ "id": id, "name": "changed", "description": "Was it?", "weight": weight });
            body["criteria"] = ids.map(criterion).collect();
        }
    }

    fn put(&mut self, bodies: &mut [Value; 2], tenant: usize, kind: Kind) {
        let (ids, _) = self.pick(tenant, kind);
        for (body, id) in bodies.iter_mut().zip(ids) {
            body[kind.field()] = id.into();
        }
    }

    /// An id in both worlds; another's is that of the other account, in the world without a gateway.
    fn pick(&mut self, tenant: usize, kind: Kind) -> ([String; 2], Option<usize>) {
        let whose = *self.rng.choice(WHOSE.iter()).unwrap();
        let Some(place) = self.find(tenant, kind, whose) else { return (self.random(), None) };
        let mut ids = self.objects[place].ids.clone();
        if self.rng.u32(0..4) == 0 {
            ids = ids.map(|id| id.to_uppercase());
        }
        (ids, Some(place))
    }

    fn find(&mut self, tenant: usize, kind: Kind, whose: Whose) -> Option<usize> {
        let fits = |object: &Object| match whose {
            Whose::Own => object.is_there && object.kind == kind && object.tenant == tenant,
            Whose::Gone => !object.is_there && object.kind == kind,
            Whose::Foreign => object.is_there && object.kind == kind && object.tenant != tenant,
            Whose::ForeignOfAnotherKind => object.kind != kind && object.tenant != tenant,
            Whose::OwnOfAnotherKind => {
                object.is_there && object.kind != kind && object.tenant == tenant
            }
            Whose::Random => false,
        };
        let fitting: Vec<usize> =
            (0..self.objects.len()).filter(|place| fits(&self.objects[*place])).collect();
        self.rng.choice(fitting)
    }

    fn random(&mut self) -> [String; 2] {
        let id = uuid::Uuid::from_u128(self.rng.u128(..)).to_string();
        [id.clone(), id]
    }

    /// Puts an id where the contract knows of none.
    fn hide(&mut self, step: &mut Step, whose: Whose) {
        let kind = *self.rng.choice(KINDS.iter()).unwrap();
        let ids = match self.find(step.tenant, kind, whose) {
            Some(place) => self.objects[place].ids.clone(),
            None if whose == Whose::Random => self.random(),
            None => return,
        };
        step.must_be_refused = whose == Whose::Foreign;
        let place = self.rng.u32(0..4);
        for (body, id) in step.bodies.iter_mut().zip(ids) {
            body["x-unknown"] = match place {
                0 => json!(id),
                1 => json!({ "deeper": [[], { "still": id }] }),
                2 => json!({ id: 1 }),
                _ => json!([{}, null, id.to_uppercase().replace('-', "")]),
            };
        }
    }

    /// Takes in what the two worlds have answered, and asserts that it is the same.
    pub fn learn(&mut self, step: &Step, answers: &[Answer; 2]) {
        let done = answers.iter().all(|answer| answer.status < 300);
        // What is new has to have a name before it can be compared.
        match (step.makes, step.object, step.path) {
            (Some(kind), ..) if done => self.take(step, kind, answers),
            (None, Some(place), "/update-evaluator") if done => self.name_criteria(place, answers),
            (None, Some(place), path) if done && path.starts_with("/delete") => {
                self.objects[place].is_there = false;
            }
            _ => {}
        }
        let [gateway, direct] =
            [0, 1].map(|world| normal(&answers[world], step.path, &self.names[step.tenant][world]));
        assert_eq!(gateway, direct, "{step:#?}\n{answers:#?}");
        if answers[0].json() != answers[1].json() {
            let not_found = answers[0].status == 404;
            self.differences.insert(if not_found { TEXT } else { DRAWN_BY_WORLD });
        }
    }

    fn take(&mut self, step: &Step, kind: Kind, answers: &[Answer; 2]) {
        let place = self.objects.len();
        let ids = [0, 1].map(|world| id_in(&answers[world], kind));
        let object = Object {
            kind,
            tenant: step.tenant,
            ids: ids.clone(),
            criteria: Default::default(),
            is_there: true,
        };
        self.objects.push(object);
        for (world, id) in ids.into_iter().enumerate() {
            self.names[step.tenant][world].insert(id, format!("<object {place}>"));
        }
        if kind == Kind::Evaluator {
            self.name_criteria(place, answers);
        }
    }

    fn name_criteria(&mut self, place: usize, answers: &[Answer; 2]) {
        let found = [criteria(&answers[0]), criteria(&answers[1])];
        if found[0].is_empty() {
            return;
        }
        let tenant = self.objects[place].tenant;
        for (world, ids) in found.iter().enumerate() {
            for (number, id) in ids.iter().enumerate() {
                let name = format!("<criterion {number} of {place}>");
                self.names[tenant][world].insert(id.clone(), name);
            }
        }
        self.objects[place].criteria = found;
    }
}

/// The id in the answer to a creation.
pub fn id_in(answer: &Answer, kind: Kind) -> String {
    let body = answer.json();
    let data = &body["data"];
    let nested = match kind {
        Kind::Evaluator => &data["evaluator"],
        Kind::Participant => &data["participant"],
        Kind::Configuration | Kind::Transcription => data,
    };
    nested[kind.field()].as_str().unwrap_or_else(|| panic!("no id: {answer:?}")).to_owned()
}
