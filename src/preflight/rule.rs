//! Does what is known of a file speak against it?

use super::outcome::Outcome;
use crate::audio::{self, Format, LARGEST, LONGEST, Length};

/// What is known of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Bytes.
    pub(super) size: Option<u64>,
    pub(super) format: Option<Format>,
    /// Whether its beginning is that of something else than audio or video.
    pub(super) is_no_audio: bool,
    pub(super) length: Option<Length>,
}

/// What speaks against a file, if anything does. Only what is known counts.
pub(super) fn judge(found: &Found) -> Result<(), Outcome> {
    if found.size.is_some_and(|size| size > LARGEST) {
        return Err(Outcome::TooLarge);
    }
    if found.is_no_audio {
        return Err(Outcome::NotAudio);
    }
    if found.length.is_some_and(|length| length.exceeds(LONGEST)) {
        return Err(Outcome::TooLong);
    }
    Ok(())
}

/// Whether a file whose format is not recognized is known to be something else: by its first bytes, or
/// because it is text. All else may be audio that nobody here knows.
pub(super) fn is_no_audio(head: &[u8]) -> bool {
    audio::is_something_else(head) || is_text(head)
}

/// Whether these bytes are text, the last letter perhaps cut.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && !text.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}
