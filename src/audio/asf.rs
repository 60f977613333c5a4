//! How long is an ASF file?
//!
//! Its File Properties Object says so (Advanced Systems Format Specification 01.20.03, section
//! 3.2).

use std::time::Duration;

use super::bytes::{Sample, le32, le64};

const FILE_PROPERTIES: &[u8] = &[
    0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11, 0x8e, 0xe4, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65,
];

/// The play duration less what is filled before playing begins.
pub(super) fn length(sample: &Sample) -> Option<Duration> {
    // Behind the head of the Header Object, objects follow each other.
    let mut at: u64 = 30;
    let object = loop {
        let object = sample.from(at);
        let size = le64(object, 16)?;
        if object.starts_with(FILE_PROPERTIES) {
            break object;
        }
        // An object smaller than its own head would be read for ever.
        at = at.checked_add(size).filter(|_| size >= 24)?;
    };
    // A broadcast does not know how long it will be.
    if le32(object, 88)? & 1 == 1 {
        return None;
    }
    let play = Duration::from_nanos(le64(object, 64)?.checked_mul(100)?);
    let preroll = Duration::from_millis(le64(object, 80)?);
    play.checked_sub(preroll)
}
