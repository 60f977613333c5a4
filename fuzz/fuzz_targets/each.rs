//! Does any sample break the reader of any format, whatever the file was recognized as?
#![no_main]

// The module alone: with it the gateway's many dependencies would be built with coverage, too.
#[allow(dead_code, unused_imports)]
#[path = "../../src/audio/mod.rs"]
mod audio;

use audio::{Format, PART, Sample, also_needed, length};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // A format, where the part is, how large the file is, where the head ends; then the bytes.
    let Some((&[format, at, size, split], bytes)) = data.split_first_chunk() else { return };
    let format = Format::ALL[usize::from(format) % Format::ALL.len()];
    let place = |code: u8| 1_u64.checked_shl(code.into()).unwrap_or(u64::MAX).wrapping_sub(1);
    let size = (size > 0).then(|| place(size));
    let (head, part) = bytes.split_at(bytes.len() * usize::from(split) / 255);
    if let Some(range) = also_needed(format, head, size) {
        assert!(range.start < range.end && range.end - range.start <= PART as u64, "{range:?}");
    }
    let part = (!part.is_empty()).then(|| (place(at), part.to_vec().into()));
    let _ = length(format, &Sample { head: head.to_vec().into(), part, size });
    let _ = format.longest(size.unwrap_or_default());
});
