//! How long is a WAV or an AIFF file?
//!
//! Both are chunks: four letters, a size, and as many bytes. A size that is zero or the largest
//! number was not known when the head was written: then the sound goes on to the file's end.

use std::time::Duration;

use super::bytes::{Sample, be16, be32, be64, le16, le32, le64};
use super::length::ratio;

/// What the head tells of a sound: how long it is said to be, how many bytes a second take at
/// most, and where it begins, where that is in sight.
pub(super) struct Told {
    pub(super) length: Duration,
    pub(super) bytes_per_second: u64,
}

struct Chunk<'s> {
    id: [u8; 4],
    /// Where its data begin.
    at: u64,
    size: u32,
    /// The data, and whatever known bytes follow.
    data: &'s [u8],
}

/// The chunks from behind the form type on, as far as they are in sight.
fn chunks(sample: &Sample, big_endian: bool) -> impl Iterator<Item = Chunk<'_>> {
    let mut at: u64 = 12;
    std::iter::from_fn(move || {
        let head = sample.from(at);
        let id = *head.first_chunk()?;
        let size = if big_endian { be32(head, 4) } else { le32(head, 4) }?;
        let chunk = Chunk { id, at: at + 8, size, data: head.get(8..)? };
        // Chunks begin at even places.
        at = at.saturating_add(8 + u64::from(size) + u64::from(size & 1));
        Some(chunk)
    })
}

/// Multimedia Programming Interface and Data Specifications 1.0; EBU Tech 3306 for RF64.
pub(super) fn wav(sample: &Sample) -> Option<Told> {
    let big_endian = sample.from(0).starts_with(b"RIFX");
    let u16_at = if big_endian { be16 } else { le16 };
    let u32_at = if big_endian { be32 } else { le32 };
    let (mut rate, mut long_size) = (None, None);
    for chunk in chunks(sample, big_endian) {
        match &chunk.id {
            b"ds64" => long_size = le64(chunk.data, 8),
            b"fmt " => {
                let coding = u16_at(chunk.data, 0)?;
                let said = u64::from(u32_at(chunk.data, 8)?);
                let channels = u64::from(u16_at(chunk.data, 2)?);
                let bits = u64::from(u16_at(chunk.data, 14)?);
                let plain = channels * u64::from(u32_at(chunk.data, 4)?) * bits.div_ceil(8);
                // Players of plain samples go by their number, and do not look at the byte rate.
                rate = Some(if matches!(coding, 1 | 3 | 6 | 7 | 0xfffe) { plain } else { said });
            }
            b"data" => {
                let rate = rate.filter(|rate| *rate > 0)?;
                let said = match chunk.size {
                    0 | u32::MAX => long_size.filter(|size| !matches!(size, 0 | &u64::MAX)),
                    size => Some(u64::from(size)),
                };
                // A file that was cut holds less than it says.
                let rest = sample.rest(chunk.at);
                let bytes = match (said, rest) {
                    (Some(said), Some(rest)) => said.min(rest),
                    (said, rest) => said.or(rest)?,
                };
                return Some(Told { length: ratio(bytes, rate)?, bytes_per_second: rate });
            }
            _ => {}
        }
    }
    None
}

/// Audio Interchange File Format 1.3, and AIFF-C.
pub(super) fn aiff(sample: &Sample) -> Option<Told> {
    let common = chunks(sample, true).find(|chunk| &chunk.id == b"COMM")?.data;
    let frames = u64::from(be32(common, 2)?);
    let rate = extended(common.get(8..18)?)?;
    let channels = u64::from(be16(common, 0)?);
    let bits = u64::from(be16(common, 6)?);
    let length = ratio(frames, rate)?;
    Some(Told { length, bytes_per_second: channels * bits.max(8).div_ceil(8) * rate })
}

/// A whole number as an 80-bit float, which is how AIFF writes its rate.
fn extended(bytes: &[u8]) -> Option<u64> {
    let exponent = be16(bytes, 0)?;
    let mantissa = be64(bytes, 2)?;
    let shift = (16383 + 63_u16).checked_sub(exponent)?;
    mantissa.checked_shr(shift.into()).filter(|rate| *rate > 0 && *rate < 1 << 32)
}
