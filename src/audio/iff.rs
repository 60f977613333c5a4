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
        let data = at.saturating_add(8);
        let chunk = Chunk { id, at: data, size, data: head.get(8..)? };
        // Chunks begin at even places.
        at = data.saturating_add(u64::from(size) + u64::from(size & 1));
        Some(chunk)
    })
}

/// What a WAV says of its sound.
struct Coding {
    sample_rate: u64,
    bytes_per_second: u64,
    /// Whether each sample has a place of its own. Where not, the bytes a second are a guess of the
    /// encoder's, and a count of samples is worth more.
    is_plain: bool,
}

impl Coding {
    fn read(data: &[u8], big_endian: bool) -> Option<Self> {
        let u16_at = if big_endian { be16 } else { le16 };
        let u32_at = if big_endian { be32 } else { le32 };
        let sample_rate = u64::from(u32_at(data, 4)?);
        let channels = u64::from(u16_at(data, 2)?);
        let bits = u64::from(u16_at(data, 14)?);
        // Integers, floats, both kinds of telephone sound, and whichever of these an extension
        // names.
        let is_plain = matches!(u16_at(data, 0)?, 1 | 3 | 6 | 7 | 0xfffe);
        // Players of plain samples go by their number, and do not look at the byte rate.
        let bytes_per_second = if is_plain {
            channels * sample_rate * bits.div_ceil(8)
        } else {
            u64::from(u32_at(data, 8)?)
        };
        Some(Self { sample_rate, bytes_per_second, is_plain })
    }
}

/// Multimedia Programming Interface and Data Specifications 1.0; EBU Tech 3306 for RF64.
pub(super) fn wav(sample: &Sample) -> Option<Told> {
    let big_endian = sample.from(0).starts_with(b"RIFX");
    let u32_at = if big_endian { be32 } else { le32 };
    let (mut coding, mut long_size, mut counted) = (None, None, None);
    for chunk in chunks(sample, big_endian) {
        match &chunk.id {
            b"ds64" => long_size = le64(chunk.data, 8),
            b"fact" => counted = u32_at(chunk.data, 0),
            b"fmt " => coding = Some(Coding::read(chunk.data, big_endian)?),
            b"data" => {
                let coding = coding?;
                let counted =
                    counted.filter(|count| !coding.is_plain && !matches!(count, 0 | &u32::MAX));
                if let Some(count) = counted {
                    let length = ratio(count.into(), coding.sample_rate)?;
                    // A guess can be wrong by half.
                    return Some(Told { length, bytes_per_second: coding.bytes_per_second * 2 });
                }
                let length =
                    ratio(size_of_data(sample, &chunk, long_size)?, coding.bytes_per_second)?;
                return Some(Told { length, bytes_per_second: coding.bytes_per_second });
            }
            _ => {}
        }
    }
    None
}

/// How many bytes of sound there are: a file that was cut holds less than it says.
fn size_of_data(sample: &Sample, data: &Chunk<'_>, long_size: Option<u64>) -> Option<u64> {
    let said = match data.size {
        0 | u32::MAX => long_size.filter(|size| !matches!(size, 0 | &u64::MAX)),
        size => Some(u64::from(size)),
    };
    match (said, sample.rest(data.at)) {
        (Some(said), Some(rest)) => Some(said.min(rest)),
        (said, rest) => said.or(rest),
    }
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
