//! How long is a WebM file?
//!
//! `Duration` of the segment's `Info` (RFC 9559, section 5.1.2.10), which stands before the sound.
//! What was recorded by a browser has none: it is written while the sound comes in.

use std::time::Duration;

use super::bytes::{Sample, array};

const HEADER: u32 = 0x1a45_dfa3;
const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TIMESTAMP_SCALE: u32 = 0x002a_d7b1;
const DURATION: u32 = 0x4489;
const CLUSTER: u32 = 0x1f43_b675;

/// Whether this is the beginning of WebM or Matroska.
pub(super) fn is_webm(head: &[u8]) -> bool {
    let Some(header) = Element::read(head).filter(|element| element.id == HEADER) else {
        return false;
    };
    let mut kinds = Elements::of(header.data).filter(|element| element.id == DOC_TYPE);
    kinds.next().is_some_and(|kind| {
        let name = kind.data.split(|byte| *byte == 0).next();
        matches!(name, Some(b"webm" | b"matroska"))
    })
}

/// What the head says.
pub(super) fn length(sample: &Sample) -> Option<Duration> {
    let head = sample.from(0);
    let segment = Elements::of(head).find(|element| element.id == SEGMENT)?;
    let info = Elements::of(segment.data)
        .take_while(|element| element.id != CLUSTER)
        .find(|element| element.id == INFO)?;
    let (mut scale, mut duration) = (1_000_000, None);
    for element in Elements::of(info.data) {
        match element.id {
            TIMESTAMP_SCALE => scale = unsigned(element.data)?,
            DURATION => duration = float(element.data),
            _ => {}
        }
    }
    // A number of nanoseconds beyond what the type holds is no length.
    let seconds = duration? * (scale as f64) / 1e9;
    Duration::try_from_secs_f64(seconds).ok()
}

fn unsigned(data: &[u8]) -> Option<u64> {
    (data.len() <= 8).then(|| data.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn float(data: &[u8]) -> Option<f64> {
    match data.len() {
        4 => array(data, 0).map(|bytes| f64::from(f32::from_be_bytes(bytes))),
        8 => array(data, 0).map(f64::from_be_bytes),
        _ => None,
    }
}

/// An element, as far as it is there (RFC 8794, section 4).
struct Element<'b> {
    id: u32,
    data: &'b [u8],
    /// What comes behind it; nothing where it goes on beyond the known bytes.
    behind: &'b [u8],
}

impl<'b> Element<'b> {
    fn read(bytes: &'b [u8]) -> Option<Self> {
        let id_length = bytes.first()?.leading_zeros() as usize + 1;
        if id_length > 4 {
            return None;
        }
        let id = bytes.get(..id_length)?;
        let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
        let bytes = &bytes[id_length..];
        let first = *bytes.first()?;
        let size_length = first.leading_zeros() as usize + 1;
        if size_length > 8 {
            return None;
        }
        let mask = 0xff_u64 >> size_length;
        let rest = bytes.get(1..size_length)?;
        let size =
            rest.iter().fold(u64::from(first) & mask, |size, byte| size << 8 | u64::from(*byte));
        let bytes = &bytes[size_length..];
        // All bits set: the size is not known, and the element goes on to its parent's end.
        let is_unknown = size == u64::MAX >> (64 - 7 * size_length);
        let size = usize::try_from(size).ok().filter(|size| !is_unknown && *size <= bytes.len());
        let (data, behind) = bytes.split_at(size.unwrap_or(bytes.len()));
        Some(Self { id, data, behind })
    }
}

/// Elements one after the other. Each takes two bytes at least, so they end.
struct Elements<'b>(&'b [u8]);

impl<'b> Elements<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }
}

impl<'b> Iterator for Elements<'b> {
    type Item = Element<'b>;

    fn next(&mut self) -> Option<Element<'b>> {
        let element = Element::read(self.0)?;
        self.0 = element.behind;
        Some(element)
    }
}
