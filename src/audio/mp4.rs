//! How long is an MP4 file?
//!
//! The box `moov` tells it. It stands before the sound or behind it; where behind, the size of the
//! sound tells where, and the bytes from there on are asked for. ISO/IEC 14496-12.

use std::time::Duration;

use super::bytes::{Sample, be32, be64};
use super::length::ratio;

/// One box, as far as it is there.
struct Box<'s> {
    kind: [u8; 4],
    data: &'s [u8],
    is_whole: bool,
    /// The place behind it; none: it goes on to the file's end.
    end: Option<u64>,
}

/// From where on bytes are needed, if the length is not in sight.
pub(super) fn needed_from(sample: &Sample) -> Option<u64> {
    match find_moov(sample) {
        Ok((at, moov)) => (!moov.is_whole && length(sample).is_none()).then_some(at),
        Err(next) => next,
    }
}

/// `moov` and where it begins, or else the place behind the last box in sight.
fn find_moov(sample: &Sample) -> Result<(u64, Box<'_>), Option<u64>> {
    let mut at = 0;
    loop {
        let known = sample.from(at);
        // The longest head of a box has sixteen bytes.
        let Some(next) = read(known, at) else {
            return Err((known.len() < 16).then_some(at));
        };
        if &next.kind == b"moov" {
            return Ok((at, next));
        }
        at = next.end.ok_or(None)?;
    }
}

/// A box that begins with these bytes, which are at that place of the file.
fn read(bytes: &[u8], at: u64) -> Option<Box<'_>> {
    let kind = *bytes.get(4..)?.first_chunk()?;
    let (head, size) = match be32(bytes, 0)? {
        0 => (8, None),
        1 => (16, Some(be64(bytes, 8)?)),
        size => (8, Some(u64::from(size))),
    };
    // A box smaller than its own head would be read for ever.
    if size.is_some_and(|size| size < head as u64) {
        return None;
    }
    let whole = size.and_then(|size| usize::try_from(size).ok());
    let data = &bytes[head..];
    let all = whole.and_then(|whole| data.get(..whole - head));
    let (data, is_whole) = (all.unwrap_or(data), all.is_some());
    Some(Box { kind, data, is_whole, end: size.and_then(|size| at.checked_add(size)) })
}

/// The boxes in these bytes.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = Box<'_>> {
    let mut at = Some(0);
    std::iter::from_fn(move || {
        let start = at?;
        let found = read(bytes.get(usize::try_from(start).ok()?..)?, start)?;
        at = found.end;
        Some(found)
    })
}

/// Encoders count what they put before the sound into a track and not into the whole.
const BEFORE_SOUND: Duration = Duration::from_secs(1);

/// What `moov` says of the whole, or the longest track in sight where that is longer.
pub(super) fn length(sample: &Sample) -> Option<Duration> {
    let (_, moov) = find_moov(sample).ok()?;
    let (mut whole, mut longest_track, mut scale) = (None, None, None);
    for part in boxes(moov.data) {
        match &part.kind {
            b"mvhd" => {
                let clock = clock(part.data)?;
                scale = Some(clock.0);
                whole = said(clock);
            }
            b"trak" => longest_track = longest_track.max(media_length(part.data)),
            // Of a file in fragments, the head alone says how long all of them are.
            b"mvex" => whole = whole.max(fragments(part.data, scale)),
            _ => {}
        }
    }
    match (whole, longest_track) {
        (Some(whole), Some(track)) if track > whole.saturating_add(BEFORE_SOUND) => Some(track),
        (whole, track) => whole.or(track),
    }
}

fn media_length(track: &[u8]) -> Option<Duration> {
    let media = boxes(track).find(|part| &part.kind == b"mdia")?;
    let head = boxes(media.data).find(|part| &part.kind == b"mdhd")?;
    clock(head.data).and_then(said)
}

fn fragments(extension: &[u8], scale: Option<u32>) -> Option<Duration> {
    let head = boxes(extension).find(|part| &part.kind == b"mehd")?.data;
    let duration = match head.first()? {
        0 => u64::from(be32(head, 4)?),
        _ => be64(head, 4)?,
    };
    said((scale?, duration))
}

/// Units per second and their number, as in `mvhd` and `mdhd`.
fn clock(head: &[u8]) -> Option<(u32, u64)> {
    match head.first()? {
        0 => Some((
            be32(head, 12)?,
            match be32(head, 16)? {
                u32::MAX => u64::MAX,
                duration => duration.into(),
            },
        )),
        _ => Some((be32(head, 20)?, be64(head, 24)?)),
    }
}

/// Zero and the largest number mean that the length was not known.
fn said((scale, duration): (u32, u64)) -> Option<Duration> {
    if matches!(duration, 0 | u64::MAX) {
        return None;
    }
    ratio(duration, scale.into())
}
