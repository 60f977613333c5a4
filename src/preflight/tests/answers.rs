//! Does the call go on, whatever a site answers?

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use super::super::outcome::Outcome;
use super::super::{Mode, Resolver, Settings};
use super::files::wav;
use super::site::{Act, Site, answer, known};

async fn ends(mode: Mode, act: Act) -> Outcome {
    Site::start(move |_| act.clone()).await.ends(mode).await
}

#[tokio::test]
async fn an_error_of_the_site_is_no_error_of_the_caller() {
    for status in [400, 401, 403, 404, 410, 416, 429, 500, 503] {
        for mode in [Mode::Headers, Mode::Probe] {
            let act = Act::body(status, &[], b"<html>not here</html>");
            assert_eq!(ends(mode, act).await, Outcome::ErrorStatus, "{status}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_what_was_asked_for_tells_nothing() {
    let file = wav(4);
    let range = "content-range: bytes 0-47/48";
    let with = |fields: &[&str]| Act::body(206, fields, &file);
    assert_eq!(file.len(), 48);
    assert_eq!(ends(Mode::Probe, with(&[range])).await, Outcome::Measured);
    for (what, act) in [
        ("no range", with(&[])),
        ("two ranges", with(&[range, range])),
        ("another part", with(&["content-range: bytes 1-48/49"])),
        ("less than it says", with(&["content-range: bytes 0-48/49"])),
        ("more than it says", with(&["content-range: bytes 0-46/47"])),
        ("less than there is", with(&["content-range: bytes 0-47/49"])),
        ("backwards", with(&["content-range: bytes 47-0/48"])),
        ("no file at all", with(&["content-range: bytes 0-0/0"])),
        ("other units", with(&["content-range: seconds 0-47/48"])),
        ("a sign", with(&["content-range: bytes +0-47/48"])),
        ("more digits than fit", with(&["content-range: bytes 0-47/99999999999999999999"])),
        ("many parts", with(&["content-type: multipart/byteranges; boundary=x"])),
        ("compressed", with(&[range, "content-encoding: gzip"])),
        ("compressed, whole", Act::body(200, &["content-encoding: gzip"], b"\x1f\x8b")),
        ("nothing", Act::head(204, &[])),
        ("a redirect to nowhere", Act::head(302, &["content-length: 0"])),
        ("not modified", Act::head(304, &[])),
        ("two lengths", Act::head(200, &["content-length: 1", "content-length: 2"])),
        ("a length that is none", Act::head(200, &["content-length: -1"])),
        ("not HTTP", Act::Write(b"SSH-2.0-OpenSSH\r\n".to_vec())),
        ("HTTP/0.9", Act::Write(b"<html>".to_vec())),
        ("nothing at all", Act::Write(Vec::new())),
        ("half a head", Act::Write(b"HTTP/1.1 200 OK\r\ncontent-".to_vec())),
        ("too many fields", Act::Write(answer(200, &["a: b"; 200], b""))),
        (
            "too large a head",
            Act::Write(answer(200, &[&format!("a: {}", "b".repeat(100_000))], b"")),
        ),
        ("a head without end", Act::Repeat(b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".to_vec())),
        ("a field without end", Act::Repeat(b"HTTP/1.1 200 OK\r\na: ".to_vec(), b"bbbb".to_vec())),
        ("half a body", Act::Write(answer(200, &["content-length: 100"], b"RIFF"))),
        ("a broken chunk", Act::Write(answer(200, &["transfer-encoding: chunked"], b"zz\r\n"))),
    ] {
        assert_eq!(ends(Mode::Probe, act).await, Outcome::Unreadable, "{what}");
    }
}

#[tokio::test]
async fn a_site_that_takes_too_long_is_not_waited_for() {
    let drip = |head: &[u8]| Act::Repeat(head.to_vec(), Vec::new());
    for (what, mode, act) in [
        ("silent", Mode::Headers, Act::Hang(Vec::new())),
        ("silent", Mode::Probe, Act::Hang(Vec::new())),
        ("half a head", Mode::Probe, Act::Hang(b"HTTP/1.1 200 OK\r\n".to_vec())),
        ("half a body", Mode::Probe, Act::Hang(answer(200, &["content-length: 99"], b"RIFF"))),
        ("drips", Mode::Probe, drip(&answer(200, &["content-length: 99"], b"R"))),
        (
            "goes on and on",
            Mode::Probe,
            Act::Repeat(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        ),
    ] {
        let site = Site::start(move |_| act.clone()).await;
        let room = site.room_with(mode, |settings| settings.timeout = Duration::from_millis(150));
        assert_eq!(room.look(&site.url("/"), 0).await.0, Outcome::Slow, "{what}");
    }
    // In `headers` the body is not waited for.
    let act = Act::Hang(answer(200, &["content-length: 99"], b""));
    assert_eq!(ends(Mode::Headers, act).await, Outcome::Passed);
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_forwarded() {
    let site = Site::start(|_| Act::body(200, &[], b"RIFF")).await;
    let closed = {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let room = site.room_with(Mode::Probe, |settings| settings.ports.push(closed));
    let url = format!("http://media.example:{closed}/");
    assert_eq!(room.look(&url, 0).await.0, Outcome::Unreachable);
    let url = format!("http://nobody.example:{}/", site.port());
    assert_eq!(room.look(&url, 0).await.0, Outcome::Unresolved);
    let nothing = site
        .room_with(Mode::Probe, |settings| settings.resolver = Resolver::new(|_| Ok(Vec::new())));
    assert_eq!(nothing.look(&site.url("/"), 0).await.0, Outcome::Unresolved);
    let panics = site
        .room_with(Mode::Probe, |settings| settings.resolver = Resolver::new(|_| panic!("broken")));
    assert_eq!(panics.look(&site.url("/"), 0).await.0, Outcome::Unresolved);
}

#[tokio::test]
async fn the_next_address_is_tried_where_the_first_does_not_answer() {
    let site = Site::start_at(SocketAddr::from(([127, 0, 0, 3], 0)), |_| {
        Act::head(200, &["content-length: 9"])
    })
    .await;
    let several = |names: &'static [(&str, &str)]| {
        move |settings: &mut Settings| {
            settings.networks = vec![super::super::Network::parse("127.0.0.0/8").unwrap()];
            settings.resolver = known(names);
        }
    };
    let three = &[
        ("media.example", "127.0.0.1"),
        ("media.example", "127.0.0.2"),
        ("media.example", "127.0.0.3"),
    ];
    let room = site.room_with(Mode::Headers, several(three));
    assert_eq!(room.look(&site.url("/"), 0).await.0, Outcome::Passed);
    let four = &[
        ("media.example", "127.0.0.1"),
        ("media.example", "127.0.0.2"),
        ("media.example", "127.0.0.4"),
        ("media.example", "127.0.0.3"),
    ];
    let room = site.room_with(Mode::Headers, several(four));
    assert_eq!(room.look(&site.url("/"), 0).await.0, Outcome::Unreachable);
}

#[tokio::test]
async fn beyond_the_bounds_calls_go_on_without_a_look() {
    let site = Site::start(|_| Act::Hang(Vec::new())).await;
    let room = site.room_with(Mode::Probe, |settings| {
        settings.at_once = 3;
        settings.tenant_at_once = 2;
    });
    let url = site.url("/");
    let mut looks: Vec<_> = [0, 0, 1].map(|tenant| Box::pin(room.look(&url, tenant))).into();
    while site.asked().len() < 3 {
        for look in &mut looks {
            assert!(futures_util::poll!(look.as_mut()).is_pending());
        }
        tokio::task::yield_now().await;
    }
    // Of the first tenant two are on their way, of both together three.
    assert_eq!(room.look(&url, 0).await.0, Outcome::Busy);
    assert_eq!(room.look(&url, 1).await.0, Outcome::Busy);
    looks.pop();
    let mut again = Box::pin(room.look(&url, 1));
    assert_eq!(room.look(&url, 0).await.0, Outcome::Busy);
    assert!(futures_util::poll!(again.as_mut()).is_pending());
    let read = room.counts().read();
    assert!(read.contains(&(Outcome::Busy, 3)), "{read:?}");
}

#[tokio::test]
async fn a_resolver_that_hangs_holds_its_place_until_it_answers() {
    let site = Site::start(|_| Act::head(200, &["content-length: 9"])).await;
    // A test that fails drops its end, and the resolver goes on.
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let room = site.room_with(Mode::Headers, |settings| {
        settings.timeout = Duration::from_millis(100);
        settings.at_once = 1;
        settings.tenant_at_once = 1;
        settings.resolver = Resolver::new(move |name| {
            if name == "slow.example" {
                let _ = gate.lock().unwrap().recv();
            }
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        });
    });
    let slow = format!("http://slow.example:{}/", site.port());
    assert_eq!(room.look(&slow, 0).await.0, Outcome::Slow);
    // Nobody can stop the question: while it is open, it counts.
    assert_eq!(room.look(&site.url("/"), 0).await.0, Outcome::Busy);
    open.send(()).unwrap();
    while room.look(&site.url("/"), 0).await.0 != Outcome::Passed {
        tokio::task::yield_now().await;
    }
}
