//! Is what the bytes of a file say found out?

use std::time::Duration;

use super::super::Mode;
use super::super::outcome::Outcome;
use super::site::{Act, Site, answer, part};
use crate::audio::LARGEST;

/// A WAV of so many seconds, a byte each.
pub(super) fn wav(seconds: u32) -> Vec<u8> {
    let mut file = wav_head(seconds);
    file.resize(file.len() + seconds as usize, 0x55);
    file
}

fn wav_head(seconds: u32) -> Vec<u8> {
    let mut head = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x07\0\x01\0".to_vec();
    head.extend_from_slice(b"\x01\0\0\0\x01\0\0\0\x01\0\x08\0data");
    head.extend_from_slice(&seconds.to_le_bytes());
    head
}

/// A file that begins like this and has so many bytes in all, of which only the first part is sent.
async fn vast(head: Vec<u8>, size: u64) -> Site {
    Site::start(move |request| {
        if request.starts_with("head") {
            return Act::head(200, &[&format!("content-length: {size}")]);
        }
        let range = request.lines().find_map(|line| line.strip_prefix("range: bytes=")).unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
        let last = last.min(size - 1);
        let mut body = vec![0; usize::try_from(last - first + 1).unwrap()];
        if first == 0 {
            let known = head.len().min(body.len());
            body[..known].copy_from_slice(&head[..known]);
        }
        Act::body(206, &[&format!("content-range: bytes {first}-{last}/{size}")], &body)
    })
    .await
}

#[tokio::test]
async fn a_length_that_the_file_tells_is_known() {
    let site = Site::file(wav(84)).await;
    let looked = site.room(Mode::Probe).look(&site.url("/call"), 0).await;
    assert_eq!(looked, (Outcome::Measured, Some(Duration::from_secs(84))));
    assert_eq!(site.asked().len(), 1);
    let request = &site.asked()[0];
    assert!(request.starts_with("get /call http/1.1\r\n"), "{request}");
    let names: Vec<_> =
        request.lines().skip(1).filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(names, ["host", "user-agent", "accept-encoding", "connection", "range", ""]);
    for line in ["accept-encoding: identity", "range: bytes=0-65535"] {
        assert!(request.lines().any(|known| known == line), "{request}");
    }
    assert!(request.contains("user-agent: heify-gateway/"), "{request}");
}

#[tokio::test]
async fn audio_that_is_longer_than_two_hours_is_refused_and_a_second_is_allowed_for() {
    for (seconds, outcome) in [
        (7200, Outcome::Measured),
        (7201, Outcome::Measured),
        (7202, Outcome::TooLong),
        (100_000, Outcome::TooLong),
    ] {
        let site = vast(wav_head(seconds), u64::from(seconds) + 44).await;
        assert_eq!(site.ends(Mode::Probe).await, outcome, "{seconds}");
        assert_eq!(site.ends(Mode::Headers).await, Outcome::Passed, "{seconds}");
    }
}

#[tokio::test]
async fn a_file_that_is_larger_than_200_mib_is_refused_in_both_modes() {
    for mode in [Mode::Headers, Mode::Probe] {
        for (size, refused) in [(LARGEST, false), (LARGEST + 1, true), (1 << 60, true)] {
            let site = vast(b"OggS\0".to_vec(), size).await;
            let outcome = site.ends(mode).await;
            assert_eq!(outcome == Outcome::TooLarge, refused, "{mode:?} {size} {outcome:?}");
        }
    }
}

#[tokio::test]
async fn the_size_is_asked_for_by_get_where_head_does_not_tell() {
    for status in [200, 204, 403, 404, 405, 500, 501] {
        let site = Site::start(move |request| match request.starts_with("head") {
            true => Act::head(status, &[]),
            false => part(&[0; 1], request),
        })
        .await;
        assert_eq!(site.ends(Mode::Headers).await, Outcome::Passed, "{status}");
        let asked: Vec<_> = site.asked().iter().map(|head| head[..4].to_owned()).collect();
        assert_eq!(asked, ["head", "get "], "{status}");
        assert!(site.asked()[1].contains("\r\nrange: bytes=0-0\r\n"));
        assert!(!site.asked()[0].contains("range"));
    }
    let size = LARGEST + 1;
    let site = Site::start(move |request| match request.starts_with("head") {
        true => Act::head(200, &["content-length: 0"]),
        false => Act::body(206, &[&format!("content-range: bytes 0-0/{size}")], b"R"),
    })
    .await;
    assert_eq!(site.ends(Mode::Headers).await, Outcome::TooLarge);
}

#[tokio::test]
async fn what_is_known_to_be_no_audio_is_refused_and_what_is_not_known_passes() {
    for (file, outcome) in [
        (&b"<!doctype html><title>Sign in</title>"[..], Outcome::NotAudio),
        (b"%PDF-1.7\n", Outcome::NotAudio),
        (b"PK\x03\x04a.mp3", Outcome::NotAudio),
        (b"\x89PNG\r\n\x1a\n", Outcome::NotAudio),
        (b"\xff\xd8\xff\xe0JFIF", Outcome::NotAudio),
        (b"RIFF\0\0\0\0AVI LIST", Outcome::NotAudio),
        (b"just some text, with an \xc3\xbc and a cut letter \xc3", Outcome::NotAudio),
        (b"\0\x01\x02 nobody knows", Outcome::Passed),
        (b"caff\0\x01\0\0desc", Outcome::Passed),
        (b"\x01", Outcome::Passed),
        (b"OggS\0", Outcome::Passed),
    ] {
        let site = Site::file(file.to_vec()).await;
        assert_eq!(site.ends(Mode::Probe).await, outcome, "{}", file.escape_ascii());
        // Whatever the other side calls it.
        assert_eq!(site.ends(Mode::Headers).await, Outcome::Passed, "{}", file.escape_ascii());
    }
}

#[tokio::test]
async fn the_name_of_the_type_decides_nothing() {
    let body = wav(84);
    let site = Site::start(move |_| Act::body(200, &["content-type: text/html"], &body)).await;
    assert_eq!(site.ends(Mode::Probe).await, Outcome::Measured);
    assert_eq!(site.ends(Mode::Headers).await, Outcome::Passed);
}

#[tokio::test]
async fn a_server_without_parts_is_heard_no_longer_than_a_part_lasts() {
    for (size, outcome) in [(7044, Outcome::Measured), (LARGEST + 1, Outcome::TooLarge)] {
        let head = answer(200, &[&format!("content-length: {size}")], &wav_head(7000));
        let site = Site::start(move |_| Act::Repeat(head.clone(), vec![0x55; 1000])).await;
        assert_eq!(site.ends(Mode::Probe).await, outcome);
        let outcome = if outcome == Outcome::Measured { Outcome::Passed } else { outcome };
        assert_eq!(site.ends(Mode::Headers).await, outcome);
    }
    // Without a length it goes on for good, and is left.
    let head = answer(200, &[], &wav_head(7000));
    let site = Site::start(move |_| Act::Repeat(head.clone(), vec![0x55; 1000])).await;
    let looked = site.room(Mode::Probe).look(&site.url("/"), 0).await;
    assert_eq!(looked, (Outcome::Measured, Some(Duration::from_secs(7000))));
}

#[tokio::test]
async fn a_file_of_unknown_size_is_judged_by_what_came() {
    let wav = wav(84);
    let chunked = move |_: &str| {
        let mut body = format!("{:x}\r\n", wav.len()).into_bytes();
        body.extend_from_slice(&wav);
        body.extend_from_slice(b"\r\n0\r\n\r\n");
        Act::Write(answer(200, &["transfer-encoding: chunked"], &body))
    };
    let site = Site::start(chunked).await;
    let looked = site.room(Mode::Probe).look(&site.url("/"), 0).await;
    assert_eq!(looked, (Outcome::Measured, Some(Duration::from_secs(84))));
}

/// An MP4 whose `moov` stands behind a megabyte of sound.
pub(super) fn mp4(seconds: u32) -> Vec<u8> {
    let mut file = b"\0\0\0\x10ftypM4A \0\0\0\0\0\x10\0\0mdat".to_vec();
    file.resize(16 + (1 << 20), 0x55);
    file.extend_from_slice(b"\0\0\0\x74moov\0\0\0\x6cmvhd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01");
    file.extend_from_slice(&seconds.to_be_bytes());
    file.resize(16 + (1 << 20) + 0x74, 0);
    file
}

#[tokio::test]
async fn the_part_is_fetched_that_the_length_stands_in() {
    let site = Site::file(mp4(5000)).await;
    let looked = site.room(Mode::Probe).look(&site.url("/"), 0).await;
    assert_eq!(looked, (Outcome::Measured, Some(Duration::from_secs(5000))));
    assert_eq!(site.asked().len(), 2);
    assert!(site.asked()[1].contains("\r\nrange: bytes=1048592-1048707\r\n"), "{:?}", site.asked());
    let site = Site::file(mp4(8000)).await;
    assert_eq!(site.ends(Mode::Probe).await, Outcome::TooLong);
}

#[tokio::test]
async fn a_second_part_that_is_of_another_file_tells_nothing() {
    let (first, second) = (mp4(5000), mp4(8000));
    for lie in [
        Act::body(206, &["content-range: bytes 1048592-1048707/1048709"], &second[1_048_592..]),
        Act::body(206, &["content-range: bytes 1048591-1048707/1048708"], &second[1_048_591..]),
        Act::body(200, &[], &second),
        Act::head(404, &["content-length: 0"]),
        Act::Write(Vec::new()),
    ] {
        let (first, lie) = (first.clone(), lie);
        let site = Site::start(move |request| match request.contains("bytes=0-65535") {
            true => part(&first, request),
            false => lie.clone(),
        })
        .await;
        assert_eq!(site.ends(Mode::Probe).await, Outcome::Passed);
        assert_eq!(site.asked().len(), 2);
    }
}
