//! Which addresses are good for an upload, and for how many?

use std::sync::Arc;

use heify_gateway::quota::{MinutesBudget, Rounding, Settle};
use heify_gateway::rate::Rate;
use heify_gateway::records::{Moment, Store, UploadState, ledger};
use heify_gateway::settle::{Settler, Setup};
use tokio::sync::{Notify, watch};

use crate::storage::{Act, SIGNATURE};
use crate::support::gateway::{Gateway, add_tenant, settings};
use crate::world::{World, head, relay, wav};

#[tokio::test]
async fn an_address_is_good_for_one_file() {
    let world = World::start().await;
    let path = world.announced().await;
    assert_eq!(world.put(&path, &wav(1)).await.status, 200);
    world.put(&path, &wav(1)).await.assert_refused(403, "used_upload");
    assert_eq!(world.storage.seen().len(), 1);
}

#[tokio::test]
async fn two_files_at_once_are_one_too_many() {
    let world = World::start().await;
    let path = world.announced().await;
    let gate = Arc::new(Notify::new());
    world.storage.then(Act::Wait(Arc::clone(&gate)));
    let (first, file) = (wav(1), wav(1));
    let first = world.put(&path, &first);
    let second = async {
        world.storage.until(|seen| seen.first().is_some_and(|one| !one.head.is_empty())).await;
        let second = world.put(&path, &file).await;
        gate.notify_one();
        second
    };
    let (first, second) = futures_util::future::join(first, second).await;
    second.assert_refused(429, "upload_in_progress");
    assert!(second.header("retry-after").is_some());
    assert_eq!(first.status, 200);
}

#[tokio::test]
async fn one_tenant_does_not_keep_the_uploads_of_others_waiting() {
    const OTHER: &str = "a-key-that-team-b-has";
    let world = World::start_with(|settings| {
        add_tenant(settings, "team-b", OTHER);
        settings.relay.as_mut().unwrap().max_uploads = 3;
        let tenants = &mut settings.quota.tenants;
        tenants.iter_mut().for_each(|one| one.budget.minutes = MinutesBudget::Recorded);
    })
    .await;
    let own = [world.announced().await, world.announced().await, world.announced().await];
    let other = world.announced_to(OTHER).await;
    let gate = Arc::new(Notify::new());
    for _ in 0..2 {
        world.storage.then(Act::Wait(Arc::clone(&gate)));
    }
    let file = wav(1);
    let slow = futures_util::future::join(world.put(&own[0], &file), world.put(&own[1], &file));
    let others = async {
        world
            .storage
            .until(|seen| seen.iter().filter(|one| !one.head.is_empty()).count() == 2)
            .await;
        let third = world.put(&own[2], &file).await;
        let theirs = world.put(&other, &file).await;
        gate.notify_one();
        gate.notify_one();
        (third, theirs)
    };
    let ((first, second), (third, theirs)) = futures_util::future::join(slow, others).await;
    third.assert_refused(429, "tenant_bytes_exhausted");
    assert_eq!([theirs.status, first.status, second.status], [200; 3]);
}

#[tokio::test]
async fn what_was_never_announced_is_unknown_and_throttled() {
    let world = World::start_with(|settings| {
        settings.authenticate.failed_attempts = Some(Rate::new(1, 4).unwrap());
    })
    .await;
    let path = world.announced().await;
    let (front, token) = path.rsplit_once('/').unwrap();
    let changed = if token.starts_with('0') {
        token.replacen('0', "1", 1)
    } else {
        format!("0{}", &token[1..])
    };
    let upper = token.to_ascii_uppercase();
    for forged in [&changed, &upper, "", "../../submit"] {
        let answer = world.put(&format!("{front}/{forged}"), &wav(1)).await;
        if forged == token {
            continue;
        }
        answer.assert_refused(404, "unknown_upload");
    }
    let throttled = world.put(&format!("{front}/{changed}"), &wav(1)).await;
    throttled.assert_refused(429, "too_many_failed_keys");
    world.assert_untouched("forged").await;
    // Who has a good one behind the same address does not notice.
    assert_eq!(world.put(&path, &wav(1)).await.status, 200);
}

#[tokio::test]
async fn an_address_expires_and_what_it_held_is_free_again() {
    let world = World::start().await;
    let path = world.announced().await;
    let soon = Moment(Moment::now().0 + 301_000);
    let expired = move |store: &mut dyn Store| ledger::expire_uploads(store, soon, 10);
    assert_eq!(world.records.write(expired).await.unwrap().len(), 1);
    assert_eq!(world.held().await, 0);
    world.put(&path, &wav(1)).await.assert_refused(403, "expired_upload");
    assert_eq!(world.storage.seen().len(), 0);
}

#[tokio::test]
async fn the_worker_that_settles_gives_back_what_an_expired_address_held() {
    fn late() -> Moment {
        Moment(Moment::now().0 + 301_000)
    }
    let world = World::start().await;
    let path = world.announced().await;
    let setup = Setup {
        contract: Arc::clone(world.gateway.rooms.contract()),
        upstream: world.gateway.rooms.upstream().unwrap(),
        settle: Settle::default(),
        rounding: Rounding::None,
        paces: Arc::clone(world.gateway.rooms.paces()),
    };
    let (_setups, watched) = watch::channel(Arc::new(setup));
    let settler = tokio::spawn(Settler::new(world.records.clone(), watched, late).run());
    while world.held().await > 0 {
        tokio::task::yield_now().await;
    }
    settler.abort();
    world.put(&path, &wav(1)).await.assert_refused(403, "expired_upload");
}

#[tokio::test]
async fn an_address_that_is_late_is_refused_also_before_it_is_swept() {
    let world = World::start().await;
    let path = world.announced().await;
    let late = |store: &mut dyn Store| {
        let far = Moment(i64::MAX);
        for upload in store.expiring(far, Some(UploadState::Waiting), 10)? {
            store.put_upload(&heify_gateway::records::Upload { expires: Moment(1), ..upload })?;
        }
        Ok(())
    };
    world.records.write(late).await.unwrap();
    world.put(&path, &wav(1)).await.assert_refused(403, "expired_upload");
    world.assert_untouched("late").await;
}

#[tokio::test]
async fn an_address_outlives_a_restart_and_not_its_tenant() {
    let world = World::start_with(|settings| {
        settings.quota.tenants[0].budget.minutes = MinutesBudget::Recorded;
    })
    .await;
    let (path, other) = (world.announced().await, world.announced().await);
    let mut after = settings(world.upstream.address);
    after.relay = Some(relay(&format!("http://{}", world.storage.address)));
    let World { upstream, storage, records, .. } = world;
    let gateway = Gateway::start_recorded(after.clone(), &records).await;
    let world = World { gateway, upstream, storage, records };
    assert_eq!(world.put(&path, &wav(1)).await.status, 200);
    after.authenticate.tenants[0].id = "somebody-else".into();
    after.quota.tenants[0].id = "somebody-else".into();
    after.rate_limit.tenants[0].id = "somebody-else".into();
    let gateway = Gateway::start_recorded(after, &world.records).await;
    let world = World { gateway, ..world };
    world.put(&other, &wav(1)).await.assert_refused(404, "unknown_upload");
    assert_eq!(world.storage.seen().len(), 1);
}

#[tokio::test]
async fn nothing_that_is_kept_opens_an_address() {
    let world = World::start().await;
    let path = world.announced().await;
    let token = path.rsplit('/').next().unwrap().to_owned();
    assert_eq!(world.put(&path, &wav(1)).await.status, 200);
    let kept = |store: &mut dyn Store| {
        let uploads = store.expiring(Moment(i64::MAX), None, 10)?;
        Ok((uploads, store.journal(0, 1000)?))
    };
    let (uploads, journal) = world.records.read(kept).await.unwrap();
    assert_eq!(uploads.len(), 1);
    let text = String::from_utf8_lossy(&uploads[0].address).into_owned();
    let all = format!("{uploads:?} {journal:?} {text}");
    assert!(!all.contains(&token) && !all.contains(SIGNATURE) && !all.contains("up/1"), "{all}");
    assert!(journal.iter().any(|line| line.entry.contains(r#""kind":"amend""#)));
}

#[tokio::test]
async fn an_address_at_another_host_stays_as_it_is_and_is_counted() {
    let world = World::start_with(|settings| {
        settings.relay = Some(relay("storage.heify.com"));
    })
    .await;
    let url = format!("http://{}/up?{SIGNATURE}", world.storage.address);
    let body = format!(
        r#"{{"data":{{"transcription_id":"{}","upload_url":"{url}"}}}}"#,
        uuid::Uuid::now_v7()
    );
    world.upstream.then(crate::support::upstream::Act::json(200, &body));
    let ask = format!(r#"{{"configuration_id":"{}"}}"#, uuid::Uuid::now_v7());
    let answer = world.gateway.call("/request-upload-url", &ask).await;
    assert_eq!(answer.body, body);
    assert_eq!(world.gateway.rooms.levels().uploads_unchanged(), 1);
    let none =
        world.send(head("PUT", "/_gateway/upload/", "content-length: 1\r\n").as_bytes()).await;
    none.assert_refused(404, "unknown_upload");
}
