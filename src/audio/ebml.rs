//! How long is a WebM file?
//!
//! `Duration` of the segment's `Info` (RFC 9559, section 5.1.2.10) says so, and stands before the
//! sound. What a browser recorded has none, since it is written while the sound comes in: there,
//! the times of the blocks in sight tell how long the rest of the file is likely to be.

use std::time::Duration;

use super::bytes::{Sample, array, be16};
use super::length::Length;

const HEADER: u32 = 0x1a45_dfa3;
const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TIMESTAMP_SCALE: u32 = 0x002a_d7b1;
const DURATION: u32 = 0x4489;
const CLUSTER: u32 = 0x1f43_b675;
const TIMESTAMP: u32 = 0xe7;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;

/// Elements whose own elements are looked at.
const ENTERED: [u32; 5] = [HEADER, SEGMENT, INFO, CLUSTER, BLOCK_GROUP];

/// Whether this is the beginning of WebM or Matroska.
pub(super) fn is_webm(head: &[u8]) -> bool {
    let mut elements = elements(head);
    let is_ebml = elements.next().is_some_and(|first| first.id == HEADER);
    let kind = elements.take_while(|element| element.id != SEGMENT).find(|one| one.id == DOC_TYPE);
    is_ebml
        && kind.is_some_and(|kind| {
            let name = kind.data.split(|byte| *byte == 0).next();
            matches!(name, Some(b"webm" | b"matroska"))
        })
}

/// What the head says, or what the blocks in sight make likely.
pub(super) fn length(sample: &Sample) -> Option<Length> {
    let head = sample.from(0);
    let (mut scale, mut said, mut blocks) = (1_000_000, None, Blocks::default());
    for element in elements(head) {
        match element.id {
            TIMESTAMP_SCALE => scale = unsigned(element.data)?,
            DURATION => said = float(element.data),
            CLUSTER if said.is_some() => break,
            TIMESTAMP => blocks.cluster = unsigned(element.data)? as f64,
            SIMPLE_BLOCK | BLOCK => {
                let at = head.len() - element.data.len() - element.behind.len();
                blocks.pass(element.data, at as f64);
            }
            _ => {}
        }
    }
    // A number of nanoseconds beyond what the type holds is no length.
    let length = |ticks| Duration::try_from_secs_f64(ticks * (scale as f64) / 1e9).ok();
    match said {
        Some(ticks) => length(ticks).map(Length::Told),
        None => length(blocks.to_the_end(sample.size? as f64)?).map(Length::Estimated),
    }
}

/// Where blocks begin, and when.
#[derive(Default)]
struct Blocks {
    /// The time from which those of the present cluster are counted.
    cluster: f64,
    first: Option<(f64, f64)>,
    last: Option<(f64, f64)>,
}

impl Blocks {
    /// RFC 9559, section 10.1: a track's number, and a time relative to the cluster's.
    fn pass(&mut self, block: &[u8], at: f64) {
        let track = block.first().map_or(0, |first| first.leading_zeros() as usize + 1);
        let Some(relative) = be16(block, track) else { return };
        let place = (at, self.cluster + f64::from(relative.cast_signed()));
        self.first.get_or_insert(place);
        self.last = Some(place);
    }

    /// How long it takes to the end of so many bytes, at the rate of those between the first and
    /// the last block in sight.
    fn to_the_end(&self, size: f64) -> Option<f64> {
        let ((start, begin), (end, until)) = self.first.zip(self.last)?;
        let ticks = (until - begin) * (size - start) / (end - start);
        (end > start && ticks > 0.0).then_some(ticks)
    }
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

/// The elements in these bytes, and those in the ones that are entered. Each takes two bytes at
/// least, so they end.
fn elements(bytes: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (id, id_length) = number(rest, 4)?;
        let known = &rest[id_length..];
        let (size, size_length) = number(known, 8)?;
        // The first set bit belongs to an id, and not to a size.
        let size = size & !(1 << (7 * size_length));
        let known = &known[size_length..];
        // An unknown size is larger than what is there, too: it goes on to the end.
        let size = usize::try_from(size).ok().filter(|size| *size <= known.len());
        let (data, behind) = known.split_at(size.unwrap_or(known.len()));
        let id = u32::try_from(id).ok()?;
        rest = if ENTERED.contains(&id) { known } else { behind };
        Some(Element { id, data, behind })
    })
}

/// A number whose leading zeros tell how many bytes it has, and how many these are.
fn number(bytes: &[u8], longest: usize) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > longest {
        return None;
    }
    let number = bytes.get(..length)?;
    Some((number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), length))
}
