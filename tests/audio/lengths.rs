//! How long is a file, and what if it lies about it?

use std::time::Duration;

use heify_gateway::audio::{Format, Length, PART, Sample, also_needed, length, recognize};

use super::handmade::{
    adts, aiff, amr, asf, blocks, clock, flac, ftyp, id3, long_wav, moov, mp3, mp4_box, opus, page,
    vbri, wav, webm, xing,
};

const MB: u64 = 1_000_000;

fn told(milliseconds: u64) -> Option<Length> {
    Some(Length::Told(Duration::from_millis(milliseconds)))
}

/// The length of a file of which all bytes are there, read the way a caller reads it.
fn whole(file: &[u8]) -> Option<Length> {
    let size = file.len() as u64;
    let head = &file[..file.len().min(PART)];
    let format = recognize(head).unwrap();
    let part = also_needed(format, head, Some(size)).map(|range| {
        assert!(range.end <= size && range.end - range.start <= PART as u64, "{range:?}");
        let bytes = &file[range.start as usize..range.end as usize];
        (range.start, bytes.to_vec().into())
    });
    length(format, &Sample { head: head.to_vec().into(), part, size: Some(size) })
}

/// The length of a file of such a size that begins like this.
fn begins(head: Vec<u8>, size: impl Into<Option<u64>>) -> Option<Length> {
    let format = recognize(&head).unwrap();
    length(format, &Sample::of_head(head.into(), size.into()))
}

#[test]
fn a_head_tells_the_length() {
    let table = [
        (begins(wav(16_000), 16_060), told(2000)),
        (begins(long_wav(b"RF64", 16_000), 16_100), told(2000)),
        (begins(long_wav(b"BW64", 5 << 30), (5 << 30) + 200), told((5 << 30) / 8)),
        (begins(aiff(b"AIFF", 12_000), 24_054), told(1500)),
        (begins(aiff(b"AIFC", 8000), 8054), told(1000)),
        (begins(flac(96_000), 50_000), told(2000)),
        (begins([id3(300), flac(96_000)].concat(), 50_000), told(2000)),
        (begins(asf(5000, 3000, 2), 50_000), told(2000)),
        (begins(webm(b"webm", Some(2500.0)), 50_000), told(2500)),
        (begins([ftyp(b"M4A "), moov(4000, 4000)].concat(), 50_000), told(4000)),
        // Without a size, too.
        (begins(wav(16_000), None), told(2000)),
        (begins(flac(96_000), None), told(2000)),
    ];
    for (index, (found, expected)) in table.into_iter().enumerate() {
        assert_eq!(found, expected, "row {index}");
    }
}

#[test]
fn the_frames_of_mp3_are_counted_by_whoever_knows_them() {
    let frames = |count: u64| told(count * 1152 * 10_000 / 441 / 1000);
    let rounded = |length: Option<Length>| {
        length.map(|length| match length {
            Length::Told(length) => Length::Told(Duration::from_millis(length.as_millis() as u64)),
            Length::Estimated(length) => Length::Estimated(length),
        })
    };
    let with = |first: Vec<u8>| begins([first, mp3(10)].concat(), 400_000);
    assert_eq!(rounded(with(xing(b"Xing", 1000))), frames(1000));
    assert_eq!(rounded(with([id3(77), xing(b"Info", 1000)].concat())), frames(1000));
    assert_eq!(rounded(with(vbri(1000))), frames(1000));
    // All of one size: the size of the file tells.
    assert_eq!(rounded(begins(mp3(100), 417 * 5000)), frames(5000));
    // Of different sizes: their average does, and it is no more than that.
    let mut larger = b"\xff\xfb\xa0\x40".to_vec();
    larger.resize(522, 0);
    let mixed = [mp3(50), larger.repeat(50)].concat();
    let size = mixed.len() as u64 * 10;
    assert!(
        matches!(begins(mixed, size), Some(Length::Estimated(length)) if length.as_secs() == 26)
    );
    assert_eq!(begins(mp3(100), None), None);
}

#[test]
fn aac_is_an_estimate_unless_all_frames_are_there() {
    let second = 44_100.0 / 1024.0;
    let Some(Length::Estimated(length)) = begins(adts(300), 200 * 4307) else { panic!() };
    assert!((length.as_secs_f64() - 4307.0 / second).abs() < 0.01);
    let Some(Length::Told(length)) = whole(&adts(300)) else { panic!() };
    assert!((length.as_secs_f64() - 300.0 / second).abs() < 0.01);
}

#[test]
fn what_a_browser_recorded_is_an_estimate_by_its_blocks() {
    let head = webm(b"webm", None);
    let start = head.len() as u64;
    let recorded = [head, blocks(600)].concat();
    let Some(Length::Estimated(length)) = begins(recorded.clone(), start + 102 * 30_000) else {
        panic!()
    };
    assert!((length.as_secs_f64() - 600.0).abs() < 0.1, "{length:?}");
    assert_eq!(begins(recorded, None), None);
    // One block, and blocks that go back in time.
    assert_eq!(begins([webm(b"webm", None), blocks(1)].concat(), 100_000), None);
    let back = [webm(b"webm", None), blocks(9), blocks(1)].concat();
    assert_eq!(begins(back, 100_000), None);
}

#[test]
fn what_is_needed_besides_the_head_is_asked_for_and_found() {
    let filler = vec![0x11; 200_000];
    let behind = [ftyp(b"isom"), mp4_box(b"mdat", &filler), moov(9000, 9000)].concat();
    assert_eq!(whole(&behind), told(9000));
    // A box of 64-bit size, and others between.
    let mut large = b"\0\0\0\x01mdat".to_vec();
    large.extend((16 + filler.len() as u64).to_be_bytes());
    let behind = [ftyp(b"M4A "), large, filler.clone(), mp4_box(b"free", b"x"), moov(9000, 9000)];
    assert_eq!(whole(&behind.concat()), told(9000));
    // The head of the box that is looked for begins in the last bytes of what is known.
    for short in 0..24 {
        let data = vec![0; PART - ftyp(b"isom").len() - 8 - short];
        let file = [ftyp(b"isom"), mp4_box(b"mdat", &data), moov(9000, 9000)].concat();
        assert_eq!(whole(&file), told(9000), "{short}");
    }

    let mut ogg = opus(48_000, 96_000);
    for second in 3..=100 {
        ogg.extend(page(7, second * 48_000, &[0; 4000]));
    }
    ogg.extend(page(7, 100 * 48_000 + 312, &[0; 10]));
    assert_eq!(whole(&ogg), told(100_000));

    // More of a head than is looked at changes nothing.
    let size = ogg.len() as u64;
    let range = also_needed(Format::Ogg, &ogg, Some(size)).unwrap();
    assert_eq!(range, size - PART as u64..size);

    let tagged = [id3(150_000), xing(b"Info", 1000), mp3(1000)].concat();
    assert_eq!(whole(&tagged).unwrap().duration().as_secs(), 26);
    assert_eq!(also_needed(Format::Wav, &wav(1), Some(MB)), None);
    assert_eq!(also_needed(Format::Ogg, &opus(1, 2), None), None);
}

#[test]
fn nothing_beyond_what_is_looked_at_tells_a_length() {
    let junk = [&b"JUNK\0\0\x01\0"[..], &[0; 1 << 16]].concat();
    let plain = wav(8000);
    let file = [&plain[..12], &junk, &plain[12..], &[0; 8000]].concat();
    let size = Some(file.len() as u64);
    let known = Sample::of_head(file.clone().into(), size);
    assert_eq!(length(Format::Wav, &known), None);
    let part = Some((0, file.into()));
    assert_eq!(length(Format::Wav, &Sample { part, ..known }), None);
}

#[test]
fn a_truncated_file_has_the_length_of_what_is_there_or_of_what_it_says() {
    // Plain samples: what is there counts.
    assert_eq!(begins(wav(80_000_000), 8056), told(1000));
    // Others are said to be longer, which is not contradicted.
    assert_eq!(begins(flac(48_000 * 60), 5000), told(60_000));
    // Where the end is missing, the last page is.
    let mut ogg = opus(48_000, 96_000);
    ogg.resize(ogg.len() + 200_000, 0);
    assert_eq!(whole(&ogg), None);
    let cut = [ftyp(b"isom"), mp4_box(b"mdat", &[0; 100_000])].concat();
    assert_eq!(whole(&cut[..90_000]), None);
    for file in super::handmade::all() {
        for end in 0..file.len() {
            if let Some(format) = recognize(&file[..end]) {
                let _ =
                    length(format, &Sample::of_head(file[..end].to_vec().into(), Some(end as u64)));
            }
        }
    }
}

#[test]
fn a_length_that_the_size_contradicts_is_none() {
    let second = |head: Vec<u8>| (begins(head.clone(), 100_000), begins(head, 100 * MB));
    let moov_first = |brand| [ftyp(brand), moov(1000, 1000)].concat();
    for head in [
        wav(8000),
        long_wav(b"RF64", 8000),
        aiff(b"AIFF", 8000),
        flac(48_000),
        [xing(b"Xing", 38), mp3(10)].concat(),
        webm(b"webm", Some(1000.0)),
        moov_first(b"M4A "),
        moov_first(b"isom"),
        asf(1000, 0, 0),
    ] {
        let begin = head[..12].escape_ascii().to_string();
        let (honest, lie) = second(head);
        assert!(matches!(honest, Some(Length::Told(_))), "{begin}");
        assert_eq!(lie, None, "{begin}");
    }
}

#[test]
fn a_length_that_was_not_known_when_the_head_was_written_is_not_one() {
    assert_eq!(begins(wav(0), 8000 + 56), told(1000));
    assert_eq!(begins(wav(u32::MAX), 8000 + 56), told(1000));
    assert_eq!(begins(wav(u32::MAX), None), None);
    assert_eq!(begins(flac(0), 8000), None);
    assert_eq!(begins(webm(b"webm", None), 8000), None);
    assert_eq!(begins(asf(5000, 3000, 1), 8000), None, "a broadcast");
    for unknown in [0, u32::MAX] {
        let head = [ftyp(b"isom"), moov(unknown, unknown)].concat();
        assert_eq!(begins(head, 8000), None);
    }
    let mut fragments = clock(b"mvhd", 0);
    let count = [&[0; 4][..], &3000_u32.to_be_bytes()].concat();
    fragments.extend(mp4_box(b"mvex", &mp4_box(b"mehd", &count)));
    let head = [ftyp(b"iso5"), mp4_box(b"moov", &fragments)].concat();
    assert_eq!(begins(head, 8000), told(3000));
    assert_eq!(begins(amr(b"#!AMR\n"), 8000), None);
}

#[test]
fn the_longest_track_counts_and_what_an_encoder_puts_before_it_does_not() {
    let film = |whole, track| begins([ftyp(b"isom"), moov(whole, track)].concat(), 50_000);
    assert_eq!(film(4000, 9000), told(9000));
    assert_eq!(film(9000, 4000), told(9000));
    assert_eq!(film(7_200_000, 7_200_046), told(7_200_000));
}

#[test]
fn the_last_page_of_a_stream_counts_and_not_that_of_another() {
    let hour = 48_000 * 3600;
    // Cut out of a broadcast that had been running for hours.
    assert_eq!(whole(&opus(9 * hour, 9 * hour + 96_312)), told(2000));
    let chained = [opus(48_000, 96_312), page(8, hour, b"x")].concat();
    assert_eq!(whole(&chained), told(2000));
    assert_eq!(whole(&opus(48_000, 100)), None, "the end before the beginning");
}

#[test]
fn only_what_a_file_says_exceeds_a_limit() {
    let limit = Duration::from_secs(7200);
    let second = Duration::from_secs(1);
    assert!(!Length::Told(limit + second).exceeds(limit));
    assert!(Length::Told(limit + second + Duration::from_millis(1)).exceeds(limit));
    assert!(!Length::Estimated(limit * 2).exceeds(limit));
}
