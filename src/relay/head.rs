//! Would the upstream take a file of which the size and the first bytes are known?

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};

use crate::audio::{LONGEST, Length, PART, Sample, length, recognize};
use crate::refusal::{AudioFault, Refusal};

/// The size that a request announces.
///
/// # Errors
/// [`Refusal::MissingLength`] without one; [`Refusal::UnsupportedAudio`] when it is none for audio.
pub(super) fn size(fields: &HeaderMap, largest: u64) -> Result<u64, Refusal> {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let (Some(length), None, false) =
        (lengths.next(), lengths.next(), fields.contains_key(TRANSFER_ENCODING))
    else {
        return Err(Refusal::MissingLength);
    };
    let size = length.to_str().ok().and_then(|text| text.parse().ok());
    match size.ok_or(Refusal::MissingLength)? {
        0 => Err(Refusal::UnsupportedAudio { fault: AudioFault::Format }),
        size if size > largest => Err(Refusal::UnsupportedAudio { fault: AudioFault::Size }),
        size => Ok(size),
    }
}

/// How much of a file's beginning is looked at, in turn: most formats tell their length at once, and
/// hundreds of slow uploads should not hold more than they need.
pub(super) const STEPS: [usize; 3] = [4 * 1024, 16 * 1024, PART];

/// Whether more of a file would tell more about it.
pub(super) fn is_open(head: &Bytes, size: u64) -> bool {
    let told = recognize(head)
        .and_then(|format| length(format, &Sample::of_head(head.clone(), Some(size))));
    match told {
        Some(Length::Told(_)) => false,
        // An estimate gets better with more, but not much.
        Some(Length::Estimated(_)) => head.len() < STEPS[1],
        None => true,
    }
}

/// How much audio to reserve for a file: its length, else the most that so many bytes can hold.
///
/// # Errors
/// [`Refusal::UnsupportedAudio`].
pub(super) fn audio(head: &Bytes, size: u64) -> Result<Duration, Refusal> {
    let head = head.slice(..head.len().min(PART));
    let unsupported = |fault| Refusal::UnsupportedAudio { fault };
    let format = recognize(&head).ok_or(unsupported(AudioFault::Format))?;
    match length(format, &Sample::of_head(head, Some(size))) {
        Some(told) if told.exceeds(LONGEST) => Err(unsupported(AudioFault::Length)),
        Some(told) => Ok(told.duration().min(LONGEST)),
        None => Ok(format.longest(size).min(LONGEST)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn announced(lines: &[(http::HeaderName, &'static str)]) -> Result<u64, &'static str> {
        let fields = lines.iter().map(|(name, value)| (name, HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(name, value);
        }
        size(&map, 100).map_err(|refusal| refusal.reason())
    }

    #[test]
    fn an_upload_says_how_large_it_is_and_is_not_too_large() {
        let length = |text| (CONTENT_LENGTH, text);
        assert_eq!(announced(&[length("100")]), Ok(100));
        assert_eq!(announced(&[]), Err("missing_length"));
        assert_eq!(announced(&[length("1"), length("1")]), Err("missing_length"));
        assert_eq!(announced(&[length("-1")]), Err("missing_length"));
        assert_eq!(
            announced(&[length("1"), (TRANSFER_ENCODING, "chunked")]),
            Err("missing_length")
        );
        assert_eq!(announced(&[length("101")]), Err("unsupported_audio"));
        assert_eq!(announced(&[length("0")]), Err("unsupported_audio"));
    }

    fn wav(seconds: u32) -> (Bytes, u64) {
        let mut head = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        head.extend(1_000_u32.to_le_bytes());
        head.extend(1_000_u32.to_le_bytes());
        head.extend(b"\x01\0\x08\0data");
        let bytes = seconds * 1_000;
        head.extend(bytes.to_le_bytes());
        (head.into(), u64::from(bytes) + 44)
    }

    #[test]
    fn what_is_reserved_is_the_length_or_the_most_that_it_can_be() {
        let judged = |(head, size): (Bytes, u64)| audio(&head, size);
        assert_eq!(judged(wav(90)), Ok(Duration::from_secs(90)));
        assert_eq!(judged(wav(7_200)), Ok(LONGEST));
        let too_long = Refusal::UnsupportedAudio { fault: AudioFault::Length };
        assert_eq!(judged(wav(7_300)), Err(too_long));
        let amr = Bytes::from_static(b"#!AMR\n\x3c");
        let bound = judged((amr.clone(), 1 << 20)).unwrap();
        assert!(Duration::from_secs(60) < bound && bound <= LONGEST, "{bound:?}");
        assert_eq!(judged((amr, 200 << 20)), Ok(LONGEST));
    }

    #[test]
    fn what_is_no_audio_is_refused_whatever_its_name() {
        for head in [&b"PK\x03\x04 a zip"[..], b"<html>", b"\x1f\x8b\x08\0", b"x", b"%PDF-1.7"] {
            let refused = audio(&Bytes::from_static(head), 1_000).unwrap_err();
            assert_eq!(refused, Refusal::UnsupportedAudio { fault: AudioFault::Format });
        }
    }
}
