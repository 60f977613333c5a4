//! How does a mistake in the configuration read?

use std::fmt;
use std::sync::Arc;

/// Where a setting comes from. Places sort as one reads them: the file from its top, then the
/// environment, then what stands nowhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A position in the file.
    Spot {
        /// The file's name, as it was given.
        file: Arc<str>,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// The file as a whole: something is missing in it, or it cannot be read.
    File(Arc<str>),
    /// An environment variable.
    Variable(Arc<str>),
    /// Neither a file nor a variable: something is missing, and there is no file.
    Nowhere,
}

impl Place {
    /// The line in the file.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Spot { line, .. } => Some(*line),
            Self::File(_) | Self::Variable(_) | Self::Nowhere => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spot { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::File(file) => f.write_str(file),
            Self::Variable(name) => f.write_str(name),
            Self::Nowhere => f.write_str("configuration"),
        }
    }
}

/// One mistake, or one warning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where to mend it.
    pub place: Place,
    /// The key's path and what is expected of it. Never shows a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Everything that is wrong with a configuration, ordered by place; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Problem>);

impl Mistakes {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// The mistakes one by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Quotes a value for a message, without control characters and not endlessly.
pub(crate) fn shown(value: &str) -> String {
    const LONGEST: usize = 80;
    let short: String = value.chars().take(LONGEST).collect();
    let rest = if short.len() < value.len() { ".." } else { "" };
    format!("{short:?}{rest}")
}

/// The known word that an unknown one was probably meant to be.
pub fn meant<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const CLOSE_ENOUGH: f64 = 0.8;
    let unknown = unknown.to_lowercase();
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(&unknown, &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness >= CLOSE_ENOUGH)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_sort_as_one_reads_them() {
        let spot = |line, column| Place::Spot { file: "a.toml".into(), line, column };
        let variable = Place::Variable("HEIFY_API_KEY".into());
        let sorted = [spot(2, 9), spot(10, 1), Place::File("a.toml".into()), variable];
        assert!(sorted.is_sorted());
    }

    #[test]
    fn a_shown_value_is_short_and_has_no_control_characters() {
        assert_eq!(shown("a\u{1b}[31mb"), r#""a\u{1b}[31mb""#);
        assert!(shown(&"x".repeat(500)).len() < 90);
    }

    #[test]
    fn a_near_miss_is_recognized_and_a_far_one_is_not() {
        assert_eq!(meant("lisen", ["listen", "tls"]), Some("listen"));
        assert_eq!(meant("LISTEN", ["listen", "tls"]), Some("listen"));
        assert_eq!(
            meant("europe/berln", ["Europe/Dublin", "Europe/Berlin"]),
            Some("Europe/Berlin")
        );
        assert_eq!(meant("banana", ["listen", "tls"]), None);
    }
}
