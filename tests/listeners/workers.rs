//! Do workers share a socket, and change their services without losing a request?

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use heify_gateway::server::status::{Readiness, Status};
use heify_gateway::server::{Drained, LocalAddr, RequestBody, Settings, Workers};
use http::{Request, Response};
use tokio::net::TcpStream;
use tower::Service;

use crate::support::{AnswerBody, App, Client, local, soon};

fn two(name: &'static str) -> (Workers<App>, SocketAddr) {
    let count = NonZeroUsize::new(2).unwrap();
    let workers = Workers::start_with(count, local(), &Settings::default(), None, |index| {
        App::new(&format!("{name} {index}"))
    })
    .unwrap();
    let LocalAddr::Tcp(address) = *workers.local_addr() else { unreachable!() };
    (workers, address)
}

fn one<S>(service: S) -> (Workers<S>, SocketAddr)
where
    S: Service<Request<RequestBody>, Response = Response<AnswerBody>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    let settings = Settings::default();
    let workers =
        Workers::start_with(NonZeroUsize::MIN, local(), &settings, None, |_| service.clone())
            .unwrap();
    let LocalAddr::Tcp(address) = *workers.local_addr() else { unreachable!() };
    (workers, address)
}

/// A service that holds its thread at `/stuck`, where nothing else runs then, until the sender goes.
fn stuck() -> (
    impl Service<
        Request<RequestBody>,
        Response = Response<AnswerBody>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + 'static,
    mpsc::Sender<()>,
) {
    let app = App::new("app");
    let (stuck, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(Some(held)));
    let service = tower::service_fn(move |request: Request<_>| {
        if request.uri().path() == "/stuck" {
            let waits = held.lock().unwrap().take();
            let _ = waits.map(|waits| waits.recv());
        }
        Service::call(&mut app.clone(), request)
    });
    (service, stuck)
}

async fn connect(address: SocketAddr) -> Client<TcpStream> {
    Client::new(TcpStream::connect(address).await.unwrap())
}

#[tokio::test]
async fn two_workers_share_one_socket() {
    let (workers, address) = two("worker");
    let mut seen = HashSet::new();
    let mut open = Vec::new();
    while seen.len() < 2 {
        assert!(open.len() < 2000, "only {seen:?} ever answers");
        let mut client = connect(address).await;
        seen.insert(client.get("/name").await.text().to_owned());
        open.push(client);
    }
    assert_eq!(seen, HashSet::from(["worker 0".to_owned(), "worker 1".to_owned()]));
    // All workers count into one: each connection when it comes, and when it ends.
    let (connections, all) = (Arc::clone(workers.connections()), open.len() as u64);
    let read = connections.read();
    assert_eq!((read.accepted, read.open, read.limit), (all, all, 10_000));
    let drained = soon(workers.shutdown(Duration::from_secs(10))).await;
    assert_eq!(drained, Drained { cut: 0 });
    for mut client in open {
        client.ends().await;
    }
    let read = connections.read();
    assert_eq!((read.accepted, read.open), (all, 0));
}

#[tokio::test]
async fn services_are_replaced_under_load_without_a_failed_request() {
    let (workers, address) = two("old");
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                let mut client = connect(address).await;
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) || count == 0 {
                    assert_eq!(client.get("/name").await.status, 200);
                    count += 1;
                }
                // After the last replacement, old connections see the new service.
                let name = client.get("/name").await;
                assert!(name.text().starts_with("new 49 "), "{}", name.text());
            })
        })
        .collect();
    for generation in 0..50 {
        workers.replace(|index| App::new(&format!("new {generation} {index}")));
        connect(address).await.get("/hello").await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        soon(client).await.unwrap();
    }
    assert_eq!(soon(workers.shutdown(Duration::from_secs(10))).await, Drained { cut: 0 });
}

#[tokio::test]
async fn a_request_in_progress_keeps_its_service() {
    let count = NonZeroUsize::MIN;
    let old = App::new("old");
    let settings = Settings::default();
    let workers = Workers::start_with(count, local(), &settings, None, |_| old.clone()).unwrap();
    let LocalAddr::Tcp(address) = *workers.local_addr() else { unreachable!() };
    let mut client = connect(address).await;
    client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    soon(old.begun.acquire()).await.unwrap().forget();
    workers.replace(|_| App::new("new"));
    old.gate.add_permits(1);
    assert_eq!(client.answer().await.text(), "waited");
    assert_eq!(client.get("/name").await.text(), "new");
}

#[tokio::test]
async fn who_waits_for_room_is_served_when_the_drain_comes() {
    let app = App::new("app");
    let settings = Settings { max_connections: 1, ..Settings::default() };
    let workers =
        Workers::start_with(NonZeroUsize::MIN, local(), &settings, None, |_| app.clone()).unwrap();
    let LocalAddr::Tcp(address) = *workers.local_addr() else { unreachable!() };
    let mut first = connect(address).await;
    first.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    soon(app.begun.acquire()).await.unwrap().forget();
    let mut second = connect(address).await;
    second.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let waits = async {
        while workers.connections().read().delayed == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon(waits).await;
    let ending = tokio::spawn(workers.shutdown(Duration::from_secs(10)));
    assert_eq!(second.answer().await.text(), "hello");
    app.gate.add_permits(1);
    assert_eq!(first.answer().await.text(), "waited");
    assert_eq!(soon(ending).await.unwrap(), Drained { cut: 0 });
}

#[tokio::test]
async fn shutdown_counts_what_it_cuts() {
    let app = App::new("app");
    let (workers, address) = one(app.clone());
    let mut client = connect(address).await;
    client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    soon(app.begun.acquire()).await.unwrap().forget();
    let drained = soon(workers.shutdown(Duration::from_millis(50))).await;
    assert_eq!(drained, Drained { cut: 1 });
    client.ends().await;
}

#[tokio::test]
async fn the_status_listener_reports_readiness() {
    let readiness = Readiness::new();
    let listener = local();
    let LocalAddr::Tcp(address) = listener.local_addr().unwrap() else { unreachable!() };
    tokio::spawn(Status::new(readiness.clone()).serve(listener));
    let mut client = connect(address).await;
    assert_eq!(client.get("/livez").await.status, 200);
    assert_eq!(client.get("/readyz").await.status, 503);
    readiness.loaded();
    assert_eq!(client.get("/readyz").await.status, 200);
    readiness.draining();
    let verbose = client.get("/readyz?verbose").await;
    assert_eq!(verbose.text(), "[+] loaded\n[+] records-writable\n[-] not-draining\nnot ready\n");
    assert_eq!(client.get("/else").await.field("x-gateway-reason"), Some("unknown_endpoint"));
}

#[tokio::test]
async fn a_worker_that_is_stuck_shows_in_the_pulse() {
    let (service, stuck) = stuck();
    let (workers, address) = one(service);
    let pulse = workers.pulse();
    soon(pulse.beat()).await;
    let mut client = connect(address).await;
    client.send("GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut beats = true;
    while beats {
        beats = tokio::time::timeout(Duration::from_millis(100), pulse.beat()).await.is_ok();
    }
    drop(stuck);
    assert_eq!(client.answer().await.status, 200);
    soon(pulse.beat()).await;
    drop(workers);
}

#[tokio::test]
async fn a_worker_that_is_stuck_does_not_hold_up_the_end() {
    let (service, _stuck) = stuck();
    let (workers, address) = one(service);
    let mut client = connect(address).await;
    client.send("GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n").await;
    while tokio::time::timeout(Duration::from_millis(100), workers.pulse().beat()).await.is_ok() {}
    assert_eq!(soon(workers.shutdown(Duration::ZERO)).await, Drained { cut: 0 });
}
