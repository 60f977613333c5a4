//! Does the file keep what was written into it, and nothing else?

mod access;
mod batch;
mod recount;
mod torn;

use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::entry::{Entry, Fact};
use super::super::memory::Memory;
use super::super::recount::verify;
use super::super::samples::{hold, id, moment, next, reserve, tenant};
use super::super::store::{Store, StoreError};
use super::super::suite::{self, commit};
use super::super::words::{Balance, Meter, Payer};
use super::{Missing, Sqlite};

/// A folder, and the path of a file in it.
fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("records.db");
    (folder, path)
}

fn text<T: std::fmt::Debug>(refused: Result<T, StoreError>) -> String {
    refused.unwrap_err().0
}

fn one(number: u64) -> [Entry; 1] {
    [reserve(number, tenant(number), Some(1000))]
}

fn lines(store: &mut dyn Store) -> usize {
    store.journal(0, usize::MAX).unwrap().len()
}

/// The chain holds, and the tables are what the journal says.
fn assert_sound(store: &mut dyn Store) {
    let (_, differences) = verify(store).unwrap();
    assert_eq!(differences, Vec::<String>::new());
}

#[test]
fn a_file_keeps_what_is_asked_of_every_engine() {
    let (_folder, path) = folder();
    suite::run(&mut Sqlite::serve(&path).unwrap());
    assert_sound(&mut Sqlite::serve(&path).unwrap());
}

#[test]
fn a_file_that_is_opened_again_has_all_that_was_committed() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    commit(&mut store, 1, &one(1)).unwrap();
    let before = store.contents().unwrap();
    drop(store);
    let mut store = Sqlite::serve(&path).unwrap();
    assert_eq!(before.differences(&store.contents().unwrap()), Vec::<String>::new());
    commit(&mut store, 2, &one(2)).unwrap();
    assert_eq!(lines(&mut store), 2);
    assert_sound(&mut store);
}

#[test]
fn a_rollback_leaves_nothing() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    commit(&mut store, 1, &one(1)).unwrap();
    let before = store.contents().unwrap();
    store.begin().unwrap();
    store.write(moment(2), &one(2)[0]).unwrap();
    store.schedule(&id(1), Some((moment(3), 0))).unwrap();
    assert_eq!(lines(&mut store), 2, "the transaction sees itself");
    store.rollback();
    assert_eq!(before.differences(&store.contents().unwrap()), Vec::<String>::new());
    assert_eq!(store.due(moment(9), 9).unwrap(), []);
    assert_eq!(lines(&mut store), 1);
    commit(&mut store, 2, &one(2)).unwrap();
    assert_sound(&mut store);
}

#[test]
fn what_was_begun_and_not_committed_is_gone_with_the_process() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    store.begin().unwrap();
    store.write(moment(1), &one(1)[0]).unwrap();
    drop(store);
    assert_eq!(lines(&mut Sqlite::serve(&path).unwrap()), 0);
}

#[test]
fn nothing_is_written_outside_a_transaction() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    assert!(text(store.write(moment(1), &one(1)[0])).contains("no transaction"));
    assert!(text(store.schedule(&id(1), None)).contains("no transaction"));
    assert!(text(store.commit()).contains("no transaction"));
    assert_eq!(lines(&mut store), 0);
}

#[test]
fn a_write_that_fails_takes_its_whole_transaction_with_it() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    let vast = hold(&Payer::Account, Meter::Minutes, i64::MAX);
    let fact = Fact::Delete { object: id(1) };
    store.begin().unwrap();
    store.write(moment(1), &one(1)[0]).unwrap();
    let refused = store.write(moment(2), &Entry { fact, postings: vec![vast.clone(), vast] });
    assert!(refused.is_err());
    assert!(store.write(moment(3), &one(3)[0]).is_err(), "the rest of it is not kept either");
    assert!(store.commit().is_err());
    let balance = store.balance(&Payer::Account, &Meter::Minutes, moment(0)).unwrap();
    assert_eq!((lines(&mut store), balance), (0, Balance::default()));
    commit(&mut store, 4, &one(4)).unwrap();
    assert_sound(&mut store);
}

#[test]
fn a_full_disk_keeps_nothing_and_is_forgotten_when_there_is_space() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    commit(&mut store, 1, &one(1)).unwrap();
    let pages: i64 = store.ask(|c| c.query_row("PRAGMA page_count", [], |row| row.get(0))).unwrap();
    let limit = |store: &Sqlite, pages: i64| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        store.ask(|c| c.query_row(&sql, [], |row| row.get::<_, i64>(0))).unwrap();
    };
    limit(&store, pages);
    let many: Vec<_> = (10..200).map(|number| one(number)[0].clone()).collect();
    assert!(text(commit(&mut store, 10, &many)).contains("no space is left"));
    store.rollback();
    assert_eq!(lines(&mut store), 1);
    assert_sound(&mut store);
    limit(&store, 1_000_000);
    commit(&mut store, 10, &many).unwrap();
    assert_eq!(lines(&mut store), 191);
    assert_sound(&mut store);
}

#[test]
fn the_journal_cannot_be_changed_by_hand() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    commit(&mut store, 1, &one(1)).unwrap();
    for sql in ["UPDATE journal SET at = 0", "DELETE FROM journal"] {
        assert!(text(store.ask(|c| c.execute(sql, []))).contains("the journal is never"));
    }
}

#[test]
fn people_can_read_the_tables() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    commit(&mut store, 1, &one(1)).unwrap();
    let row =
        |sql: &str| -> String { store.ask(|c| c.query_row(sql, [], |row| row.get(0))).unwrap() };
    let journal = row("SELECT concat_ws(' ', time, kind, tenant) FROM journal_readable");
    assert_eq!(journal, "2026-09-21T14:13:21Z reserve globex");
    let balance =
        row("SELECT concat_ws(' ', payer, month, held * 60, unit) FROM balance_readable \
         WHERE meter = 'minutes' ORDER BY payer");
    assert_eq!(balance, "(account) 2026-09-21T14:13:20Z 1.0 minutes");
    let reservation =
        row("SELECT concat_ws(' ', state, opened, held_minutes * 60) FROM reservation_readable");
    assert_eq!(reservation, "open 2026-09-21T14:13:21Z 1.0");
}

#[test]
fn the_page_on_the_tables_asks_what_they_answer() {
    let (_folder, path) = folder();
    let store = Sqlite::serve(&path).unwrap();
    let page = include_str!("../../../../docs/records-schema.md");
    let blocks = page.split("```sql").skip(1).map(|rest| rest.split("```").next().unwrap());
    let questions: Vec<_> =
        blocks.flat_map(|block| block.split(';')).filter(|sql| !sql.trim().is_empty()).collect();
    assert_eq!(questions.len(), 5);
    for sql in questions {
        store.ask(|c| c.prepare(sql).map(|_| ())).unwrap();
    }
    let tables = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')";
    let row = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let names: Vec<_> = store.ask(|c| c.prepare(tables)?.query_map([], row)?.collect()).unwrap();
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name} is not on the page");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever may happen happens alike in a file and in memory, and recounts.
    #[test]
    fn a_file_and_the_memory_keep_the_same(
        commits in prop::collection::vec(
            (prop::collection::vec((any::<u8>(), 0u64..40), 1..8), prop::bool::weighted(0.8)), 1..8,
        ),
    ) {
        let (_folder, path) = folder();
        let mut file = Sqlite::serve(&path).unwrap();
        let (mut memory, mut number) = (Memory::default(), 0);
        for (steps, kept) in commits {
            if !kept {
                file.begin().unwrap();
                file.write(moment(number + 1), &one(number + 1)[0]).unwrap();
                file.rollback();
            }
            file.begin().unwrap();
            for (choice, which) in steps {
                number += 1;
                let entry = next(&mut memory, number, choice, which);
                file.write(moment(number), &entry).unwrap();
                memory.write(moment(number), &entry).unwrap();
            }
            file.commit().unwrap();
        }
        let differences = memory.differences(&file.contents().unwrap());
        prop_assert_eq!(differences, Vec::<String>::new());
        let (written, kept) = (memory.journal(0, 1000), file.journal(0, 1000));
        prop_assert_eq!(written.unwrap(), kept.unwrap());
        drop(file);
        assert_sound(&mut Sqlite::serve(&path).unwrap());
    }
}
