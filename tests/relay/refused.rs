//! What is refused before storage sees a byte, and costs nothing?

use heify_gateway::quota::MinutesBudget;
use heify_gateway::records::AudioMillis;

use crate::world::{World, head, wav, wav_head};

const LARGEST: u64 = 200 << 20;

#[tokio::test]
async fn what_heify_would_not_take_is_refused_by_its_first_bytes() {
    let world = World::start().await;
    let path = world.announced().await;
    let length = |bytes: u64| format!("content-length: {bytes}\r\n");
    let zip = [&b"PK\x03\x04"[..], &[0; 70_000]].concat();
    let long = [wav_head(7_300), vec![0; 70_000]].concat();
    let chunk = [b"2c\r\n", &wav_head(0)[..], b"\r\n0\r\n\r\n"].concat();
    let gzip = [&b"\x1f\x8b\x08\0"[..], &[7; 2_000]].concat();
    for (what, fields, body, reason) in [
        ("no length", String::new(), vec![], "missing_length"),
        ("in chunks", "transfer-encoding: chunked\r\n".to_owned(), chunk, "missing_length"),
        ("nothing", length(0), vec![], "unsupported_audio"),
        ("too large", length(LARGEST + 1), wav_head(1), "unsupported_audio"),
        ("a zip, large", length(zip.len() as u64), zip, "unsupported_audio"),
        ("a word", length(4), b"text".to_vec(), "unsupported_audio"),
        ("compressed", length(gzip.len() as u64), gzip, "unsupported_audio"),
        ("too long", length(7_300_044), long, "unsupported_audio"),
    ] {
        let bytes = [head("PUT", &path, &fields).as_bytes(), &body].concat();
        let answer = world.send(&bytes).await;
        answer.assert_refused(400, reason);
        world.assert_untouched(what).await;
    }
    // The address is as good as before.
    assert_eq!(world.put(&path, &wav(1)).await.status, 200);
}

#[tokio::test]
async fn a_hint_names_the_limit_and_the_text_is_the_published_one() {
    let world = World::start().await;
    let path = world.announced().await;
    let fields = format!("content-length: {}\r\n", LARGEST + 1);
    let answer = world.send(head("PUT", &path, &fields).as_bytes()).await;
    assert_eq!(answer.json()["error"]["message"], "Unsupported audio format");
    assert!(answer.header("x-gateway-hint").unwrap().contains("200 MB"), "{answer:?}");
}

#[tokio::test]
async fn a_file_is_put_and_nothing_else() {
    let world = World::start().await;
    let path = world.announced().await;
    for method in ["GET", "POST", "DELETE", "HEAD", "PATCH"] {
        let answer = world.send(head(method, &path, "content-length: 0\r\n").as_bytes()).await;
        assert_eq!(answer.status, 404, "{method}: {answer:?}");
        assert_eq!(answer.header("x-gateway-reason"), Some("wrong_method"), "{method}");
        assert_eq!(answer.header("x-gateway-hint"), Some("use PUT"));
    }
    let without_host =
        format!("PUT {path} HTTP/1.1\r\ncontent-length: 4\r\nconnection: close\r\n\r\ntext");
    world.send(without_host.as_bytes()).await.assert_refused(400, "bad_host");
    world.assert_untouched("other methods").await;
}

#[tokio::test]
async fn what_the_minutes_do_not_cover_is_refused_before_a_byte_is_sent() {
    let world = World::start().await;
    let path = world.announced().await;
    // 15 minutes are left in all.
    world.put(&path, &wav(901)).await.assert_refused(402, "minutes_exhausted");
    world.assert_untouched("not covered").await;
    assert_eq!(world.put(&path, &wav(900)).await.status, 200);
    assert_eq!(world.held().await, 900_000);
}

#[tokio::test]
async fn an_account_without_minutes_is_not_the_tenants_fault() {
    let world = World::start_with(|settings| {
        settings.quota.account.minutes = MinutesBudget::Monthly(AudioMillis(700_000));
    })
    .await;
    let path = world.announced().await;
    world.put(&path, &wav(800)).await.assert_refused(402, "account_minutes_exhausted");
    world.assert_untouched("not covered by the account").await;
}

#[tokio::test]
async fn a_short_file_holds_its_own_length() {
    let world = World::start().await;
    let path = world.announced().await;
    assert_eq!(world.put(&path, &wav(7)).await.status, 200);
    assert_eq!(world.held().await, 7_000);
}

#[tokio::test]
async fn a_refused_client_is_not_asked_for_the_file() {
    let world = World::start().await;
    let path = world.announced().await;
    let fields = format!("content-length: {}\r\nexpect: 100-continue\r\n", LARGEST + 1);
    let answer = world.send(head("PUT", &path, &fields).as_bytes()).await;
    answer.assert_refused(400, "unsupported_audio");
    assert_eq!(world.storage.seen().len(), 0);
}
