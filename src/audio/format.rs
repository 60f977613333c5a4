//! Which audio formats are there, and how long can a file of each be at most?

use std::time::Duration;

/// One of the eleven formats of Heify's error page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// AAC in ADTS frames, or ADIF.
    Aac,
    /// AIFF and AIFF-C.
    Aiff,
    /// AMR and AMR-WB (RFC 4867, section 5).
    Amr,
    /// ASF, which is also WMA and WMV.
    Asf,
    /// FLAC (RFC 9639).
    Flac,
    /// MPEG audio of any layer, with or without an ID3 tag.
    Mp3,
    /// Ogg (RFC 3533) with Vorbis, Opus, Speex, FLAC or anything else in it.
    Ogg,
    /// WAV, also RF64 and BW64, which are WAV beyond 4 GiB.
    Wav,
    /// WebM, and Matroska, of which WebM is a part.
    WebM,
    /// MP4 with a brand that says that it is audio.
    M4a,
    /// MP4, 3GP and QuickTime.
    Mp4,
}

impl Format {
    /// All of them, in the order of Heify's error page.
    pub const ALL: [Self; 11] = [
        Self::Aac,
        Self::Aiff,
        Self::Amr,
        Self::Asf,
        Self::Flac,
        Self::Mp3,
        Self::Ogg,
        Self::Wav,
        Self::WebM,
        Self::M4a,
        Self::Mp4,
    ];

    /// The name that Heify's error page uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aac => "AAC",
            Self::Aiff => "AIFF",
            Self::Amr => "AMR",
            Self::Asf => "ASF",
            Self::Flac => "FLAC",
            Self::Mp3 => "MP3",
            Self::Ogg => "OGG",
            Self::Wav => "WAV",
            Self::WebM => "WebM",
            Self::M4a => "M4A",
            Self::Mp4 => "MP4",
        }
    }

    /// The longest audio that so many bytes can hold, at the lowest bit rate at which the format
    /// codes sound. It has no ceiling of its own: whoever reserves by it stops at two hours.
    ///
    /// Silence can be coded in fewer bytes by some formats, so this is a bound for reserving and
    /// nothing to refuse by.
    pub fn longest(self, size: u64) -> Duration {
        Duration::from_millis(size.saturating_mul(1000) / self.least_bytes_per_second())
    }

    fn least_bytes_per_second(self) -> u64 {
        match self {
            // MPEG audio has no lower bit rate than 8 kbit/s, and encoders of AAC stop there, too.
            // Of what can be in WAV and AIFF, MPEG audio is the smallest. FLAC of speech needs
            // more.
            Self::Aac | Self::Aiff | Self::Flac | Self::Mp3 | Self::Wav => 1000,
            // 13 bytes for each 20 ms of AMR 4.75, alone or in 3GP.
            Self::Amr | Self::M4a | Self::Mp4 => 650,
            // Opus begins at 6 kbit/s (RFC 6716, section 2), and WebM has no other codec for
            // speech.
            Self::WebM => 750,
            // Windows Media Voice begins at 4 kbit/s.
            Self::Asf => 500,
            // Speex begins at 2.15 kbit/s.
            Self::Ogg => 250,
        }
    }

    /// More than this many bytes a second nobody writes. It tells a length that the size of the
    /// file contradicts.
    pub(super) fn most_bytes_per_second(self) -> u64 {
        match self {
            // 320 kbit/s is the highest bit rate of layer 3, 448 of layer 1.
            Self::Mp3 => 56_000,
            // Eight channels of at most 6144 bits for each 1024 samples, at 48 kHz.
            Self::Aac => 288_000,
            Self::Amr => 4_000,
            // Lossless stereo of 192 kHz and 24 bits, as in Apple Lossless or FLAC in Ogg.
            Self::M4a => 1_152_000,
            // Pictures, too: 100 Mbit/s.
            Self::Asf | Self::Mp4 | Self::Ogg | Self::WebM => 12_500_000,
            // These tell it themselves; without it, 32 channels of 192 kHz and 32 bits.
            Self::Aiff | Self::Flac | Self::Wav => 24_576_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hours_of_the_smallest_speech_fit_into_what_is_said_to_hold_them() {
        let two_hours = Duration::from_secs(7200);
        assert!(Format::Amr.longest(7200 * 50 * 13) >= two_hours);
        assert!(Format::Mp3.longest(7200 * 1000) >= two_hours);
        assert_eq!(Format::Ogg.longest(0), Duration::ZERO);
        for format in Format::ALL {
            assert!(format.longest(u64::MAX) >= two_hours, "{format:?}");
        }
    }
}
