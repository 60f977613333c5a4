//! What does a file look like that is no audio?
//!
//! Only for what might be taken for MP3 or AAC otherwise, because their frames are somewhere in it.

/// Beginnings of files that may carry sound and are none of the eleven formats.
const MAGICS: &[&[u8]] = &[
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"%PDF",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
    b"\x7fELF",
    b"MZ",
    b"RIFF",
    b"FLV\x01",
    b"\0\0\x01\xba",
    b"CWS",
    b"FWS",
    b"SQLite format 3\0",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"<",
    b"{",
];

/// Whether a file that begins like this is known to be something else than a stream of frames. Ask only
/// where no format is recognized.
pub fn is_something_else(head: &[u8]) -> bool {
    let tar = head.get(257..262) == Some(b"ustar");
    tar || MAGICS.iter().any(|magic| head.starts_with(magic))
}
