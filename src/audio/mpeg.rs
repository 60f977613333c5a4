//! Where are the frames of MP3 and AAC, and how long are they?
//!
//! A frame begins with eleven or twelve set bits, which random bytes have often enough. So a frame
//! counts only if another one of its kind begins where it ends.

use std::time::Duration;

use super::bytes::{Sample, be32};
use super::length::ratio;

/// Where `VBRI` stands in a frame, whatever its kind.
const VBRI: usize = 36;

/// So many bytes are the head of any frame.
const LONGEST_HEAD: u64 = 7;

/// The head of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) sample_rate: u32,
    /// How many samples of each channel it holds.
    pub(super) samples: u32,
    /// Its length with its head, in bytes.
    pub(super) bytes: usize,
    /// Where a Xing head stands in it, from its first byte on.
    pub(super) xing: usize,
}

/// Two frames of one kind can follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// MPEG audio, by its version and layer bits.
    Mpeg(u8),
    /// AAC in ADTS.
    Adts,
}

impl Frame {
    /// Reads the head of a frame at the beginning of these bytes.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, second, ..] if second & 0xf6 == 0xf0 => Self::adts(bytes),
            [0xff, second, third, fourth, ..] if second & 0xe0 == 0xe0 => {
                Self::mpeg(*second, *third, *fourth)
            }
            _ => None,
        }
    }

    /// ISO/IEC 13818-7, section 6.2.
    fn adts(bytes: &[u8]) -> Option<Self> {
        const RATES: [u32; 13] = [
            96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
        ];
        let head: [u8; 7] = bytes.first_chunk().copied()?;
        let sample_rate = *RATES.get(usize::from(head[2] >> 2 & 0x0f))?;
        let length =
            u32::from(head[3] & 3) << 11 | u32::from(head[4]) << 3 | u32::from(head[5] >> 5);
        let blocks = u32::from(head[6] & 3) + 1;
        let shortest = if head[1] & 1 == 1 { 7 } else { 9 };
        let bytes = usize::try_from(length).ok().filter(|length| *length > shortest)?;
        Some(Self {
            kind: Kind::Adts,
            sample_rate,
            samples: blocks * 1024,
            bytes,
            xing: usize::MAX,
        })
    }

    /// ISO/IEC 11172-3, section 2.4.2.3, and 13818-3; version 2.5 is what everybody made of it.
    fn mpeg(second: u8, third: u8, fourth: u8) -> Option<Self> {
        let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
        let first_version = version == 3;
        let halvings = match version {
            3 => 0,
            2 => 1,
            0 => 2,
            _ => return None,
        };
        let rates: [u32; 15] = match (first_version, layer) {
            (true, 3) => [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
            (true, 2) => [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
            (true, 1) => [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
            (false, 3) => [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
            (false, 1 | 2) => [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
            _ => return None,
        };
        let bit_rate = *rates.get(usize::from(third >> 4)).filter(|rate| **rate > 0)? * 1000;
        let sample_rate = *[44100, 48000, 32000].get(usize::from(third >> 2 & 3))? >> halvings;
        let padding = u32::from(third >> 1 & 1);
        let samples = match layer {
            3 => 384,
            2 => 1152,
            _ if first_version => 1152,
            _ => 576,
        };
        let bytes = match layer {
            3 => (12 * bit_rate / sample_rate + padding) * 4,
            _ => samples / 8 * bit_rate / sample_rate + padding,
        };
        let mono = fourth >> 6 == 3;
        let xing = 4 + match (first_version, mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        let bytes = usize::try_from(bytes).ok()?;
        Some(Self { kind: Kind::Mpeg(second & 0x1e), sample_rate, samples, bytes, xing })
    }

    fn follows(&self, other: &Self) -> bool {
        self.kind == other.kind && self.sample_rate == other.sample_rate
    }
}

/// The frames from the beginning of these bytes on, as long as one follows the other.
pub(super) fn frames(bytes: &[u8]) -> impl Iterator<Item = Frame> {
    let mut rest = Some(bytes);
    let mut last: Option<Frame> = None;
    std::iter::from_fn(move || {
        let bytes = rest?;
        let frame = Frame::read(bytes).filter(|frame| last.is_none_or(|last| frame.follows(&last)));
        rest = frame.and_then(|frame| bytes.get(frame.bytes..));
        last = frame.or(last);
        frame
    })
}

/// What the frames in sight have in common.
pub(super) struct Run {
    pub(super) sample_rate: u32,
    pub(super) samples: u64,
    /// More than there are, where the last frame is cut.
    pub(super) bytes: u64,
    /// Whether they go on to the end of what is in sight, all of one size. Such frames differ by
    /// their padding: a byte, and four in layer 1.
    pub(super) is_even: bool,
}

impl Run {
    /// `None`: no frame begins here.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let first = Frame::read(bytes)?;
        let mut run = Self { sample_rate: first.sample_rate, samples: 0, bytes: 0, is_even: true };
        for frame in frames(bytes) {
            run.samples += u64::from(frame.samples);
            run.bytes += frame.bytes as u64;
            run.is_even &= frame.bytes.abs_diff(first.bytes) <= 4;
        }
        run.is_even &= run.bytes + LONGEST_HEAD > bytes.len() as u64;
        Some(run)
    }
}

/// How long an ID3v2 tag at the beginning of these bytes is, with its head and foot (ID3v2.4.0,
/// section 3.1).
pub(super) fn tag_length(bytes: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', major, minor, flags, size @ ..] = *bytes.first_chunk::<10>()? else {
        return None;
    };
    if major == 0xff || minor == 0xff || size.iter().any(|byte| *byte >= 0x80) {
        return None;
    }
    let length = size.iter().fold(0, |length, byte| length << 7 | u64::from(*byte));
    let foot = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + length + foot)
}

/// Where a file begins behind its ID3v2 tags; `None`: not within the known bytes and one tag more.
pub(super) fn after_tags(sample: &Sample) -> Option<u64> {
    let mut at: u64 = 0;
    while let Some(length) = tag_length(sample.from(at)) {
        at = at.checked_add(length)?;
    }
    Some(at)
}

/// How far into a file frames may begin that something else precedes: the rest of a frame where a
/// stream was cut, or zeros.
const LEAD_IN: usize = 8 * 1024;

/// Where frames begin and of which kind they are. At the first byte two in a row are enough;
/// further on chance has more places, and it takes four.
pub(super) fn find(bytes: &[u8]) -> Option<(usize, Kind)> {
    if let Some(kind) = begin(bytes) {
        return Some((0, kind));
    }
    let lead_in = &bytes[..bytes.len().min(LEAD_IN)];
    memchr::memchr_iter(0xff, lead_in).find_map(|at| {
        let bytes = bytes.get(at..)?;
        let first = Frame::read(bytes)?;
        (frames(bytes).take(4).count() == 4).then_some((at, first.kind))
    })
}

/// Whether two frames begin here, or one where the bytes end before the next.
fn begin(bytes: &[u8]) -> Option<Kind> {
    let first = Frame::read(bytes)?;
    let is_followed = frames(bytes).nth(1).is_some();
    let is_cut = first.bytes as u64 + LONGEST_HEAD > bytes.len() as u64;
    (is_followed || is_cut).then_some(first.kind)
}

/// The length that an encoder wrote into the first frame: as a count of frames behind `Xing` or
/// `Info`, where they differ in size or not, or behind `VBRI`.
pub(super) fn counted(bytes: &[u8]) -> Option<Duration> {
    let frame = Frame::read(bytes)?;
    let note = bytes.get(..frame.bytes).unwrap_or(bytes);
    let xing = note.get(frame.xing..).unwrap_or_default();
    let count = if xing.starts_with(b"Xing") || xing.starts_with(b"Info") {
        be32(xing, 4).filter(|flags| flags & 1 == 1).and_then(|_| be32(xing, 8))
    } else {
        note.get(VBRI..).filter(|note| note.starts_with(b"VBRI")).and_then(|note| be32(note, 14))
    };
    let samples = u64::from(count.filter(|count| *count > 0)?) * u64::from(frame.samples);
    ratio(samples, frame.sample_rate.into())
}
