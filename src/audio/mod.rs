//! What audio is in a file, and how much of it?
//!
//! Heify takes eleven formats and two hours at most, and says so after the minutes are spent. This
//! module tells both from the first bytes of a file, and for some formats from a few others,
//! without decoding anything.
//!
//! - [`recognize`] names the format, or none.
//! - [`also_needed`] says which other bytes the length depends on.
//! - [`length`] is the length, as far as these bytes tell it.
//! - [`Format::longest`] bounds it by the size of the file where they do not.
//!
//! All of it is plain reading of numbers at known places: no memory is taken, no byte is looked at
//! twice, and a hostile file costs no more than a good one. So it needs no worker that could be
//! given up.
//!
//! ```
//! use heify_gateway::audio::{Format, Length, Sample, length, recognize};
//!
//! // A second of telephone sound: 8,000 samples of a byte each.
//! let mut file = [
//!     &b"RIFF\x64\x1f\0\0WAVE"[..],
//!     b"fmt \x10\0\0\0\x07\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0",
//!     b"data\x40\x1f\0\0",
//! ]
//! .concat();
//! file.resize(file.len() + 8000, 0xff);
//!
//! assert_eq!(recognize(&file), Some(Format::Wav));
//! let size = file.len() as u64;
//! let sample = Sample::of_head(file.into(), Some(size));
//! let one_second = std::time::Duration::from_secs(1);
//! assert_eq!(length(Format::Wav, &sample), Some(Length::Told(one_second)));
//! ```

mod asf;
mod bytes;
mod ebml;
mod format;
mod iff;
mod length;
mod mp4;
mod mpeg;
mod ogg;
mod other;
mod recognize;

use std::time::Duration;

pub use bytes::Sample;
pub use format::Format;
pub use length::{Length, also_needed, length};
pub use other::is_something_else;
pub use recognize::recognize;

/// The largest file that Heify takes, in bytes: 200 MB (docs.heify.com/platform/errors). Nobody published
/// whether these are of 10^6 or of 2^20 bytes; what is between the two passes.
pub const LARGEST: u64 = 200 << 20;
/// The longest audio that Heify takes: two hours (the same page).
pub const LONGEST: Duration = Duration::from_secs(7200);

/// How many bytes are looked at: of a file's beginning, and of its other part.
pub const PART: usize = 64 * 1024;
