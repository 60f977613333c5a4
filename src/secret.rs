//! How does a secret stay out of every output?

use std::fmt;

use zeroize::Zeroizing;

/// A text that no `Debug`, log or error shows, and that is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text over; surrounding whitespace, as files end with, is not part of a secret.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// The text itself. Call it only where the secret leaves towards its one legitimate reader.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2\n")), "Secret(..)");
        assert_eq!(Secret::new("hunter2\n").expose(), "hunter2");
    }
}
