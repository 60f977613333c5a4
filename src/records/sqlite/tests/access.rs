//! Who may open the file, and what do they see of each other?

use std::fs;

use super::super::lock::Lock;
use super::*;
use crate::records::Records;

#[test]
fn a_command_beside_the_gateway_is_seen_by_it_and_by_readers() {
    let (_folder, path) = folder();
    let mut gateway = Sqlite::serve(&path).unwrap();
    let mut reader = Sqlite::read_only(&path).unwrap();
    commit(&mut gateway, 1, &one(1)).unwrap();
    assert_eq!(gateway.foreign_changes().unwrap(), 0);
    let mut command = Sqlite::beside(&path, Missing::Refuse).unwrap();
    commit(&mut command, 2, &one(2)).unwrap();
    assert_eq!(gateway.foreign_changes().unwrap(), 1);
    assert_eq!((lines(&mut gateway), lines(&mut reader)), (2, 2));
    commit(&mut gateway, 3, &one(3)).unwrap();
    assert_eq!(gateway.foreign_changes().unwrap(), 1);
    assert_sound(&mut gateway);
    assert_sound(&mut command);
    assert_sound(&mut reader);
}

#[test]
fn a_transaction_that_changes_nothing_is_no_foreign_change() {
    let (_folder, path) = folder();
    let mut command = Sqlite::beside(&path, Missing::Create).unwrap();
    command.begin().unwrap();
    command.commit().unwrap();
    assert_eq!(command.foreign_changes().unwrap(), 0);
}

#[test]
fn a_reader_sees_one_moment_in_a_transaction_and_writes_nothing() {
    let (_folder, path) = folder();
    let mut gateway = Sqlite::serve(&path).unwrap();
    let mut reader = Sqlite::read_only(&path).unwrap();
    reader.begin().unwrap();
    commit(&mut gateway, 1, &one(1)).unwrap();
    assert_eq!(lines(&mut reader), 0);
    assert!(text(reader.write(moment(2), &one(2)[0])).contains("cannot be written"));
    reader.rollback();
    assert_eq!(lines(&mut reader), 1);
}

#[test]
fn who_waits_too_long_for_another_writer_is_told() {
    let (_folder, path) = folder();
    let mut gateway = Sqlite::serve(&path).unwrap();
    let mut command = Sqlite::beside(&path, Missing::Refuse).unwrap();
    command.connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    gateway.begin().unwrap();
    assert!(text(command.begin()).contains("another process has kept"));
    gateway.rollback();
    commit(&mut command, 1, &one(1)).unwrap();
}

#[test]
fn a_file_that_became_read_only_keeps_nothing_until_it_is_writable_again() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    store.ask(|c| c.pragma_update(None, "query_only", "ON")).unwrap();
    assert!(text(commit(&mut store, 1, &one(1))).contains("cannot be written"));
    store.ask(|c| c.pragma_update(None, "query_only", "OFF")).unwrap();
    assert_eq!(lines(&mut store), 0);
    commit(&mut store, 1, &one(1)).unwrap();
    assert_sound(&mut store);
}

#[test]
fn a_commit_is_on_the_disk_when_it_returns() {
    let (_folder, path) = folder();
    let store = Sqlite::serve(&path).unwrap();
    let command = Sqlite::beside(&path, Missing::Refuse).unwrap();
    for store in [store, command] {
        let is = |name: &str| -> String {
            let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
            let sql = sql.replace("CAST(busy_timeout", "CAST(timeout");
            store.ask(|c| c.query_row(&sql, [], |row| row.get(0))).unwrap()
        };
        let settings = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"].map(is);
        // 2 is FULL.
        assert_eq!(settings, ["wal", "2", "0", "5000"]);
    }
}

#[test]
fn there_is_one_lock() {
    let (_folder, path) = folder();
    let lock = Lock::try_new(&path).unwrap().unwrap();
    assert!(Lock::try_new(&path).unwrap().is_none());
    let mut store = Sqlite::serve(&path).unwrap();
    commit(&mut store, 1, &one(1)).unwrap();
    assert!(Lock::try_new(&path).unwrap().is_none());
    drop(lock);
    assert!(Lock::try_new(&path).unwrap().is_some());
}

#[test]
fn only_the_gateways_user_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = folder();
    let files = ["db", "db-wal", "db-shm", "db.lock"].map(|end| path.with_extension(end));
    let modes = || files.clone().map(|file| fs::metadata(file).unwrap().permissions().mode());
    let _lock = Lock::try_new(&path).unwrap();
    let mut store = Sqlite::serve(&path).unwrap();
    commit(&mut store, 1, &one(1)).unwrap();
    assert_eq!(modes().map(|mode| mode & 0o777), [0o600; 4]);
    for file in &files {
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let _command = Sqlite::beside(&path, Missing::Refuse).unwrap();
    assert_eq!(modes().map(|mode| mode & 0o777), [0o600; 4]);
}

#[test]
fn a_missing_file_or_folder_is_named() {
    let (folder, path) = folder();
    assert!(text(Sqlite::beside(&path, Missing::Refuse)).contains("there are no records in"));
    assert!(text(Sqlite::read_only(&path)).contains("there are no records in"));
    assert!(!path.exists());
    let deeper = folder.path().join("none/records.db");
    assert!(text(Sqlite::serve(&deeper)).contains("does not exist: make it"));
    assert!(text(Lock::try_new(&deeper)).contains("does not exist: make it"));
    assert!(text(Sqlite::serve(folder.path())).contains("is no file"));
}

#[test]
fn an_emptied_or_deleted_file_is_never_a_new_one() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    commit(&mut store, 1, &one(1)).unwrap();
    drop(store);
    fs::write(&path, b"").unwrap();
    for again in [Sqlite::serve(&path), Sqlite::beside(&path, Missing::Create)] {
        assert!(text(again).contains("are empty, and"));
    }
    fs::remove_file(&path).unwrap();
    let refused = text(Sqlite::serve(&path));
    assert!(refused.contains("are missing, and") && refused.contains("begin anew"), "{refused}");
    fs::remove_file(path.with_extension("db.lock")).unwrap();
    fs::write(path.with_extension("db-wal"), b"what is left").unwrap();
    assert!(text(Sqlite::serve(&path)).contains("are missing, and"));
    assert_eq!(fs::read(path.with_extension("db-wal")).unwrap(), b"what is left");
    fs::remove_file(path.with_extension("db-wal")).unwrap();
    fs::write(&path, b"").unwrap();
    assert_eq!(lines(&mut Sqlite::serve(&path).unwrap()), 0);
}

#[test]
fn a_file_of_another_application_or_of_a_newer_gateway_is_refused() {
    let (folder, path) = folder();
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    assert!(text(Sqlite::serve(&other)).contains("belongs to another application"));
    let prose = folder.path().join("prose.db");
    fs::write(&prose, "Dear diary, ".repeat(1000)).unwrap();
    assert!(text(Sqlite::serve(&prose)).contains("is no file of records"));
    let store = Sqlite::serve(&path).unwrap();
    store.ask(|c| c.pragma_update(None, "user_version", 99)).unwrap();
    drop(store);
    for refused in [Sqlite::serve(&path), Sqlite::read_only(&path)] {
        assert!(text(refused).contains("written by a newer heify-gateway"));
    }
}

#[test]
fn records_whose_making_was_cut_off_are_made_anew_unless_there_was_more() {
    // What SQLite keeps beside a file to which it writes for the first time: 0 pages, to go back to.
    let mut journal = [0; 512];
    journal[..8].copy_from_slice(&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    journal[20..24].copy_from_slice(&512_u32.to_be_bytes());
    journal[24..28].copy_from_slice(&4096_u32.to_be_bytes());
    let whole = {
        let (_folder, path) = folder();
        drop(Sqlite::serve(&path).unwrap());
        std::fs::read(path).unwrap()
    };
    // The beginning has not reached the disk, or only it has, or all has.
    let headless = [&[0; 4096], &whole[4096..]].concat();
    for half_made in [&*headless, &whole[..4096], &whole] {
        for left in ["", "db.lock", "db-wal"] {
            let (_folder, path) = folder();
            std::fs::write(&path, half_made).unwrap();
            std::fs::write(path.with_extension("db-journal"), journal).unwrap();
            if !left.is_empty() {
                std::fs::write(path.with_extension(left), "there was more").unwrap();
                assert!(Sqlite::serve(&path).is_err(), "{} bytes, {left}", half_made.len());
                continue;
            }
            assert!(text(Sqlite::read_only(&path)).contains("there are no records in"));
            let mut store = Sqlite::serve(&path).unwrap();
            commit(&mut store, 1, &one(1)).unwrap();
            assert!(!path.with_extension("db-journal").exists());
        }
    }
}

#[test]
fn a_file_of_an_older_gateway_is_brought_up_to_date_by_the_gateway_alone() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    commit(&mut store, 1, &one(1)).unwrap();
    let back = "DROP TABLE upload; DROP TABLE alert; DROP TABLE changed_limit; DROP TABLE audit; DROP INDEX reservation_by_request; \
                DROP INDEX reservation_by_opened; \
                CREATE INDEX reservation_by_opened ON reservation (opened); \
                PRAGMA user_version = 1";
    store.ask(|c| c.execute_batch(back)).unwrap();
    drop(store);
    for refused in [Sqlite::read_only(&path), Sqlite::beside(&path, Missing::Create)] {
        assert!(text(refused).contains("start this gateway with it once"));
    }
    let mut store = Sqlite::serve(&path).unwrap();
    assert_eq!((lines(&mut store), store.overrides().unwrap()), (1, vec![]));
    drop(store);
    assert_eq!(lines(&mut Sqlite::read_only(&path).unwrap()), 1);
}

#[test]
fn tables_that_were_changed_by_hand_are_refused() {
    let changes = [
        ("UPDATE balance SET held = 0", "balance"),
        ("DELETE FROM balance", "balance"),
        ("UPDATE reservation SET state = 'settled'", "reservation"),
        ("UPDATE reservation SET state = 'unheard'", "nothing is called"),
        ("DROP TRIGGER journal_is_not_changed; UPDATE journal SET at = at + 1", "line 1 is not"),
        ("DROP TRIGGER journal_is_not_shortened; DELETE FROM journal WHERE number = 1", "line 1"),
        ("DROP TABLE agenda", "agenda"),
    ];
    for (sql, told) in changes {
        let (_folder, path) = folder();
        let mut store = Sqlite::serve(&path).unwrap();
        commit(&mut store, 1, &[one(1), one(2)].concat()).unwrap();
        store.ask(|c| c.execute_batch(sql)).unwrap();
        drop(store);
        let refused = text(Sqlite::serve(&path));
        assert!(refused.contains(told), "{sql}: {refused}");
    }
}

#[test]
fn a_file_that_was_put_in_its_place_is_not_written_around() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    let copy = path.with_extension("copy");
    fs::copy(&path, &copy).unwrap();
    fs::rename(&copy, &path).unwrap();
    assert!(text(store.begin()).contains("another file was put in the place"));
    fs::remove_file(&path).unwrap();
    assert!(text(store.begin()).contains("are gone"));
}

#[test]
fn two_processes_may_make_the_file_at_once() {
    let (_folder, path) = folder();
    std::thread::scope(|scope| {
        let open = || commit(&mut Sqlite::beside(&path, Missing::Create).unwrap(), 1, &one(1));
        let both = [scope.spawn(open), scope.spawn(open)];
        for one in both {
            one.join().unwrap().unwrap();
        }
    });
    assert_eq!(lines(&mut Sqlite::serve(&path).unwrap()), 2);
}

#[tokio::test]
async fn whoever_is_told_looks_at_once() {
    let (_folder, path) = folder();
    let writer = Box::new(Sqlite::serve(&path).unwrap());
    let reader = Box::new(Sqlite::read_only(&path).unwrap());
    let records = Records::start(writer, Some(reader)).unwrap();
    records.set_told(true);
    records.look().await;
    let changes = records.foreign_changes();
    let mut command = Sqlite::beside(&path, Missing::Refuse).unwrap();
    commit(&mut command, 1, &one(1)).unwrap();
    assert!(!changes.has_changed().unwrap(), "nobody looks by himself so soon");
    records.look().await;
    assert!(changes.has_changed().unwrap());
}
