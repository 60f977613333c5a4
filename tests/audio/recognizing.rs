//! Which files are one of the eleven formats?

use heify_gateway::audio::{Format, PART, recognize};
use heify_gateway::refusal::{AudioFault, Refusal};

use super::handmade::{
    adts, aiff, all, amr, asf, flac, ftyp, id3, long_wav, moov, mp3, mp4_box, opus, wav, webm, xing,
};

#[test]
fn each_format_is_recognized_in_all_its_kinds() {
    let table: Vec<(Vec<u8>, Format)> = vec![
        (adts(3), Format::Aac),
        // AAC with a checksum, MPEG-2, and in ADIF.
        (
            adts(3).iter().map(|byte| if *byte == 0xf1 { 0xf8 } else { *byte }).collect(),
            Format::Aac,
        ),
        (b"ADIF\0\0\0\0".to_vec(), Format::Aac),
        ([id3(300), adts(3)].concat(), Format::Aac),
        (aiff(b"AIFF", 1), Format::Aiff),
        (aiff(b"AIFC", 1), Format::Aiff),
        (amr(b"#!AMR\n"), Format::Amr),
        (amr(b"#!AMR-WB\n"), Format::Amr),
        (amr(b"#!AMR-WB_MC1.0\n"), Format::Amr),
        (asf(1, 0, 0), Format::Asf),
        (flac(1), Format::Flac),
        ([id3(300), flac(1)].concat(), Format::Flac),
        (mp3(3), Format::Mp3),
        (xing(b"Xing", 1), Format::Mp3),
        ([id3(300), mp3(3)].concat(), Format::Mp3),
        // Two tags, a tag that is larger than what is looked at, and a tag before nothing known.
        ([id3(300), id3(20), mp3(3)].concat(), Format::Mp3),
        (id3(200_000)[..PART].to_vec(), Format::Mp3),
        ([id3(300), vec![0; 3000]].concat(), Format::Mp3),
        // A stream that was cut in the middle of a frame.
        ([vec![0x55; 217], mp3(6)].concat(), Format::Mp3),
        (opus(1, 2), Format::Ogg),
        (wav(1), Format::Wav),
        (long_wav(b"RF64", 1), Format::Wav),
        (long_wav(b"BW64", 1), Format::Wav),
        (b"RIFX\0\0\0\x04WAVE".to_vec(), Format::Wav),
        (webm(b"webm", None), Format::WebM),
        (webm(b"webm\0\0", None), Format::WebM),
        (webm(b"matroska", None), Format::WebM),
        (ftyp(b"M4A "), Format::M4a),
        (ftyp(b"M4B "), Format::M4a),
        (ftyp(b"isom"), Format::Mp4),
        (ftyp(b"mp42"), Format::Mp4),
        (ftyp(b"dash"), Format::Mp4),
        (ftyp(b"3gp4"), Format::Mp4),
        (ftyp(b"qt  "), Format::Mp4),
        // QuickTime of the time before brands.
        (moov(1, 1), Format::Mp4),
        (mp4_box(b"wide", b""), Format::Mp4),
    ];
    for (file, format) in table {
        let begin = file.escape_ascii().to_string();
        assert_eq!(recognize(&file), Some(format), "{}", &begin[..begin.len().min(60)]);
    }
}

#[test]
fn all_layers_versions_and_sample_rates_of_mpeg_audio_are_recognized() {
    let mut count = 0;
    for second in 0xe0..=0xff_u8 {
        for third in (0x10..0xf0_u8).step_by(4) {
            let head = [0xff, second, third, 0];
            let valid = second >> 3 & 3 != 1 && second >> 1 & 3 != 0 && third >> 2 & 3 != 3;
            assert_eq!(recognize(&head), valid.then_some(Format::Mp3), "{head:x?}");
            count += usize::from(valid);
        }
    }
    // Three versions, three layers, protected or not, fourteen bit rates, three sample rates,
    // padded or not, private or not: the last two bits are not walked through.
    assert_eq!(count, 3 * 3 * 2 * 14 * 3);
}

#[test]
fn what_is_no_audio_is_none_of_the_eleven() {
    let mp3_in_tar = [vec![b'a'; 257], b"ustar\0".to_vec(), vec![0; 249], mp3(8)].concat();
    let mp3_in_zip = [b"PK\x03\x04\x0a\0\0\0\0\0".to_vec(), mp3(8)].concat();
    for other in [
        &b""[..],
        b"\0",
        b"\xff",
        b"PK\x03\x04\x14\0\x08\0\x08\0",
        b"%PDF-1.7\n",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"GIF89a",
        b"<!DOCTYPE html><html>",
        b"{\"error\":\"not found\"}",
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"MZ\x90\0",
        b"RIFF\0\0\0\0AVI LIST",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"FORM\0\0\0\x04ILBM",
        b"MThd\0\0\0\x06\0\x01",
        b"caff\0\x01\0\0",
        b"wvpk\0\0\0\0",
        b".snd\0\0\0\x18",
        b"fLa",
        b"#!/bin/sh\n",
        b"#!AMR",
        b"ID3",
        b"ID3\x04\0\0\xff\xff\xff\xff",
        b"\0\0\0\x18ftypheic\0\0\0\0",
        b"\0\0\0\x18ftypavif\0\0\0\0",
        b"\0\0\0\x0cjP  \r\n\x87\n",
        &mp3_in_tar,
        &mp3_in_zip,
        // A frame's head without a frame behind it.
        &[&mp3(1)[..], &[0; 2000]].concat(),
        &[&adts(1)[..], &[0; 2000]].concat(),
        &webm(b"unknown", None),
    ] {
        let begin = other.escape_ascii().to_string();
        assert_eq!(recognize(other), None, "{}", &begin[..begin.len().min(60)]);
    }
}

#[test]
fn nothing_beyond_what_is_looked_at_changes_what_a_file_is() {
    for mut file in all() {
        file.resize(PART, 0);
        let format = recognize(&file);
        assert!(format.is_some());
        file.extend([0xff; 100_000]);
        assert_eq!(recognize(&file), format);
    }
}

#[test]
fn the_names_are_those_of_the_error_page() {
    let page = "AAC, AIFF, AMR, ASF, FLAC, MP3, OGG, WAV, WebM, M4A, MP4";
    assert_eq!(Format::ALL.map(Format::name).join(", "), page);
    let hint = Refusal::UnsupportedAudio { fault: AudioFault::Format }.hint().unwrap();
    assert_eq!(hint.strip_prefix("supported formats: "), Some(page));
}
