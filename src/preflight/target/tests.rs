//! Is a URL read in one way only, or else not at all?

use proptest::prelude::*;

use super::super::address::is_public;
use super::super::hosts::Pattern;
use super::*;

const PORTS: [u16; 2] = [80, 443];

fn read(text: &str) -> Result<Target, Unfit> {
    Target::parse(text, &PORTS, &Hosts::default())
}

fn redirected(from: &str, location: &[u8]) -> Result<String, Unfit> {
    let location = HeaderValue::from_bytes(location).unwrap();
    let target = read(from).unwrap().redirected(&location, &PORTS, &Hosts::default())?;
    Ok(target.url.as_str().to_owned())
}

#[test]
fn a_url_is_read_into_what_is_connected_to_and_what_is_asked_for() {
    for (text, scheme, host, port, path, authority) in [
        ("https://a.example/x.mp3", Scheme::Https, "a.example", 443, "/x.mp3", "a.example"),
        ("HTTP://A.Example.", Scheme::Http, "a.example", 80, "/", "a.example"),
        (
            "http://a_b.example:443?q=1#part",
            Scheme::Http,
            "a_b.example",
            443,
            "/?q=1",
            "a_b.example:443",
        ),
        ("https://a:/x?", Scheme::Https, "a", 443, "/x?", "a"),
        ("https://a:0443/", Scheme::Https, "a", 443, "/", "a"),
        ("http://93.184.216.34/x", Scheme::Http, "93.184.216.34", 80, "/x", "93.184.216.34"),
        ("http://[2606:4700::1]/x", Scheme::Http, "[2606:4700::1]", 80, "/x", "[2606:4700::1]"),
        (
            "http://[2606:4700:0::1]:443/",
            Scheme::Http,
            "[2606:4700::1]",
            443,
            "/",
            "[2606:4700::1]:443",
        ),
        (
            "http://xn--bcher-kva.example/",
            Scheme::Http,
            "xn--bcher-kva.example",
            80,
            "/",
            "xn--bcher-kva.example",
        ),
        (
            "https://a.example/an ü.mp3?{x}",
            Scheme::Https,
            "a.example",
            443,
            "/an%20%C3%BC.mp3?%7Bx%7D",
            "a.example",
        ),
        (
            "https://a.example/%C3%BC%2e%2E/../y",
            Scheme::Https,
            "a.example",
            443,
            "/%C3%BC%2e%2E/../y",
            "a.example",
        ),
    ] {
        let target = read(text).unwrap_or_else(|unfit| panic!("{text}: {unfit:?}"));
        let found = (target.scheme, target.host.to_string(), target.port, target.path.as_str());
        assert_eq!(found, (scheme, host.to_owned(), port, path), "{text}");
        assert_eq!(target.authority().unwrap(), authority, "{text}");
    }
}

#[test]
fn what_readers_disagree_about_is_not_looked_at() {
    for odd in [
        // IPv4 as resolvers read it and people do not write it.
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0X7F.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.01/",
        "http://127.0.0.0x1/",
        "http://127.0.0.1.5/",
        "http://a.1/",
        "http://a.0x1/",
        "http://256.0.0.1/",
        // Names that are spelled around a check.
        "http://%31%32%37.0.0.1/",
        "http://loc%61lhost/",
        "http://127。0。0。1/",
        "http://１２７.0.0.1/",
        "http://ⓛocalhost/",
        "http://a..example/",
        "http://.example/",
        "http://a.example../",
        "http://a!b.example/",
        "http://[::1%25eth0]/",
        "http://[::1",
        "http://::1/",
        "http://[v1.x]/",
        "http://[127.0.0.1]/",
        "http://a b.example/",
        // The host ends at a different place for different readers.
        "http://a.example\\@127.0.0.1/",
        "http:\\\\127.0.0.1/",
        "http://127.0.0.1\t.a.example/",
        "http://127.0.0.1\n.a.example/",
        "\u{1}http://a.example/",
        "http://a.example/\0",
        "http:///127.0.0.1/",
        "http:127.0.0.1",
        "//127.0.0.1/",
        "http://a.example:99999/",
        "http://a.example:-1/",
        "http://a.example:80:80/",
        "http://a.example/100%.mp3",
        "",
        "http:",
    ] {
        assert_eq!(read(odd).err(), Some(Unfit::Odd), "{odd}");
    }
    let long = format!("https://a.example/{}", "a".repeat(LONGEST));
    assert_eq!(read(&long).err(), Some(Unfit::Odd));
    assert_eq!(read(&format!("http://{}.example/", "a".repeat(64))).err(), Some(Unfit::Odd));
    assert_eq!(read(&format!("http://{}example/", "a.".repeat(124))).err(), Some(Unfit::Odd));
}

#[test]
fn a_literal_address_is_seen_as_what_it_is() {
    for literal in [
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.100.100.200/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://[64:ff9b::10.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://0.0.0.0/",
    ] {
        let Host::Address(address) = read(literal).unwrap().host else { panic!("{literal}") };
        assert!(!is_public(address), "{literal}");
    }
}

#[test]
fn credentials_other_schemes_and_other_ports_are_not_looked_at() {
    for (text, unfit) in [
        ("http://me:secret@a.example/", Unfit::Credentials),
        ("http://me@a.example/", Unfit::Credentials),
        ("http://@a.example/", Unfit::Credentials),
        ("http://a.example@127.0.0.1/", Unfit::Credentials),
        ("http://127.0.0.1%2f@a.example/", Unfit::Credentials),
        ("ftp://a.example/x.mp3", Unfit::Scheme),
        ("file:///etc/passwd", Unfit::Scheme),
        ("s3://bucket/key", Unfit::Scheme),
        ("gopher://a.example:80/", Unfit::Scheme),
        ("data:audio/mp3;base64,AAAA", Unfit::Scheme),
        ("http://a.example:22/", Unfit::Port),
        ("http://a.example:8080/", Unfit::Port),
        ("http://a.example:0/", Unfit::Port),
        ("https://a.example:6379/", Unfit::Port),
    ] {
        assert_eq!(read(text).err(), Some(unfit), "{text}");
    }
    let hosts = Hosts { allow: None, deny: vec![Pattern::parse("*.example").unwrap()] };
    let denied = Target::parse("http://a.example/", &PORTS, &hosts).err();
    assert_eq!(denied, Some(Unfit::Host));
}

#[test]
fn a_redirect_is_read_like_a_first_url() {
    let from = "https://a.example/b/c?d";
    for (location, to) in [
        ("https://other.example/x", "https://other.example/x"),
        ("//other.example/x#y", "https://other.example/x"),
        ("/x?y", "https://a.example/x?y"),
        ("x", "https://a.example/b/x"),
        ("../../../x", "https://a.example/x"),
        ("?x", "https://a.example/b/c?x"),
        ("", "https://a.example/b/c?d"),
        ("/an ü", "https://a.example/an%20%C3%BC"),
    ] {
        assert_eq!(redirected(from, location.as_bytes()).as_deref(), Ok(to), "{location}");
    }
    for (location, unfit) in [
        ("http://a.example/", Unfit::Scheme),
        ("javascript:alert(1)", Unfit::Scheme),
        ("file:///etc/passwd", Unfit::Scheme),
        ("//me@other.example/", Unfit::Credentials),
        ("https://other.example:6379/", Unfit::Port),
        ("https://127.1/", Unfit::Odd),
        ("\\\\127.0.0.1\\", Unfit::Odd),
        ("/\\127.0.0.1/", Unfit::Odd),
        ("https://other.example:443:443/", Unfit::Odd),
    ] {
        assert_eq!(redirected(from, location.as_bytes()).err(), Some(unfit), "{location}");
    }
    assert_eq!(redirected(from, b"/\xff").err(), Some(Unfit::Odd));
    let up = redirected("http://a.example/", b"https://a.example/");
    assert_eq!(up.as_deref(), Ok("https://a.example/"));
    let hosts = Hosts { allow: None, deny: vec![Pattern::parse("other.example").unwrap()] };
    let location = HeaderValue::from_static("//other.example/");
    let target = read(from).unwrap().redirected(&location, &PORTS, &hosts);
    assert_eq!(target.err(), Some(Unfit::Host));
}

proptest! {
    #[test]
    fn no_url_and_no_redirect_makes_it_panic(text in ".*", location in prop::collection::vec(32_u8.., 0..80)) {
        let _ = read(&text);
        let _ = read(&format!("http://{text}"));
        if let Ok(location) = HeaderValue::from_bytes(&location) {
            let target = read("https://a.example/b/c?d").unwrap();
            let _ = target.redirected(&location, &PORTS, &Hosts::default());
        }
    }

    /// Where a redirect is followed, it is to what its own text would be read as.
    #[test]
    fn what_is_connected_to_stands_in_the_url(
        text in "(http|https|HTTP)://([a-z0-9.:@%\\[\\]x\\\\/-]|127\\.0\\.0\\.1|::1){1,24}(/[ -~]{0,12})?",
    ) {
        let target = read(&text);
        if let Ok(target) = &target {
            let authority = text.split("://").nth(1).unwrap().split(['/', '?', '#']).next().unwrap();
            prop_assert!(!authority.contains(['@', '%', '\\']), "{}", text);
            prop_assert!(PORTS.contains(&target.port));
            let host = target.host.to_string();
            match &target.host {
                Host::Name(_) => prop_assert!(authority.to_ascii_lowercase().starts_with(&host)),
                Host::Address(IpAddr::V4(_)) => prop_assert!(authority.starts_with(&host)),
                Host::Address(IpAddr::V6(_)) => prop_assert!(authority.starts_with('[')),
            }
            // Nobody who follows a redirect to it arrives elsewhere.
            let from = read("http://b.example/").unwrap();
            let location = HeaderValue::from_str(&text).unwrap();
            let again = from.redirected(&location, &PORTS, &Hosts::default()).unwrap();
            prop_assert_eq!((&again.host, again.port), (&target.host, target.port));
        }
    }
}
