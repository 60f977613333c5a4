//! How is an answer read that is a list?

use uuid::Uuid;

use super::spelling::spelled;
use crate::document::{DEEPEST_ANSWER, Document, Flaw, Place, Table};

/// The shortest spelling of an id, with its quotes.
pub(super) const SHORTEST: usize = 34;

/// The text of an answer with its table.
pub(super) fn read(bytes: &[u8]) -> Result<(&str, Table), Flaw> {
    Table::of_bytes(bytes, DEEPEST_ANSWER)
}

/// The id that a text or a key spells.
pub(super) fn id_at(document: &Document<'_>, place: Place) -> Option<Uuid> {
    if document.span(place).len() < SHORTEST {
        return None;
    }
    spelled(&document.string(place)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_to_twice_the_depth_of_a_request() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(nested(128).as_bytes()).is_ok());
        assert_eq!(read(nested(129).as_bytes()).unwrap_err(), Flaw::TooDeep);
        assert_eq!(read(b"\"\xff\"").unwrap_err(), Flaw::NotJson);
    }
}
