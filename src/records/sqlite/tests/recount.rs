//! Does a recount that lets go of what is closed find what a recount of everything finds?

use std::path::Path;

use super::super::super::entry::{Holder, Sharing};
use super::super::super::recount::recount;
use super::super::super::samples::{adopt, settle};
use super::super::super::state::State;
use super::super::super::words::AudioMillis;
use super::*;

/// What somebody does to the tables by hand; each is no change where there is no such row.
const BY_HAND: [&str; 12] = [
    "SELECT 1",
    "UPDATE reservation SET billed = 77 WHERE id = (SELECT min(id) FROM reservation)",
    "UPDATE reservation SET state = 'released' WHERE state = 'settled'",
    "UPDATE reservation SET holds = '[]' WHERE id = (SELECT max(id) FROM reservation)",
    "DELETE FROM reservation WHERE id = (SELECT max(id) FROM reservation)",
    "DELETE FROM reservation WHERE state = 'settled'",
    "INSERT INTO reservation SELECT '01900000-0000-7000-8000-0000000000ff', opened, state, tenant, \
     label, key, endpoint, request, creates, minutes, upload, object, holds, length, billed, closed, \
     why FROM reservation WHERE id = (SELECT min(id) FROM reservation)",
    "UPDATE object SET kind = 'stranger' WHERE id = (SELECT max(id) FROM object)",
    "DELETE FROM object WHERE id = (SELECT min(id) FROM object)",
    "INSERT INTO object SELECT '01900000-0000-7000-8000-0000000000ff', kind, holder, reservation \
     FROM object WHERE id = (SELECT min(id) FROM object)",
    "UPDATE balance SET held = held + 1 WHERE payer = ''",
    "DELETE FROM issued_key",
];

fn whole(store: &mut dyn Store) -> Vec<String> {
    recount(store).unwrap().contents.differences(&store.contents().unwrap())
}

/// A history, of which each call was chosen by two numbers.
fn written(path: &Path, steps: &[(u8, u64)]) -> Sqlite {
    let mut file = Sqlite::serve(path).unwrap();
    let mut memory = Memory::default();
    file.begin().unwrap();
    for (number, (choice, which)) in (1..).zip(steps) {
        let entry = next(&mut memory, number, *choice, *which);
        file.write(moment(number), &entry).unwrap();
        memory.write(moment(number), &entry).unwrap();
    }
    file.commit().unwrap();
    file
}

#[test]
fn a_recount_keeps_what_is_open_and_lets_go_of_the_rest() {
    let (_folder, path) = folder();
    let mut random = fastrand::Rng::with_seed(11);
    let steps: Vec<_> = (0..600).map(|_| (random.u8(..), random.u64(..40))).collect();
    let mut file = written(&path, &steps);
    let (kept, differences) = verify(&mut file).unwrap();
    assert_eq!(differences, Vec::<String>::new());
    let all = file.contents().unwrap();
    assert!(all.reservations.len() > 100 && all.objects.len() > 20);
    let open = |state| all.reservations.values().filter(move |one| one.state == state).count();
    let open: usize = [State::Open, State::Lost, State::Bound].into_iter().map(open).sum();
    let kept = (kept.contents.reservations.len(), kept.contents.objects.len());
    // A settled call that was adjusted to what it was, or an object that came again, is kept.
    assert!(open <= kept.0 && kept.0 < open + 20, "{kept:?} with {open} open");
    assert!(kept.1 < 10, "{kept:?}");
}

#[test]
fn what_comes_again_after_it_was_let_go_of_is_no_difference() {
    let (_folder, path) = folder();
    let mut file = Sqlite::serve(&path).unwrap();
    let gone = Entry::plain(Fact::Delete { object: id(2) });
    let adopted = adopt(2, Holder::Shared(Sharing::Everybody));
    let entries = [gone.clone(), adopted.clone(), gone, adopted];
    commit(&mut file, 1, &entries).unwrap();
    assert_sound(&mut file);
    commit(&mut file, 9, &[Entry::plain(Fact::Delete { object: id(2) })]).unwrap();
    assert_sound(&mut file);
}

/// Writes what changes a table, puts the table back by hand, and gives what a recount finds.
fn undone(table: &str, columns: &str, before: &[Entry], after: Entry) -> Vec<String> {
    let (_folder, path) = folder();
    let mut file = Sqlite::serve(&path).unwrap();
    commit(&mut file, 1, before).unwrap();
    let backup = format!("CREATE TEMP TABLE old AS SELECT {columns} FROM {table}");
    file.ask(|connection| connection.execute_batch(&backup)).unwrap();
    commit(&mut file, 9, &[after]).unwrap();
    assert_sound(&mut file);
    let restore = format!("REPLACE INTO {table} ({columns}) SELECT * FROM old");
    file.ask(|connection| connection.execute_batch(&restore)).unwrap();
    let differences = verify(&mut file).unwrap().1;
    assert_eq!(differences, whole(&mut file));
    differences
}

#[test]
fn a_row_that_is_again_what_it_once_was_is_a_difference() {
    let mut memory = Memory::default();
    let reserved = one(3)[0].clone();
    memory.apply(moment(1), &reserved);
    let settled = settle(&memory.reservations[&id(3)], 500);
    let adjusted = Fact::Adjust { reservation: id(3), length: None, billed: AudioMillis(0) };
    let columns = "id, opened, state, tenant, label, key, endpoint, request, creates, minutes, \
                   upload, object, holds, length, billed, closed, why";
    let found = undone("reservation", columns, &[reserved, settled], Entry::plain(adjusted));
    assert!(found.len() == 1 && found[0].starts_with("reservation"), "{found:?}");

    let adopted = adopt(2, Holder::Shared(Sharing::Everybody));
    let gone = Entry::plain(Fact::Delete { object: id(2) });
    let found = undone("object", "id, kind, holder, reservation", &[adopted], gone);
    assert!(found.len() == 1 && found[0].starts_with("object"), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_recount_in_pieces_finds_what_a_whole_one_finds(
        steps in prop::collection::vec((any::<u8>(), 0u64..40), 1..60),
        by_hand in 0usize..BY_HAND.len(),
    ) {
        let (_folder, path) = folder();
        let mut file = written(&path, &steps);
        prop_assert_eq!(verify(&mut file).unwrap().1, Vec::<String>::new());
        file.ask(|connection| connection.execute_batch(BY_HAND[by_hand])).unwrap();
        let expected = whole(&mut file);
        let (recount, differences) = verify(&mut file).unwrap();
        prop_assert_eq!(differences, expected, "{}", BY_HAND[by_hand]);
        prop_assert_eq!(recount.lines, steps.len() as u64);
    }
}
