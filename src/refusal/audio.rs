//! What is wrong with audio that the upstream would not take?

use std::borrow::Cow;

/// Which of the three published limits a file breaks (docs.heify.com/platform/errors).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioFault {
    /// It is none of the eleven formats.
    Format,
    /// It is larger than 200 MB.
    Size,
    /// It is longer than two hours.
    Length,
}

impl AudioFault {
    /// Names the limit; the message is one for all of them.
    pub(super) fn hint(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Format => {
                "supported formats: AAC, AIFF, AMR, ASF, FLAC, MP3, OGG, WAV, WebM, M4A, MP4"
            }
            Self::Size => "the file is larger than 200 MB; compress or split it",
            Self::Length => "the audio is longer than 7200 seconds; split it",
        })
    }
}
