//! How long is an Ogg file?
//!
//! Each page says how many samples have passed at its end, so the last one tells the length (RFC
//! 3533, section 6). It counts only if it belongs to the stream that begins the file: what is
//! chained behind it has a count of its own.

use std::time::Duration;

use memchr::memmem;

use super::bytes::{Sample, be64, le16, le32, le64};
use super::length::ratio;

const CAPTURE: &[u8] = b"OggS\0";

/// The place in a page's head of the count of samples.
const GRANULE: usize = 6;
/// Of the stream's number.
const SERIAL: usize = 14;
/// Of the count of segments, whose lengths follow.
const SEGMENTS: usize = 26;

/// A stream of sound.
struct Stream {
    serial: u32,
    samples_per_second: u64,
    /// Samples that are decoded and not played.
    skipped: u64,
}

/// The count of the last page less that of the beginning.
pub(super) fn length(sample: &Sample) -> Option<Duration> {
    let head = sample.from(0);
    let stream = pages(head).find_map(stream)?;
    let (start, tail) = match &sample.part {
        Some((start, _)) => (*start, sample.from(*start)),
        None => (0, head),
    };
    // Without the file's end, the last known page is not the last one.
    if sample.size? != start.saturating_add(tail.len() as u64) {
        return None;
    }
    let last = memmem::rfind_iter(tail, CAPTURE)
        .filter_map(|at| tail.get(at..))
        .find_map(|page| granule(page, stream.serial))?;
    let samples = last.checked_sub(first(head, &stream)?)?.checked_sub(stream.skipped)?;
    ratio(samples, stream.samples_per_second)
}

/// Where the count begins: at zero, unless the file was cut out of a longer one.
fn first(head: &[u8], stream: &Stream) -> Option<u64> {
    let first =
        pages(head).filter_map(|page| granule(page, stream.serial)).find(|count| *count > 0);
    // One page holds no more than this; encoders mostly make a new one each second.
    let one_page = stream.samples_per_second * 60;
    Some(first?).map(|count| if count > one_page { count } else { 0 })
}

fn granule(page: &[u8], serial: u32) -> Option<u64> {
    // All bits set: no packet ends on the page.
    (le32(page, SERIAL)? == serial).then(|| le64(page, GRANULE))?.filter(|count| *count != u64::MAX)
}

/// The pages from the beginning on, one behind the other.
fn pages(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let page = rest;
        let segments = page.strip_prefix(CAPTURE).and(page.get(SEGMENTS)).copied()?;
        let table = SEGMENTS + 1;
        let lengths = page.get(table..table + usize::from(segments))?;
        let data: usize = lengths.iter().map(|length| usize::from(*length)).sum();
        rest = page.get(table + lengths.len() + data..).unwrap_or_default();
        Some(page)
    })
}

/// The stream whose first page this is, if its codec is known.
fn stream(page: &[u8]) -> Option<Stream> {
    let serial = le32(page, SERIAL)?;
    let packet = page.get(SEGMENTS + 1 + usize::from(*page.get(SEGMENTS)?)..)?;
    let (samples_per_second, skipped) = if packet.starts_with(b"OpusHead") {
        // RFC 7845, section 5.1: always counted at 48 kHz.
        (48_000, u64::from(le16(packet, 10)?))
    } else if packet.starts_with(b"\x01vorbis") {
        (u64::from(le32(packet, 12)?), 0)
    } else if packet.starts_with(b"Speex   ") {
        (u64::from(le32(packet, 36)?), 0)
    } else if packet.starts_with(b"\x7fFLAC") {
        // The sample rate is the first 20 bits behind sizes of blocks and frames.
        (be64(packet, 27)? >> 44, 0)
    } else {
        return None;
    };
    (samples_per_second > 0).then_some(Stream { serial, samples_per_second, skipped })
}
