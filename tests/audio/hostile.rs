//! Can bytes be made that hang it, or make it panic?
//!
//! The same as `fuzz/`, but shorter and without a tool: a few rounds of bytes that are changed at
//! random, from a seed that is always the same.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use heify_gateway::audio::{Format, Length, PART, Sample, also_needed, length, recognize};

use super::handmade::{all, ftyp, id3, moov, mp3, mp4_box, page};

const ROUNDS: usize = 60_000;

/// Does with a file what a caller does, and what no caller does.
fn read(file: &[u8], rng: &mut Rng) -> Option<Length> {
    let size = file.len() as u64;
    let head = &file[..file.len().min(PART)];
    let wrong = Format::ALL[rng.usize(..Format::ALL.len())];
    let place = if rng.bool() { rng.u64(..) } else { rng.u64(..=size) };
    let (part, wrong_size) = (Some((place, file.to_vec().into())), rng.bool().then(|| rng.u64(..)));
    also_needed(wrong, head, wrong_size);
    length(wrong, &Sample { head: head.to_vec().into(), part, size: wrong_size });
    let format = recognize(head)?;
    let part = also_needed(format, head, Some(size)).map(|range| {
        assert!(range.start < range.end && range.end <= size, "{range:?} of {size}");
        assert!(range.end - range.start <= PART as u64, "{range:?}");
        (range.start, file[range.start as usize..range.end as usize].to_vec().into())
    });
    let found = length(format, &Sample { head: head.to_vec().into(), part, size: Some(size) });
    assert!(!found.is_some_and(|length| length.duration().is_zero()));
    found
}

/// Changes some bytes: to anything, to numbers at the edge, or by another file's.
fn change(file: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut Rng) {
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..file.len().max(1));
        let length = rng.usize(..9).min(file.len() - at);
        match rng.u8(..6) {
            0 => file[at..at + length].fill_with(|| rng.u8(..)),
            1 => file[at..at + length].fill(if rng.bool() { 0xff } else { 0 }),
            2 => file[at..at + length].fill(0x7f + rng.u8(..2)),
            3 => file.truncate(at),
            4 => {
                let other = &others[rng.usize(..others.len())];
                let from = rng.usize(..other.len());
                file.splice(at..at + length, other[from..].iter().copied());
            }
            _ => {
                file.drain(at..at + length);
            }
        }
    }
    file.truncate(3 * PART);
}

#[test]
fn no_bytes_make_it_panic() {
    let seeds = all();
    let mut rng = Rng::with_seed(6);
    let mut formats = HashSet::new();
    for round in 0..ROUNDS {
        let mut file = seeds[round % seeds.len()].clone();
        change(&mut file, &seeds, &mut rng);
        read(&file, &mut rng);
        formats.extend(recognize(&file));
    }
    assert_eq!(formats.len(), 11, "the changes leave something to read");
}

#[test]
fn a_head_full_of_the_smallest_parts_is_walked_through_once() {
    let mut rng = Rng::with_seed(6);
    // As many parts as there is room for; each walk that began anew would take hours.
    let mut many = |one: &[u8], begin: Vec<u8>| {
        let mut file = begin;
        file.extend(one.repeat(4 * PART / one.len()));
        read(&file, &mut rng)
    };
    assert_eq!(many(&mp4_box(b"free", b""), ftyp(b"isom")), None);
    assert_eq!(many(&id3(0), vec![]), None);
    assert_eq!(many(b"LIST\0\0\0\0", b"RIFF\0\0\0\0WAVE".to_vec()), None);
    assert_eq!(many(b"\xec\x80", super::handmade::webm(b"webm", None)), None);
    let vorbis = page(7, 0, b"\x01vorbis\0\0\0\0\x01\x40\x1f\0\0");
    assert_eq!(many(&page(8, 1, b""), vorbis), None);
    assert_eq!(many(&mp4_box(b"trak", &mp4_box(b"mdia", b"")), ftyp(b"isom")), None);
    let nested = (0..1000).fold(vec![], |inner, _| mp4_box(b"moov", &inner));
    assert_eq!(many(&nested, ftyp(b"isom")), None);
    // Everywhere a frame begins, and nowhere another one follows.
    assert_eq!(many(b"\xff\xfb\x90\0", vec![0]), None);

    let mut with_boxes = |count| {
        let boxes = mp4_box(b"skip", b"").repeat(count);
        read(&[ftyp(b"isom"), boxes, moov(1000, 1000)].concat(), &mut rng)
    };
    assert_eq!(with_boxes(10_000), Some(Length::Told(Duration::from_secs(1))));
    assert_eq!(with_boxes(20_000), None, "beyond the second part, too");
}

#[test]
fn an_archive_is_no_audio_whatever_its_name_and_contents() {
    let archive = [b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), mp3(200)].concat();
    assert_eq!(recognize(&archive), None);
}

#[test]
fn the_corpus_begins_with_every_format() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/whole");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    let formats: HashSet<_> = files.filter_map(|file| recognize(&file)).collect();
    assert_eq!(formats.len(), Format::ALL.len(), "{formats:?}");
}
