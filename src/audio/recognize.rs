//! Which of the eleven formats begins like this?
//!
//! A false refusal is worse than a bad file that is forwarded. So whatever one demuxer reads as
//! well is the same format here: Matroska with WebM, QuickTime and 3GP with MP4, all layers with
//! MP3.

use super::format::Format;
use super::mpeg::{self, Kind};
use super::{PART, ebml, other};

/// Which of the eleven formats a file has that begins like this; `None`: none of them.
///
/// [`PART`] bytes are enough for any file, and what is beyond them is not looked at. Never panics,
/// whatever the bytes.
pub fn recognize(head: &[u8]) -> Option<Format> {
    let head = head.get(..PART).unwrap_or(head);
    by_magic(head).or_else(|| behind_a_tag(head)).or_else(|| by_frames(head))
}

fn by_magic(head: &[u8]) -> Option<Format> {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let form = head.get(8..12);
    if starts(b"fLaC") {
        return Some(Format::Flac);
    }
    if starts(b"OggS\0") {
        return Some(Format::Ogg);
    }
    if starts(b"ADIF") {
        return Some(Format::Aac);
    }
    // The multichannel kinds have the same frames.
    let amr = [&b"#!AMR\n"[..], b"#!AMR-WB\n", b"#!AMR_MC1.0\n", b"#!AMR-WB_MC1.0\n"];
    if amr.into_iter().any(starts) {
        return Some(Format::Amr);
    }
    if starts(&[
        0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce,
        0x6c,
    ]) {
        return Some(Format::Asf);
    }
    let riff = [&b"RIFF"[..], b"RIFX", b"RF64", b"BW64"];
    if form == Some(b"WAVE") && riff.into_iter().any(starts) {
        return Some(Format::Wav);
    }
    if starts(b"FORM") && matches!(form, Some(b"AIFF" | b"AIFC")) {
        return Some(Format::Aiff);
    }
    if ebml::is_webm(head) {
        return Some(Format::WebM);
    }
    iso(head)
}

/// ISO/IEC 14496-12, section 4.3, and the boxes with which files began before there was `ftyp`.
fn iso(head: &[u8]) -> Option<Format> {
    match head.get(4..8)? {
        b"ftyp" => match head.get(8..12)? {
            b"M4A " | b"M4B " | b"M4P " | b"F4A " | b"F4B " => Some(Format::M4a),
            // Pictures in the same boxes.
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"mif2"
            | b"msf1" | b"avif" | b"avis" | b"crx " | b"jp2 " | b"jpx " | b"jpm " => None,
            _ => Some(Format::Mp4),
        },
        b"moov" | b"mdat" | b"wide" | b"styp" | b"pnot" | b"free" | b"skip" => Some(Format::Mp4),
        _ => None,
    }
}

/// An ID3v2 tag is mostly before MP3, but AAC, FLAC and AIFF are found behind it, too.
fn behind_a_tag(head: &[u8]) -> Option<Format> {
    let mut rest = head;
    let mut tagged = false;
    while let Some(length) = mpeg::tag_length(rest) {
        tagged = true;
        // Behind what is known: mostly a picture, and mostly before MP3.
        let Some(behind) = usize::try_from(length).ok().and_then(|at| rest.get(at..)) else {
            return Some(Format::Mp3);
        };
        rest = behind;
    }
    let behind = || by_magic(rest).or_else(|| by_frames(rest)).unwrap_or(Format::Mp3);
    tagged.then(behind)
}

/// Also behind something else, unless that is known: sound is in other files, too.
fn by_frames(head: &[u8]) -> Option<Format> {
    let (at, kind) = mpeg::find(head)?;
    if at > 0 && other::is_something_else(head) {
        return None;
    }
    Some(match kind {
        Kind::Mpeg(_) => Format::Mp3,
        Kind::Adts => Format::Aac,
    })
}
