//! How are found objects given to a holder, without taking one from a tenant?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heify_gateway::records::ledger::{Adopted, adopt};
use heify_gateway::records::{Holder, Moment, State, Store, Stored};

use super::Objects;
use crate::cli::beside::{Beside, Trouble};

/// How many objects are written at once: a running gateway waits no longer than that takes.
const PIECE: usize = 200;
/// How often it is looked whether calls have ended.
const LOOK: Duration = Duration::from_millis(200);
/// Longer than calls take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of the objects of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    pub(super) adopted: usize,
    pub(super) known: usize,
    pub(super) taken: usize,
}

impl Count {
    pub(super) fn found(self) -> usize {
        self.adopted + self.known + self.taken
    }

    fn add(&mut self, adopted: &Adopted) {
        match adopted {
            Adopted::New => self.adopted += 1,
            Adopted::Already => self.known += 1,
            Adopted::Taken(_) => self.taken += 1,
        }
    }
}

/// Waits until no call is on its way any more that may have made one of the listed objects for a
/// tenant: it would find its own object given away. Returns how many calls per kind of others than the
/// holder are lost for good: what they made is among the listed objects, and nobody knows which it is.
pub(super) fn wait_for_calls(
    beside: &Beside,
    objects: &Objects,
    holder: &Holder,
    listed: Moment,
) -> Result<BTreeMap<Arc<str>, usize>, Trouble> {
    let until = Instant::now() + PATIENCE;
    loop {
        let (open, lost) = beside.read_or_empty(|store| making(store, objects, holder, listed))?;
        if open == 0 {
            return Ok(lost);
        }
        if Instant::now() >= until {
            let text = format!("{open} calls that make such objects do not end: try again later");
            return Err(Trouble::Refused(text));
        }
        std::thread::sleep(LOOK);
    }
}

/// How many calls that make one of these kinds are on their way since before the lists were read, and
/// how many of each kind are lost that others than the holder made.
fn making(
    store: &mut dyn Store,
    objects: &Objects,
    holder: &Holder,
    listed: Moment,
) -> Stored<(usize, BTreeMap<Arc<str>, usize>)> {
    let makes = |creates: &Option<Arc<str>>| {
        creates.as_ref().filter(|kind| objects.contains_key(*kind)).cloned()
    };
    let open = store.in_state(State::Open, usize::MAX)?;
    let open = open.iter().filter(|one| one.opened <= listed);
    let open = open.filter_map(|one| makes(&one.opening.creates)).count();
    let mut lost = BTreeMap::new();
    for one in store.in_state(State::Lost, usize::MAX)? {
        let is_own = *holder == Holder::Tenant(Arc::clone(&one.opening.tenant));
        if let Some(kind) = makes(&one.opening.creates).filter(|_| !is_own) {
            *lost.entry(kind).or_default() += 1;
        }
    }
    Ok((open, lost))
}

/// Adopts what the records do not know.
pub(super) fn give(
    beside: &Beside,
    objects: &Objects,
    holder: &Holder,
) -> Result<BTreeMap<Arc<str>, Count>, Trouble> {
    let mut counts = BTreeMap::new();
    for (kind, ids) in objects {
        let count: &mut Count = counts.entry(Arc::clone(kind)).or_default();
        let ids: Vec<_> = ids.iter().collect();
        for piece in ids.chunks(PIECE) {
            let now = Moment::now();
            let adopted = beside.write(|store| {
                let adopted = piece.iter().map(|id| adopt(store, id, kind, holder, now));
                adopted.collect::<Stored<Vec<_>>>()
            })?;
            adopted.iter().for_each(|adopted| count.add(adopted));
        }
    }
    Ok(counts)
}

/// What [`give`] would do.
pub(super) fn look(
    store: &mut dyn Store,
    objects: &Objects,
    holder: &Holder,
) -> Stored<BTreeMap<Arc<str>, Count>> {
    let mut counts = BTreeMap::new();
    for (kind, ids) in objects {
        let count: &mut Count = counts.entry(Arc::clone(kind)).or_default();
        for id in ids {
            count.add(&match store.object(id)? {
                None => Adopted::New,
                Some(known) if known.holder == *holder => Adopted::Already,
                Some(known) => Adopted::Taken(known.holder),
            });
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use heify_gateway::records::{AudioMillis, Entry, Fact, Memory, Opening, ledger};
    use uuid::Uuid;

    use super::*;

    const NOW: Moment = Moment(1_790_000_000_000);

    fn objects(ids: &[u128]) -> Objects {
        Objects::from([("thing".into(), ids.iter().map(|id| Uuid::from_u128(*id)).collect())])
    }

    #[test]
    fn a_look_tells_what_is_new_known_and_held_by_others() {
        let mut store = Memory::default();
        let [acme, globex] = ["acme", "globex"].map(|id| Holder::Tenant(id.into()));
        for (id, holder) in [(1, &acme), (2, &globex)] {
            adopt(&mut store, &Uuid::from_u128(id), &"thing".into(), holder, NOW).unwrap();
        }
        let counts = look(&mut store, &objects(&[1, 2, 3]), &acme).unwrap();
        assert_eq!(counts["thing"], Count { adopted: 1, known: 1, taken: 1 });
        assert_eq!(counts["thing"].found(), 3);
        assert_eq!(store.object(&Uuid::from_u128(3)).unwrap(), None);
    }

    #[test]
    fn calls_that_may_have_made_a_listed_object_are_counted_and_later_ones_are_not() {
        let mut store = Memory::default();
        for (number, creates, at) in
            [(1, "thing", 0), (2, "other", 0), (3, "thing", 1), (4, "thing", 0)]
        {
            let opening = Opening {
                reservation: Uuid::from_u128(number),
                tenant: "acme".into(),
                label: None,
                key: "k".into(),
                endpoint: "/make".into(),
                request: "r".into(),
                creates: Some(creates.into()),
                minutes: Some(AudioMillis(1)),
                upload: false,
            };
            store.write(Moment(NOW.0 + at), &Entry::plain(Fact::Reserve(opening))).unwrap();
        }
        ledger::lose(&mut store, &Uuid::from_u128(4), NOW).unwrap();
        let [acme, globex] = ["acme", "globex"].map(|id| Holder::Tenant(id.into()));
        let (open, lost) = making(&mut store, &objects(&[9]), &globex, NOW).unwrap();
        assert_eq!((open, lost), (1, BTreeMap::from([("thing".into(), 1)])));
        // What a tenant's own lost calls made may be given to it.
        let (open, lost) = making(&mut store, &objects(&[9]), &acme, NOW).unwrap();
        assert_eq!((open, lost), (1, BTreeMap::new()));
    }
}
