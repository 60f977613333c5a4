//! How are numbers read from bytes that nobody vouches for?
//!
//! Every read may find nothing there; none can panic, whatever the place.

use std::ops::Range;

use bytes::Bytes;

use super::PART;

/// What is known of a file.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Its first bytes, as many as there are; what is beyond [`PART`](super::PART) is not looked
    /// at.
    pub head: Bytes,
    /// Where other bytes of it begin, and those bytes: what
    /// [`also_needed`](super::also_needed) asked for, where it could be had.
    pub part: Option<(u64, Bytes)>,
    /// The size of the whole file in bytes.
    pub size: Option<u64>,
}

impl Sample {
    /// A sample of a file of which only the beginning is known.
    pub fn of_head(head: Bytes, size: Option<u64>) -> Self {
        Self { head, part: None, size }
    }

    /// All known bytes from a place of the file on; none where the place is not known.
    pub(super) fn from(&self, at: u64) -> &[u8] {
        let part = self.part.as_ref().and_then(|(start, bytes)| {
            within(bytes, at.checked_sub(*start)?).filter(|bytes| !bytes.is_empty())
        });
        part.or_else(|| within(&self.head, at)).unwrap_or_default()
    }

    /// How many bytes of the file are from a place on, as far as its size is known.
    pub(super) fn rest(&self, at: u64) -> Option<u64> {
        self.size.map(|size| size.saturating_sub(at))
    }
}

fn within(bytes: &[u8], at: u64) -> Option<&[u8]> {
    bytes.get(..bytes.len().min(PART))?.get(usize::try_from(at).ok()?..)
}

/// So many bytes from a place on.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

pub(super) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// The bytes from a place on that are fetched next, no more of them than are looked at.
pub(super) fn part_from(at: u64, size: Option<u64>) -> Option<Range<u64>> {
    let end = at.saturating_add(PART as u64).min(size.unwrap_or(u64::MAX));
    (at < end).then_some(at..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_in_the_head_and_in_the_part_and_not_between() {
        let head = Bytes::from_static(b"0123");
        let part = Some((10, Bytes::from_static(b"abcd")));
        let sample = Sample { head, part, size: Some(14) };
        assert_eq!(sample.from(2), b"23");
        assert_eq!(sample.from(12), b"cd");
        for hole in [4, 9, 14, u64::MAX] {
            assert_eq!(sample.from(hole), b"", "{hole}");
        }
        assert_eq!((sample.rest(4), sample.rest(20)), (Some(10), Some(0)));
    }

    #[test]
    fn a_number_that_is_not_there_whole_is_none() {
        assert_eq!(be32(b"\0\0\x01\x02\x03", 1), Some(0x10203));
        assert_eq!(le16(b"\x01\x02", 0), Some(0x201));
        assert_eq!((be64(b"1234567", 0), be16(b"1", 1), le32(b"", usize::MAX)), (None, None, None));
    }

    #[test]
    fn no_more_is_fetched_than_there_is_and_is_looked_at() {
        let most = PART as u64;
        assert_eq!(part_from(5, None), Some(5..5 + most));
        assert_eq!(part_from(5, Some(9)), Some(5..9));
        assert_eq!((part_from(9, Some(9)), part_from(u64::MAX, None)), (None, None));
    }
}
