//! Does a job that fails take others with it that share its transaction?

use std::sync::mpsc;

use futures_util::future::join_all;

use super::super::super::handle::Records;
use super::*;

/// Writes one line, and fails afterwards where it shall.
fn job(store: &mut dyn Store, number: u64, failing: bool) -> Result<u64, StoreError> {
    store.write(moment(number), &one(number)[0])?;
    store.schedule(&id(number), Some((moment(number), 0)))?;
    if failing {
        let vast = hold(&Payer::Account, Meter::Minutes, i64::MAX);
        let fact = Fact::Delete { object: id(1) };
        store.write(moment(number), &Entry { fact, postings: vec![vast.clone(), vast] })?;
    }
    Ok(number)
}

#[tokio::test]
async fn a_job_that_fails_or_panics_fails_alone() {
    let (_folder, path) = folder();
    let records = Records::start(Box::new(Sqlite::serve(&path).unwrap()), None).unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let first = records.write(move |_| Ok(wait.recv().is_ok()));
    let writes = (1..=40u64).map(|number| {
        records.write(move |store| {
            assert!(number % 10 != 7, "a defect");
            job(store, number, number % 10 == 3)
        })
    });
    let started = async {
        // All others are in the queue by now: they were polled before.
        go.send(()).unwrap();
    };
    let ((), results, ()) =
        futures_util::join!(async { assert!(first.await.unwrap()) }, join_all(writes), started);
    for (number, result) in (1..).zip(&results) {
        let fails = number % 10 == 3 || number % 10 == 7;
        assert_eq!(result.is_err(), fails, "job {number}");
    }
    assert!(records.is_healthy());
    records.close().await;
    // The first job alone, the others together, and the end.
    let (commits, jobs) = records.commits();
    assert!(commits <= 3 && jobs <= 34, "{commits} commits of {jobs} jobs");

    let mut store = Sqlite::serve(&path).unwrap();
    assert_sound(&mut store);
    assert_eq!(lines(&mut store), 32);
    assert_eq!(store.due(moment(99), 99).unwrap().len(), 32, "nothing is left of what failed");
}

#[tokio::test]
async fn a_job_that_fails_by_itself_does_not_make_the_records_unhealthy() {
    let (_folder, path) = folder();
    let records = Records::start(Box::new(Sqlite::serve(&path).unwrap()), None).unwrap();
    assert!(records.write(|store| job(store, 3, true)).await.is_err());
    assert!(records.is_healthy());
    assert_eq!(records.write(|store| job(store, 4, false)).await, Ok(4));
}

#[test]
fn what_is_taken_back_to_a_mark_leaves_the_rest_of_its_transaction() {
    let (_folder, path) = folder();
    let mut store = Sqlite::serve(&path).unwrap();
    store.begin().unwrap();
    job(&mut store, 1, false).unwrap();
    store.mark().unwrap();
    job(&mut store, 2, false).unwrap();
    store.mark().unwrap();
    job(&mut store, 3, true).unwrap_err();
    assert!(job(&mut store, 4, false).is_err(), "half of a change is not built upon");
    store.back_to_mark().unwrap();
    job(&mut store, 5, false).unwrap();
    store.commit().unwrap();
    assert_eq!(lines(&mut store), 3);
    store.begin().unwrap();
    job(&mut store, 6, true).unwrap_err();
    assert!(store.commit().is_err(), "without a mark all of it is gone");
    assert_eq!(lines(&mut store), 3);
    assert_sound(&mut store);
}
