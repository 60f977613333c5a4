//! What does a client hear when storage fails?

use crate::storage::{Act, SIGNATURE, XML, answer};
use crate::support::KEY;
use crate::support::gateway::Answer;
use crate::support::upstream;
use crate::world::{World, impatient, wav};

/// Nothing of storage's own words is in an answer.
fn assert_plain(answer: &Answer) {
    let all = format!("{answer:?}");
    for part in [SIGNATURE, "Amz", "<", "xml", "SignatureDoesNotMatch", "127.0.0.1"] {
        assert!(!all.contains(part), "{part} in {all}");
    }
}

#[tokio::test]
async fn an_announcement_that_breaks_off_is_a_lost_one() {
    let world = World::start().await;
    let head = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\n";
    let broken = "transfer-encoding: chunked\r\n\r\n8\r\n{\"data\":\r\n";
    world.upstream.then(upstream::Act::WriteAndClose([head, broken].concat().into_bytes()));
    let body = format!(r#"{{"configuration_id":"{}"}}"#, uuid::Uuid::now_v7());
    let lost = world.gateway.post("/request-upload-url", &[("x-api-key", KEY)], &body).await;
    lost.assert_refused(500, "outcome_unknown");
    world.assert_untouched("nobody knows what the call has made").await;
}

#[tokio::test]
async fn what_goes_on_is_what_was_signed() {
    let world = World::start().await;
    let path = world.announced().await;
    assert_eq!(world.put(&path, &wav(100)).await.status, 200);
    let [file] = &world.storage.seen()[..] else { panic!() };
    assert_eq!(file.body, wav(100));
    let mut lines: Vec<_> = file.head.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines[0].starts_with("PUT /up/1?X-Amz-Expires=300&"), "{lines:?}");
    assert!(lines.remove(0).ends_with(&format!("{SIGNATURE} HTTP/1.1")));
    lines.sort_unstable();
    let (host, length) = (format!("host: {}", world.storage.address), wav(100).len());
    let length = format!("content-length: {length}");
    let expected = ["content-type: audio/wav", &length, &host, "x-amz-meta-name: a  b"];
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn what_storage_refuses_comes_back_in_the_envelope() {
    let world = World::start().await;
    for (theirs, ours) in [
        (403, 403),
        (401, 403),
        (400, 400),
        (404, 404),
        (411, 400),
        (307, 500),
        (500, 500),
        (503, 500),
    ] {
        let path = world.announced().await;
        world.storage.then(Act::Take(answer(theirs, XML)));
        let refused = world.put(&path, &wav(1)).await;
        refused.assert_refused(ours, "storage_refused");
        assert_eq!(refused.header("retry-after").is_some(), theirs >= 500, "{refused:?}");
        assert_plain(&refused);
        // It keeps nothing of what it refuses: the address is as good as before.
        assert_eq!(world.put(&path, &wav(1)).await.status, 200, "after {theirs}");
    }
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_file_ends_the_upload() {
    let world = World::start().await;
    let path = world.announced().await;
    world.storage.then(Act::Early(answer(403, XML)));
    let refused = world.put(&path, &wav(900)).await;
    refused.assert_refused(403, "storage_refused");
    assert_plain(&refused);
    let seen = world.storage.until(|seen| seen[0].ended).await;
    assert!(!seen[0].whole);
}

#[tokio::test]
async fn a_storage_that_breaks_off_may_be_tried_again() {
    let world = World::start_with(impatient).await;
    let path = world.announced().await;
    let early = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned();
    for act in [
        Act::Close,
        Act::Stall,
        Act::Early("\x16\x03\x01 no HTTP \r\n\r\n".to_owned()),
        // A success that cannot be one.
        Act::Early(early),
        // The whole file is there, and no word of it.
        Act::Hang,
    ] {
        world.storage.then(act.clone());
        let failed = world.put(&path, &wav(900)).await;
        failed.assert_refused(500, "storage_failed");
        assert!(failed.header("retry-after").is_some(), "{act:?}");
        assert_plain(&failed);
    }
    assert_eq!(world.put(&path, &wav(900)).await.status, 200);
    assert_eq!(world.held().await, 900_000, "held once, however often it was tried");
}

#[tokio::test]
async fn a_storage_that_is_not_there_costs_nothing() {
    let world = World::start().await;
    let path = world.announced().await;
    let World { gateway, upstream, storage, records } = world;
    let address = storage.address;
    drop(storage);
    let storage = crate::storage::Storage::start([]).await;
    let world = World { gateway, upstream, storage, records };
    // Its task has ended, and with it its socket, as soon as nobody can connect any more.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let failed = world.put(&path, &wav(1)).await;
    failed.assert_refused(500, "storage_failed");
    assert_plain(&failed);
    let state = |store: &mut dyn heify_gateway::records::Store| {
        let soon = heify_gateway::records::Moment(i64::MAX);
        Ok(store.expiring(soon, None, 9)?[0].state)
    };
    let state = world.records.read(state).await.unwrap();
    assert_eq!(state, heify_gateway::records::UploadState::Waiting);
}
