//! What time is it, in a line of the log?

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// `2026-01-31T12:00:00` without the fraction.
const SECOND: usize = 19;

thread_local! {
    /// The second that was written last, and how: within one second only the milliseconds change.
    static LAST: RefCell<(u64, [u8; SECOND])> = const { RefCell::new((u64::MAX, [b'0'; SECOND])) };
}

/// Writes a time as RFC 3339 has it: UTC, with milliseconds.
pub fn timestamp(out: &mut Vec<u8>, now: SystemTime) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (second, millis) = (since.as_secs(), since.subsec_millis());
    LAST.with_borrow_mut(|last| {
        if last.0 != second {
            *last = (second, written(second));
        }
        out.extend_from_slice(&last.1);
    });
    let digit = |number: u32| b'0' + (number % 10) as u8;
    out.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis), b'Z']);
}

fn written(second: u64) -> [u8; SECOND] {
    let second = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
    let text = second.unwrap_or_default().to_string();
    let mut bytes = [b'0'; SECOND];
    // A clock beyond the year 9999 is not one.
    if let Some(text) = text.as_bytes().get(..SECOND) {
        bytes.copy_from_slice(text);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_utc_with_milliseconds() {
        for (millis, wanted) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_709_164_800_007, "2024-02-29T00:00:00.007Z"),
            (1_709_164_800_999, "2024-02-29T00:00:00.999Z"),
            (1_709_164_801_000, "2024-02-29T00:00:01.000Z"),
        ] {
            let mut out = Vec::new();
            timestamp(&mut out, UNIX_EPOCH + Duration::from_millis(millis));
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }
}
