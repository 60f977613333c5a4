//! How long is the audio of a file of which only the beginning is known?
//!
//! The formats' own heads are read here, not decoded: for most of them a few numbers at known
//! places, and no byte is looked at twice.

use std::ops::Range;
use std::time::Duration;

use super::bytes::{Sample, be64, part_from};
use super::format::Format;
use super::iff::Told;
use super::{PART, asf, ebml, iff, mp4, mpeg, ogg};

/// How long the audio of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// The file says so, or all its frames are of one size. What is refused for its length is
    /// refused by this.
    Told(Duration),
    /// What the frames at the beginning make likely for the whole: good for reserving, and too
    /// little to refuse by.
    Estimated(Duration),
}

impl Length {
    /// The length itself.
    pub fn duration(self) -> Duration {
        match self {
            Self::Told(duration) | Self::Estimated(duration) => duration,
        }
    }

    /// Whether the file says that it is longer than a limit. An estimate never does, and a second
    /// is allowed for: encoders fill up the last frame, and some count what they put before the
    /// first.
    pub fn exceeds(self, limit: Duration) -> bool {
        let limit = limit.saturating_add(Duration::from_secs(1));
        matches!(self, Self::Told(length) if length > limit)
    }
}

/// So much of a file may be pictures, words and tables: what is beyond contradicts a length.
const BESIDE_SOUND: u64 = 1 << 20;

/// Which other bytes of a file its length needs, if any: those behind a large tag, an MP4's `moov`
/// behind the sound, an Ogg's last pages. Never more than [`PART`]; the end may be beyond the
/// file's, where its size is not known.
pub fn also_needed(format: Format, head: &[u8], size: Option<u64>) -> Option<Range<u64>> {
    let head = head.get(..PART).unwrap_or(head);
    let known = head.len() as u64;
    let sample = Sample::of_head(bytes::Bytes::copy_from_slice(head), size);
    let at = match format {
        Format::Ogg => size?.saturating_sub(PART as u64).max(known),
        Format::Mp4 | Format::M4a => mp4::needed_from(&sample).filter(|at| *at > 0)?,
        Format::Mp3 | Format::Aac | Format::Flac => {
            mpeg::after_tags(&sample).filter(|at| *at >= known)?
        }
        Format::Aiff | Format::Amr | Format::Asf | Format::Wav | Format::WebM => return None,
    };
    part_from(at, size)
}

/// How long the audio of a file is, if what is known of it tells; `None`: it does not, and
/// [`Format::longest`] of its size is the bound.
///
/// A length that the size contradicts is none: a file of 100 MB does not last a second. Within
/// what a format can hold, a file can lie about itself; the job's real length is booked when the
/// job has ended.
///
/// It takes time in proportion to the known bytes, some microseconds, and no memory. Never panics,
/// whatever the bytes.
pub fn length(format: Format, sample: &Sample) -> Option<Length> {
    let told = |length: Duration| Told { length, bytes_per_second: format.most_bytes_per_second() };
    let told = match format {
        Format::Wav => iff::wav(sample)?,
        Format::Aiff => iff::aiff(sample)?,
        Format::Flac => flac(sample)?,
        Format::Ogg => told(ogg::length(sample)?),
        Format::WebM => match ebml::length(sample)? {
            Length::Told(length) => told(length),
            estimate @ Length::Estimated(_) => {
                return (!estimate.duration().is_zero()).then_some(estimate);
            }
        },
        Format::Mp4 | Format::M4a => told(mp4::length(sample)?),
        Format::Asf => told(asf::length(sample)?),
        Format::Mp3 | Format::Aac => return framed(format, sample),
        // Each frame has its own size, down to one byte for silence.
        Format::Amr => return None,
    };
    believed(&told, sample.size).then_some(Length::Told(told.length))
}

/// Whether so many bytes can be so little sound; no sound at all is no length either.
fn believed(told: &Told, size: Option<u64>) -> bool {
    if told.length.is_zero() {
        return false;
    }
    let Some(size) = size else { return true };
    let most = told.length.as_millis().saturating_mul(told.bytes_per_second.into()) / 1000;
    u128::from(size) <= most + u128::from(BESIDE_SOUND)
}

/// RFC 9639, section 8.2.
fn flac(sample: &Sample) -> Option<Told> {
    let bytes = sample.from(mpeg::after_tags(sample)?).strip_prefix(b"fLaC")?;
    if bytes.first()? & 0x7f != 0 {
        return None;
    }
    let numbers = be64(bytes, 14)?;
    let sample_rate = numbers >> 44;
    let channels = (numbers >> 41 & 7) + 1;
    let bits = (numbers >> 36 & 31) + 1;
    let samples = numbers & ((1 << 36) - 1);
    let length = ratio(samples, sample_rate)?;
    Some(Told { length, bytes_per_second: sample_rate * channels * bits.div_ceil(8) })
}

/// MP3 and AAC: what an encoder wrote into the first frame, or else the size of all frames by that
/// of those in sight.
fn framed(format: Format, sample: &Sample) -> Option<Length> {
    let tags = mpeg::after_tags(sample)?;
    let bytes = sample.from(tags);
    let start = mpeg::find(bytes)?.0;
    let bytes = bytes.get(start..)?;
    let rest = sample.rest(tags).map(|rest| rest.saturating_sub(start as u64));
    if let Some(length) = mpeg::counted(bytes) {
        let told = Told { length, bytes_per_second: format.most_bytes_per_second() };
        return believed(&told, rest).then_some(Length::Told(length));
    }
    let (rest, run) = (rest?, mpeg::Run::of(bytes)?);
    let samples = u128::from(rest) * u128::from(run.samples) / u128::from(run.bytes);
    let duration = ratio(u64::try_from(samples).ok()?, run.sample_rate.into())?;
    let is_sure = rest <= run.bytes || (format == Format::Mp3 && run.is_even);
    let length = if is_sure { Length::Told(duration) } else { Length::Estimated(duration) };
    (!duration.is_zero()).then_some(length)
}

/// So many units, so many of them a second.
pub(super) fn ratio(units: u64, per_second: u64) -> Option<Duration> {
    let seconds = units.checked_div(per_second)?;
    let nanoseconds = u128::from(units % per_second) * 1_000_000_000 / u128::from(per_second);
    Some(Duration::new(seconds, u32::try_from(nanoseconds).ok()?))
}
