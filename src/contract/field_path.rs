//! How is a field of a request named in an answer?

use std::fmt::Write;

/// The longest key that is shown whole, in characters.
const KEY_LIMIT: usize = 64;
/// The longest path, in bytes: what is nested deeper is cut off.
const PATH_LIMIT: usize = 256;

/// The path of a field, as in `extraction_fields[2].type`.
///
/// Keys come from the request: a hostile one is shortened and escaped, so that neither an answer
/// nor a log line can be forged or blown up with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldPath(String);

impl FieldPath {
    /// Appends a member of an object.
    pub(crate) fn key(&mut self, key: &str) {
        if self.is_full() {
            return;
        }
        if !self.0.is_empty() {
            self.0.push('.');
        }
        // What an API calls its fields; character by character it costs twenty times as much.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'_');
        if key.len() <= KEY_LIMIT && key.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
            self.0.push_str(key);
            return;
        }
        let mut left = key.char_indices();
        for (_, character) in left.by_ref().take(KEY_LIMIT) {
            if character == '\'' {
                self.0.push(character);
            } else {
                self.0.extend(character.escape_debug());
            }
        }
        if left.next().is_some() {
            self.0.push_str("...");
        }
    }

    /// Appends an item of an array.
    pub(crate) fn index(&mut self, index: usize) {
        if !self.is_full() {
            // Writing to a String cannot fail.
            let _ = write!(self.0, "[{index}]");
        }
    }

    /// Whether nothing was appended: the path of the whole body.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as text, owned.
    pub(crate) fn into_text(self) -> Box<str> {
        self.0.into_boxed_str()
    }

    fn is_full(&mut self) -> bool {
        let full = self.0.len() >= PATH_LIMIT;
        if full && !self.0.ends_with("...") {
            self.0.push_str("...");
        }
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(keys: &[&str]) -> Box<str> {
        let mut path = FieldPath::default();
        keys.iter().for_each(|key| path.key(key));
        path.into_text()
    }

    #[test]
    fn keys_and_indexes_read_as_in_javascript() {
        let mut path = FieldPath::default();
        path.key("fields");
        path.index(2);
        path.key("type");
        assert_eq!(path.as_str(), "fields[2].type");
    }

    #[test]
    fn a_hostile_key_is_escaped_and_shortened() {
        assert_eq!(&*path(&["a\r\nb\u{1b}\u{202e}"]), "a\\r\\nb\\u{1b}\\u{202e}");
        assert_eq!(path(&[&"k".repeat(5000)]).len(), 67);
        assert_eq!(&*path(&["año"]), "año");
    }

    #[test]
    fn a_deep_path_is_cut_off() {
        let long = path(&["\u{1}".repeat(64).as_str(); 60]);
        assert!(long.len() < 800, "{}", long.len());
        assert!(long.ends_with("..."));
    }
}
