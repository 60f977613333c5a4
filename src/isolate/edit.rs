//! How are items cut out of a document, and counts put right?

use std::ops::Range;

use crate::document::{Document, Place};

/// A change of a document: these bytes go, and in their place comes a number or nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit {
    bytes: Range<usize>,
    number: Option<usize>,
}

impl Edit {
    /// Puts another number in the place of a value.
    pub(super) fn count(document: &Document<'_>, place: Place, number: usize) -> Self {
        Self { bytes: document.span(place), number: Some(number) }
    }
}

/// Whether an item of an array stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Goes,
}

/// Cuts items out of an array, with one comma each, so that what is left is an array again. Where
/// nothing is left, it is the array of one who has nothing: no white space tells that more was there.
pub(super) fn cut(
    document: &Document<'_>,
    list: Place,
    items: &[(Place, Fate)],
    edits: &mut Vec<Edit>,
) {
    let mut one_stays = false;
    if !items.is_empty() && items.iter().all(|(_, fate)| *fate == Fate::Goes) {
        let whole = document.span(list);
        return edits.push(Edit { bytes: whole.start + 1..whole.end - 1, number: None });
    }
    for (index, (place, fate)) in items.iter().enumerate() {
        if *fate == Fate::Stays {
            one_stays = true;
            continue;
        }
        let own = document.span(*place);
        let before = index.checked_sub(1).and_then(|index| items.get(index));
        let bytes = match (before, items.get(index + 1)) {
            (Some((before, _)), _) if one_stays => document.span(*before).end..own.end,
            (_, Some((after, _))) => own.start..document.span(*after).start,
            (_, None) => own,
        };
        edits.push(Edit { bytes, number: None });
    }
}

/// Makes the changes. They do not overlap; but a number that counts two arrays is changed once.
pub(super) fn apply(bytes: &[u8], mut edits: Vec<Edit>) -> Vec<u8> {
    edits.sort_unstable_by_key(|edit| edit.bytes.start);
    let mut edited = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for edit in edits {
        if edit.bytes.start < at {
            continue;
        }
        edited.extend_from_slice(bytes.get(at..edit.bytes.start).unwrap_or_default());
        if let Some(number) = edit.number {
            edited.extend_from_slice(number.to_string().as_bytes());
        }
        at = edit.bytes.end;
    }
    edited.extend_from_slice(bytes.get(at..).unwrap_or_default());
    edited
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::document::{ROOT, Table};

    fn kept(text: &str, stays: &[bool]) -> String {
        let table = Table::read(text, 64).unwrap();
        let document = table.of(text);
        let fates = stays.iter().map(|stays| if *stays { Fate::Stays } else { Fate::Goes });
        let items: Vec<_> = document.items(ROOT).zip(fates).collect();
        let mut edits = Vec::new();
        cut(&document, ROOT, &items, &mut edits);
        String::from_utf8(apply(text.as_bytes(), edits)).unwrap()
    }

    #[test]
    fn what_stays_keeps_its_bytes() {
        let text = "[ {\"a\": 1.10} , [2],3e0 ]";
        assert_eq!(kept(text, &[true, true, true]), text);
        assert_eq!(kept(text, &[true, false, true]), "[ {\"a\": 1.10},3e0 ]");
        assert_eq!(kept(text, &[false, false, true]), "[ 3e0 ]");
        assert_eq!(kept(text, &[false, true, false]), "[ [2] ]");
        assert_eq!(kept(text, &[false, false, false]), "[]");
    }

    proptest! {
        #[test]
        fn every_selection_leaves_just_what_stays(
            items in prop::collection::vec((any::<bool>(), any::<i32>()), 0..12),
            pretty: bool,
        ) {
            let all: Value = items.iter().map(|(_, item)| *item).collect();
            let text = if pretty { format!("{all:#}") } else { all.to_string() };
            let stays: Vec<_> = items.iter().map(|(stays, _)| *stays).collect();
            let left: Value =
                items.iter().filter(|(stays, _)| *stays).map(|(_, item)| *item).collect();
            let found: Value = serde_json::from_str(&kept(&text, &stays)).unwrap();
            prop_assert_eq!(found, left);
        }
    }
}
