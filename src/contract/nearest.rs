//! Which path was probably meant?

use strsim::osa_distance;

/// A longer path was hardly mistyped, and comparing it would cost.
const LONGEST: usize = 128;
/// Typing errors that are still the same word.
const TYPING_ERRORS: usize = 2;

/// Finds the known path that `path` was probably meant to be: up to letter case, doubled and
/// trailing slashes, a prefix such as `/v1`, and two typing errors. `None` when nothing is near.
pub(super) fn nearest<'p>(
    path: &str,
    known: impl Iterator<Item = &'p str> + Clone,
) -> Option<&'p str> {
    if path.len() > LONGEST {
        return None;
    }
    let meant = plain(path);
    // From the whole path to its last segment: the longest rest that is known wins.
    let rests = meant.match_indices('/').map(|(start, _)| &meant[start..]);
    for rest in rests.clone() {
        if let Some(path) = known.clone().find(|path| path.eq_ignore_ascii_case(rest)) {
            return Some(path);
        }
    }
    let candidates = rests.flat_map(|rest| {
        known.clone().filter_map(move |path| Some((typing_errors(rest, path)?, path)))
    });
    candidates.min_by_key(|(errors, _)| *errors).map(|(_, path)| path)
}

/// Lower case, with single slashes, one of them in front and none behind.
fn plain(path: &str) -> String {
    let mut plain = String::with_capacity(path.len() + 1);
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        plain.push('/');
        plain.push_str(&segment.to_ascii_lowercase());
    }
    plain
}

/// The number of typing errors, where it is small for the length of the path.
fn typing_errors(found: &str, path: &str) -> Option<usize> {
    // Each error changes the length by one at most, and the set of letters by two: most paths are
    // ruled out by that alone, for this is reached without a key and must not cost.
    if found.len().abs_diff(path.len()) > TYPING_ERRORS
        || (letters(found) ^ letters(path)).count_ones() as usize > 2 * TYPING_ERRORS
    {
        return None;
    }
    let (found_middle, path_middle) = middles(found, path);
    let errors = osa_distance(found_middle, path_middle);
    (errors <= TYPING_ERRORS && errors * 4 < path.len()).then_some(errors)
}

/// What is left of two texts without their common beginning and end: their distance is the same,
/// and much cheaper to compute.
fn middles<'t>(one: &'t str, other: &'t str) -> (&'t str, &'t str) {
    let same = |(a, b): &(char, char)| a == b;
    let size = |(character, _): (char, char)| character.len_utf8();
    let start: usize = one.chars().zip(other.chars()).take_while(same).map(size).sum();
    let (one, other) = (&one[start..], &other[start..]);
    let end: usize = one.chars().rev().zip(other.chars().rev()).take_while(same).map(size).sum();
    (&one[..one.len() - end], &other[..other.len() - end])
}

/// Which letters occur, one bit for each; some share a bit.
fn letters(text: &str) -> u32 {
    text.bytes().fold(0, |letters, byte| letters | 1 << (byte & 31))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: [&str; 4] = ["/submit", "/get-thing", "/list-things", "/shelf/books"];

    fn meant(path: &str) -> Option<&'static str> {
        nearest(path, KNOWN.into_iter())
    }

    #[test]
    fn a_slip_finds_the_path_that_was_meant() {
        for (path, expected) in [
            ("/submitt", "/submit"),
            ("/sumbit", "/submit"),
            ("/submit/", "/submit"),
            ("//submit", "/submit"),
            ("/SUBMIT", "/submit"),
            ("/v1/submit", "/submit"),
            ("/api/v1/Submit//", "/submit"),
            ("/v1/sbmit", "/submit"),
            ("/get_thing", "/get-thing"),
            ("/getThing", "/get-thing"),
            ("/list-thing", "/list-things"),
            ("/v2/shelf/book", "/shelf/books"),
        ] {
            assert_eq!(meant(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn nothing_is_suggested_for_what_is_not_near() {
        for path in ["", "/", "/x", "/details", "/submarine", "/sub", "/robots.txt", "/books"] {
            assert_eq!(meant(path), None, "{path}");
        }
        assert_eq!(meant(&format!("/{}/submit", "x".repeat(LONGEST))), None, "too long");
    }

    proptest! {
        #[test]
        fn shortcuts_do_not_change_the_distance(
            found in "/[a-c-]{0,9}", path in "/[a-c-]{0,9}",
        ) {
            let errors = osa_distance(&found, &path);
            let near = errors <= TYPING_ERRORS && errors * 4 < path.len();
            prop_assert_eq!(typing_errors(&found, &path), near.then_some(errors));
        }

        #[test]
        fn no_path_makes_the_search_panic(path in "[/a-zA-Z%é漢.-]{0,150}") {
            let _ = meant(&path);
        }
    }
}
