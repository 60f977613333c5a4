//! What becomes of a file whose client misbehaves?

use std::sync::Arc;

use heify_gateway::server;
use heify_gateway::stack::Rooms;
use heify_gateway::trace::{Ratio, Tracer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::gateway::{Gateway, read};
use crate::world::{World, head, impatient, wav};

/// A client that has sent all but the end of a file of so many seconds.
async fn half_way(world: &World, path: &str, seconds: u32) -> TcpStream {
    let file = wav(seconds);
    let fields = format!("content-length: {}\r\n", file.len());
    let mut stream = TcpStream::connect(world.gateway.address).await.unwrap();
    stream.write_all(head("PUT", path, &fields).as_bytes()).await.unwrap();
    stream.write_all(&file[..file.len() - 1_000]).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_stops_half_way_leaves_nothing_at_storage_and_may_try_again() {
    let world = World::start().await;
    let path = world.announced().await;
    let stream = half_way(&world, &path, 100).await;
    world.storage.until(|seen| seen.first().is_some_and(|one| !one.head.is_empty())).await;
    drop(stream);
    let seen = world.storage.until(|seen| seen[0].ended).await;
    assert!(!seen[0].whole && seen[0].body.len() < wav(100).len());
    // The end of the first attempt is written before a second one may begin.
    let mut answer = world.put(&path, &wav(100)).await;
    while answer.status == 429 {
        answer = world.put(&path, &wav(100)).await;
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.storage.seen()[1].body, wav(100));
}

#[tokio::test]
async fn what_storage_said_is_in_the_span_of_an_upload() {
    let (tracer, mut left) = Tracer::new(Ratio::ALL);
    let mut kept = None;
    let mut world = World::start_with(|settings| kept = Some(settings.clone())).await;
    let (before, records) = (&world.gateway.rooms, world.records.clone());
    let contract = Arc::clone(before.contract());
    let rooms = Rooms::new(kept.unwrap(), contract, Some(&records), Some(before));
    let rooms = rooms.traced(Some(tracer));
    world.gateway = Gateway::serve(rooms, server::Settings::default(), Some(records));
    let path = world.announced().await;
    assert_eq!(world.put(&path, &wav(100)).await.status, 200);
    let mut finished = Vec::new();
    let upload = loop {
        assert!(left.any().await);
        left.take(&mut finished);
        if let Some(one) = finished.iter().find(|one| one.method == "PUT") {
            break one;
        }
    };
    assert_eq!((upload.status, upload.upstream_status), (Some(200), Some(200)));
    assert!(upload.call.is_some());
}

#[tokio::test]
async fn a_client_that_sends_less_than_announced_is_told() {
    let world = World::start().await;
    let path = world.announced().await;
    let mut stream = half_way(&world, &path, 100).await;
    stream.shutdown().await.unwrap();
    let answer = read(&mut stream).await;
    answer.assert_refused(400, "body_unreadable");
    let seen = world.storage.until(|seen| seen[0].ended).await;
    assert!(!seen[0].whole);
}

#[tokio::test]
async fn a_client_that_ends_before_its_head_is_told() {
    let world = World::start().await;
    let path = world.announced().await;
    let mut stream = TcpStream::connect(world.gateway.address).await.unwrap();
    let fields = "content-length: 100000\r\n";
    stream.write_all(head("PUT", &path, fields).as_bytes()).await.unwrap();
    stream.write_all(&wav(1)).await.unwrap();
    stream.shutdown().await.unwrap();
    read(&mut stream).await.assert_refused(400, "body_unreadable");
    world.assert_untouched("a short head").await;
}

#[tokio::test]
async fn what_is_sent_beyond_the_announced_size_is_no_part_of_the_file() {
    let world = World::start().await;
    let path = world.announced().await;
    let fields = format!("content-length: {}\r\n", wav(1).len());
    let fields = head("PUT", &path, &fields).replace("connection: close\r\n", "");
    let bytes = [fields.as_bytes(), &wav(1), b"and more of it\r\n\r\n"].concat();
    let answer = world.send(&bytes).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // What follows is the next request, and none.
    assert!(answer.body.contains("malformed_http"), "{answer:?}");
    assert_eq!(world.storage.seen()[0].body, wav(1));
}

#[tokio::test]
async fn a_client_that_gives_nothing_is_not_waited_for() {
    let world = World::start_with(impatient).await;
    let path = world.announced().await;
    let mut stream = half_way(&world, &path, 100).await;
    read(&mut stream).await.assert_refused(400, "body_too_slow");
    let seen = world.storage.until(|seen| seen[0].ended).await;
    assert!(!seen[0].whole);
    // Nor is one that does not even begin.
    let mut stream = TcpStream::connect(world.gateway.address).await.unwrap();
    stream.write_all(head("PUT", &path, "content-length: 9000\r\n").as_bytes()).await.unwrap();
    read(&mut stream).await.assert_refused(400, "body_too_slow");
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked_once_its_file_may_come() {
    let world = World::start().await;
    let path = world.announced().await;
    let file = wav(1);
    let fields = format!("content-length: {}\r\nexpect: 100-continue\r\n", file.len());
    let mut stream = TcpStream::connect(world.gateway.address).await.unwrap();
    stream.write_all(head("PUT", &path, &fields).as_bytes()).await.unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&file).await.unwrap();
    assert_eq!(read(&mut stream).await.status, 200);
    assert!(!world.storage.seen()[0].head.contains("expect"));
}
