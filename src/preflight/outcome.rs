//! How can a preflight end, and how often did it?

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How a preflight ended. Only [`TooLarge`](Self::TooLarge), [`NotAudio`](Self::NotAudio) and
/// [`TooLong`](Self::TooLong) refuse the call; after all others it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing speaks against the file; its length is not known.
    Passed,
    /// Nothing speaks against the file, and its length is known.
    Measured,
    /// The file is larger than the upstream takes.
    TooLarge,
    /// The file is known to be something else than audio or video.
    NotAudio,
    /// The audio is longer than the upstream takes.
    TooLong,
    /// The gateway may not look there: the address, the port, the host or the spelling.
    NotFetched,
    /// The name of the host has no address.
    Unresolved,
    /// No connection, or none that is safe.
    Unreachable,
    /// It took longer than a preflight may.
    Slow,
    /// The other side answered with an error.
    ErrorStatus,
    /// The answer broke off, or cannot be what was asked for.
    Unreadable,
    /// As many preflights as may be are on their way, of all tenants or of this one.
    Busy,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Passed,
        Self::Measured,
        Self::TooLarge,
        Self::NotAudio,
        Self::TooLong,
        Self::NotFetched,
        Self::Unresolved,
        Self::Unreachable,
        Self::Slow,
        Self::ErrorStatus,
        Self::Unreadable,
        Self::Busy,
    ];

    /// The word that metrics use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Measured => "measured",
            Self::TooLarge => "too_large",
            Self::NotAudio => "not_audio",
            Self::TooLong => "too_long",
            Self::NotFetched => "not_fetched",
            Self::Unresolved => "unresolved",
            Self::Unreachable => "unreachable",
            Self::Slow => "slow",
            Self::ErrorStatus => "error_status",
            Self::Unreadable => "unreadable",
            Self::Busy => "busy",
        }
    }
}

/// How often preflights ended in which way; shared by all threads and configurations.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; Outcome::ALL.len()]);

impl Counts {
    pub(super) fn count(&self, outcome: Outcome) {
        self.0[outcome as usize].fetch_add(1, Relaxed);
    }

    /// All outcomes with their numbers.
    pub fn read(&self) -> [(Outcome, u64); Outcome::ALL.len()] {
        Outcome::ALL.map(|outcome| (outcome, self.0[outcome as usize].load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_a_word_and_a_place_of_its_own() {
        let counts = Counts::default();
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            for _ in 0..=place {
                counts.count(outcome);
            }
        }
        let read = counts.read();
        assert!(read.iter().enumerate().all(|(place, (_, count))| *count == place as u64 + 1));
        let words: std::collections::BTreeSet<_> = read.map(|(one, _)| one.as_str()).into();
        assert_eq!(words.len(), Outcome::ALL.len());
    }
}
