//! Does a torn file ever read as something that was never committed?
//!
//! Hundreds of copies are cut, flipped and zeroed at random, always the same places. Each is refused,
//! or has exactly what some commit left.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::super::super::samples::{moment, next};
use super::*;

/// A page of the file, and the header of one in the log.
const PAGE: usize = 4096;

/// What each commit left, by the journal's head.
type History = HashMap<String, Memory>;

/// Writes a history, and gives the bytes of the file and its log.
fn written(checkpoint: bool) -> (Vec<u8>, Vec<u8>, History, String) {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let (mut memory, mut history) = (Memory::default(), History::new());
    history.insert(String::new(), Memory::default());
    let mut head = String::new();
    let mut number = 0;
    for _ in 0..30 {
        store.begin().unwrap();
        for _ in 0..random.u64(1..6) {
            number += 1;
            let entry = next(&mut memory, number, random.u8(..), random.u64(..40));
            store.write(moment(number), &entry).unwrap();
            memory.write(moment(number), &entry).unwrap();
        }
        store.commit().unwrap();
        head = memory.journal(number - 1, 1).unwrap()[0].hash.to_string();
        history.insert(head.clone(), memory.contents().unwrap());
    }
    if checkpoint {
        store.ask(|c| c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))).unwrap();
    }
    let log = fs::read(path.with_extension("db-wal")).unwrap();
    (fs::read(&path).unwrap(), log, history, head)
}

/// Cuts, flips or zeroes, by the number of the variant.
fn torn(whole: &[u8], variant: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(variant as u64);
    let mut bytes = whole.to_vec();
    match variant % 4 {
        0 => bytes.truncate(random.usize(..whole.len())),
        1 => bytes[random.usize(..whole.len())] ^= 1 << random.u8(..8),
        2 => {
            let page = random.usize(..whole.len().div_ceil(PAGE)) * PAGE;
            let end = whole.len().min(page + PAGE);
            bytes[page..end].fill(0);
        }
        // The first bytes decide the most.
        _ => bytes[random.usize(..200)] = random.u8(..),
    }
    bytes
}

/// The head of what is found, which is exactly what the commit of that head left; `None`: refused,
/// and left as it was.
fn opened(path: &Path, history: &History, variant: usize) -> Option<String> {
    fs::write(path.with_extension("db.lock"), "records were made here").unwrap();
    let bytes = || (fs::read(path).unwrap(), fs::read(path.with_extension("db-wal")).ok());
    let before = bytes();
    let Ok(mut store) = Sqlite::serve(path) else {
        let unchanged = bytes().0 == before.0 && (before.1.is_none() || bytes().1 == before.1);
        assert!(unchanged, "variant {variant} was refused and changed");
        return None;
    };
    let (recount, differences) = verify(&mut store).unwrap();
    assert_eq!(differences, Vec::<String>::new(), "variant {variant}");
    let left = history.get(&recount.head);
    let left = left.unwrap_or_else(|| panic!("variant {variant}: nobody committed this"));
    let differences = left.differences(&store.contents().unwrap());
    assert_eq!(differences, Vec::<String>::new(), "variant {variant}");
    Some(recount.head)
}

#[test]
fn a_torn_file_has_the_last_commit_or_is_refused() {
    let (file, log, history, head) = written(true);
    assert!(log.is_empty());
    let (folder, _) = folder();
    let mut refused = 0;
    for variant in 0..160 {
        let path = folder.path().join(format!("{variant}.db"));
        fs::write(&path, torn(&file, variant)).unwrap();
        match opened(&path, &history, variant) {
            Some(found) => assert_eq!(found, head, "variant {variant}"),
            None => refused += 1,
        }
    }
    // Some flips hit bytes that nothing is kept in.
    assert!(refused > 80, "{refused} were refused");
}

#[test]
fn a_torn_log_has_some_commit_or_is_refused() {
    let (file, log, history, _) = written(false);
    assert!(log.len() > 10 * PAGE);
    let (folder, _) = folder();
    let mut heads = std::collections::HashSet::new();
    for variant in 0..160 {
        let path = folder.path().join(format!("{variant}.db"));
        fs::write(&path, &file).unwrap();
        fs::write(path.with_extension("db-wal"), torn(&log, variant)).unwrap();
        heads.insert(opened(&path, &history, variant));
    }
    assert!(heads.len() > 20, "{} states were found", heads.len());
}

#[test]
fn a_torn_file_beside_its_log_has_some_commit_or_is_refused() {
    let (file, log, history, _) = written(false);
    let (folder, _) = folder();
    for variant in 0..80 {
        let path = folder.path().join(format!("{variant}.db"));
        fs::write(&path, torn(&file, variant)).unwrap();
        fs::write(path.with_extension("db-wal"), &log).unwrap();
        opened(&path, &history, variant);
    }
}
