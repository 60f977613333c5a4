//! Does any file break the way that a caller takes: recognize, fetch more, tell the length?
#![no_main]

// The module alone: with it the gateway's many dependencies would be built with coverage, too.
#[allow(dead_code, unused_imports)]
#[path = "../../src/audio/mod.rs"]
mod audio;

use audio::{PART, Sample, also_needed, length, recognize};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let size = file.len() as u64;
    let head = &file[..file.len().min(PART)];
    let Some(format) = recognize(head) else { return };
    let part = also_needed(format, head, Some(size)).map(|range| {
        assert!(range.start < range.end && range.end <= size, "{range:?} of {size}");
        assert!(range.end - range.start <= PART as u64, "{range:?}");
        let bytes = file[range.start as usize..range.end as usize].to_vec();
        (range.start, bytes.into())
    });
    let sample = Sample { head: head.to_vec().into(), part, size: Some(size) };
    if let Some(length) = length(format, &sample) {
        assert!(!length.duration().is_zero());
    }
});
