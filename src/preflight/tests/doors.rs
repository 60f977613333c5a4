//! Is nothing connected to that a stranger must not reach?

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::outcome::Outcome;
use super::super::{Hosts, Mode, Network, Pattern, Resolver, Settings};
use super::files::mp4;
use super::site::{Act, Site, known, part};

/// Where nobody from outside may get to, in the spellings of a URL. Each leads to the site of the test,
/// or to a place that the machine would try: if one were let through, the outcome would be another.
const INSIDE: [&str; 39] = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.0.0.2",
    "127.1",
    "0177.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST.",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "inside.example",
    "mapped.example",
    "metadata.example",
    "mixed.example",
];

fn names() -> Resolver {
    known(&[
        ("localhost", "127.0.0.1"),
        ("inside.example", "127.0.0.1"),
        ("mapped.example", "::ffff:127.0.0.1"),
        ("metadata.example", "169.254.169.254"),
        ("mixed.example", "127.0.0.9"),
        ("mixed.example", "127.0.0.1"),
        ("media.example", "127.0.0.9"),
    ])
}

/// A room for which the world is 127.0.0.9: all else of the machine is inside.
fn world(settings: &mut Settings) {
    settings.networks = vec![Network::parse("127.0.0.9").unwrap()];
    settings.resolver = names();
}

async fn outside(act: impl Fn(&str) -> Act + Send + Sync + 'static) -> Site {
    Site::start_at(SocketAddr::from(([127, 0, 0, 9], 0)), act).await
}

#[tokio::test]
async fn nothing_inside_is_connected_to_however_it_is_spelled() {
    let inside = Site::start(|_| Act::body(200, &[], b"RIFF")).await;
    for mode in [Mode::Headers, Mode::Probe] {
        let room = inside.room_with(mode, world);
        for host in INSIDE {
            let url = format!("http://{host}:{}/call.mp3", inside.port());
            assert_eq!(room.look(&url, 0).await.0, Outcome::NotFetched, "{host}");
        }
    }
    assert!(inside.asked().is_empty());
}

#[tokio::test]
async fn nothing_inside_is_connected_to_by_a_redirect() {
    let inside = Site::start(|_| Act::body(200, &[], b"RIFF")).await;
    let port = inside.port();
    let address = SocketAddr::from(([127, 0, 0, 9], port));
    let outside = Site::start_at(address, move |request| {
        let place = request.split(['/', ' ']).nth(2).unwrap();
        Act::redirect(&format!(
            "http://{}:{port}/call.mp3",
            INSIDE[place.parse::<usize>().unwrap()]
        ))
    })
    .await;
    for mode in [Mode::Headers, Mode::Probe] {
        let room = outside.room_with(mode, world);
        for (place, host) in INSIDE.iter().enumerate() {
            let url = outside.url(&format!("/{place}"));
            assert_eq!(room.look(&url, 0).await.0, Outcome::NotFetched, "{host}");
        }
    }
    assert_eq!(outside.asked().len(), 2 * INSIDE.len());
    assert!(inside.asked().is_empty());
}

#[tokio::test]
async fn the_same_places_are_reached_once_the_operators_allow_them() {
    let inside = Site::start(|_| Act::body(200, &[], b"RIFF")).await;
    let room = inside.room_with(Mode::Headers, |settings| {
        settings.networks = vec![Network::parse("127.0.0.0/8").unwrap()];
        settings.resolver = names();
    });
    for host in ["127.0.0.1", "localhost", "inside.example"] {
        let url = format!("http://{host}:{}/call.mp3", inside.port());
        assert_eq!(room.look(&url, 0).await.0, Outcome::Passed, "{host}");
    }
    assert_eq!(inside.asked().len(), 3);
}

/// A name that leads to the world when it is first asked for, and inside from then on.
fn turncoat() -> (Resolver, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let resolver = Resolver::new(move |_| {
        let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(vec![if first { "127.0.0.9" } else { "127.0.0.1" }.parse().unwrap()])
    });
    (resolver, asked)
}

#[tokio::test]
async fn a_name_that_changes_between_check_and_connect_changes_nothing() {
    let file = mp4(5000);
    let outside = outside(move |request| part(&file, request)).await;
    let inside = SocketAddr::from(([127, 0, 0, 1], outside.port()));
    let inside = Site::start_at(inside, |_| Act::body(200, &[], b"RIFF")).await;
    let (resolver, asked) = turncoat();
    let room = outside.room_with(Mode::Probe, |settings| {
        world(settings);
        settings.resolver = resolver;
    });
    // Two parts are fetched, and the name is asked for once.
    assert_eq!(room.look(&outside.url("/"), 0).await.0, Outcome::Measured);
    assert_eq!((outside.asked().len(), asked.load(Ordering::Relaxed)), (2, 1));
    assert!(inside.asked().is_empty());
}

#[tokio::test]
async fn a_name_that_changes_between_two_redirects_is_checked_again() {
    let outside = outside(|_| Act::redirect("/again")).await;
    let inside = SocketAddr::from(([127, 0, 0, 1], outside.port()));
    let inside = Site::start_at(inside, |_| Act::body(200, &[], b"RIFF")).await;
    let (resolver, asked) = turncoat();
    let room = outside.room_with(Mode::Headers, |settings| {
        world(settings);
        settings.resolver = resolver;
    });
    assert_eq!(room.look(&outside.url("/"), 0).await.0, Outcome::NotFetched);
    assert_eq!((outside.asked().len(), asked.load(Ordering::Relaxed)), (1, 2));
    assert!(inside.asked().is_empty());
}

#[tokio::test]
async fn three_redirects_are_followed_and_a_loop_ends() {
    let site = Site::start(|request| match request.split(' ').nth(1).unwrap() {
        "/3" => Act::redirect("/2#x"),
        "/2" => Act::redirect("./1"),
        "/1" => Act::redirect("0?q"),
        "/0?q" => Act::head(200, &["content-length: 9"]),
        _ => Act::redirect("/5"),
    })
    .await;
    let room = site.room(Mode::Headers);
    assert_eq!(room.look(&site.url("/3"), 0).await.0, Outcome::Passed);
    assert_eq!(site.asked().len(), 4);
    assert_eq!(room.look(&site.url("/5"), 0).await.0, Outcome::NotFetched);
    assert_eq!(site.asked().len(), 8);
}

#[tokio::test]
async fn nothing_is_sent_to_a_port_or_host_that_is_not_allowed_or_with_a_password() {
    let site = Site::start(|_| Act::body(200, &[], b"RIFF")).await;
    let port = site.port();
    let deny = |name: &str| Hosts { allow: None, deny: vec![Pattern::parse(name).unwrap()] };
    let allow =
        |name: &str| Hosts { allow: Some(vec![Pattern::parse(name).unwrap()]), deny: Vec::new() };
    for (url, hosts, ports) in [
        (format!("http://me:secret@media.example:{port}/"), Hosts::default(), vec![port]),
        (site.url("/"), Hosts::default(), vec![80, 443]),
        (site.url("/"), deny("media.example"), vec![port]),
        (site.url("/"), deny("*.example"), vec![port]),
        (site.url("/"), allow("other.example"), vec![port]),
        (format!("ftp://media.example:{port}/"), Hosts::default(), vec![port]),
    ] {
        let room = site.room_with(Mode::Probe, |settings| {
            settings.hosts = hosts;
            settings.ports = ports;
        });
        assert_eq!(room.look(&url, 0).await.0, Outcome::NotFetched, "{url}");
    }
    assert!(site.asked().is_empty());
    let room = site.room_with(Mode::Headers, |settings| settings.hosts = allow("media.example"));
    assert_eq!(room.look(&site.url("/"), 0).await.0, Outcome::Passed);
}

#[tokio::test]
async fn a_password_is_not_sent_by_a_redirect_and_nothing_of_the_site_is_kept() {
    let site = Site::start(|request| match request.contains("/first") {
        true => Act::head(302, &["location: /second", "set-cookie: a=b", "content-length: 0"]),
        false => Act::head(200, &["content-length: 9"]),
    })
    .await;
    assert_eq!(site.room(Mode::Headers).look(&site.url("/first"), 0).await.0, Outcome::Passed);
    let second = &site.asked()[1];
    assert!(second.starts_with("head /second "), "{second}");
    for kept in ["cookie", "referer", "authorization", "x-api-key"] {
        assert!(!second.contains(kept), "{second}");
    }
}
