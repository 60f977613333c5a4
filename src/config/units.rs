//! How are durations and sizes written?

use std::time::Duration;

/// Units of time, the largest first.
const TIMES: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// Units of size, the largest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a whole number with a unit: `500ms`, `3s`, `5m` or `1h`.
///
/// # Errors
/// Says what a duration looks like.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    measure(text, &TIMES)
        .map(Duration::from_millis)
        .ok_or_else(|| r#"must be a duration such as "500ms", "3s", "5m" or "1h""#.to_owned())
}

/// Reads a whole number with a unit: `512B`, `64KiB`, `1MiB` or `2GiB`.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    measure(text, &SIZES)
}

/// Writes a duration the way it is read.
pub(crate) fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &TIMES)
}

/// Writes a size the way it is read.
pub(crate) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZES)
}

fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(amount: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, factor): &&(&str, u64)| amount >= *factor && amount.is_multiple_of(*factor);
    // Zero of the smaller of the two common units reads best.
    let (unit, factor) = units.iter().find(fits).unwrap_or(&units[2]);
    format!("{}{unit}", amount / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_they_are_written() {
        for text in ["500ms", "3s", "5m", "1h", "90s", "0s"] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(parse_duration(&show_duration(duration)).unwrap(), duration, "{text}");
        }
        assert_eq!(show_duration(Duration::from_secs(90)), "90s");
        assert_eq!(show_duration(Duration::ZERO), "0s");
    }

    #[test]
    fn a_number_without_a_unit_is_no_duration() {
        for text in ["", "3", "s", "3 s", "-3s", "1.5s", "3S", "99999999999999999999s", "3sm"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!(parse_duration(&format!("{}h", u64::MAX)).is_err());
    }

    #[test]
    fn sizes_are_binary() {
        assert_eq!(parse_size("64KiB"), Some(65_536));
        assert_eq!(parse_size("1MiB"), Some(1_048_576));
        assert_eq!(parse_size("1MB"), None);
        assert_eq!(show_size(1_048_576), "1MiB");
        assert_eq!(show_size(1_000), "1000B");
    }
}
