//! Which ids does a text spell?

use uuid::Uuid;

/// Reads a UUID in any spelling that a lenient upstream could accept: in any case, with or without
/// hyphens, in braces, as a URN.
///
/// More is taken for an id than any one library would: punctuation is skipped wherever it stands and
/// however much of it there is. A text that is none costs nothing, since nobody holds what it seems to
/// spell.
pub fn spelled(text: &str) -> Option<Uuid> {
    // The usual spellings, read faster.
    if let Ok(id) = Uuid::try_parse(text) {
        return Some(id);
    }
    let (mut id, mut count) = (None, 0);
    let spells = scan(text, |found| {
        id = Some(found);
        count += 1;
    });
    id.filter(|_| spells && count == 1)
}

/// Reads a text that spells ids one after the other and says nothing else: a list of them with commas,
/// or as JSON.
pub(super) fn all_spelled(text: &str) -> Vec<Uuid> {
    if let Ok(id) = Uuid::try_parse(text) {
        return vec![id];
    }
    let mut ids = Vec::new();
    let spells = scan(text, |id| ids.push(id));
    if spells { ids } else { Vec::new() }
}

/// Whether a text spells ids and nothing else. For most texts that costs a look at the first letters.
fn scan(text: &str, mut found: impl FnMut(Uuid)) -> bool {
    let (mut value, mut digits) = (0_u128, 0);
    let mut rest = text.trim();
    if rest.len() < 32 {
        return false;
    }
    while let Some(first) = rest.chars().next() {
        let after = if let Some(digit) = first.to_digit(16) {
            // A digest of twice the length is no two ids.
            if digits == 32 {
                return false;
            }
            value = value.wrapping_shl(4) | u128::from(digit);
            digits += 1;
            &rest[1..]
        } else if let Some(after) = after_prefix(rest, "urn:").or(after_prefix(rest, "uuid:")) {
            after
        } else if first.is_ascii_alphanumeric() || !(first.is_ascii() || first.is_whitespace()) {
            return false;
        } else {
            &rest[first.len_utf8()..]
        };
        let ends = first.to_digit(16).is_none() || after.is_empty();
        if ends && digits == 32 {
            found(Uuid::from_u128(value));
            (value, digits) = (0, 0);
        }
        rest = after;
    }
    digits == 0
}

fn after_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The ids that stand in a text as they are usually written, 8-4-4-4-12, among whatever else.
pub(super) fn contained(text: &str) -> impl Iterator<Item = Uuid> {
    const LENGTH: usize = 36;
    let starts = 0..text.len().saturating_sub(LENGTH - 1);
    starts.filter_map(|start| {
        let piece = text.get(start..start + LENGTH)?;
        let begins = piece.as_bytes().get(8) == Some(&b'-');
        begins.then(|| Uuid::try_parse(piece).ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "a1b2c3d4-e5f6-7890-1234-567890abcdef";

    #[test]
    fn an_id_is_read_in_every_spelling() {
        let plain = ID.replace('-', "");
        for text in [
            ID.to_owned(),
            ID.to_uppercase(),
            plain.clone(),
            format!("{{{ID}}}"),
            format!("({ID})"),
            format!("{{{plain}}}"),
            format!("urn:uuid:{ID}"),
            format!("URN:UUID:{ID}"),
            format!("uuid:{plain}"),
            format!(" \t\u{a0}{ID}\n"),
            format!("\"{ID}\""),
            plain.replace("e5", "e_5"),
            format!("{ID}{}", "-".repeat(2000)),
            format!("{{urn:uuid:{ID}}}"),
            format!("a1b2c3d4-urn:{}", &ID[9..]),
        ] {
            assert_eq!(spelled(&text), Some(ID.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            String::new(),
            ID[1..].to_owned(),
            format!("{ID}0"),
            format!("x{}", &ID[1..]),
            format!("https://example.com/{ID}"),
            format!("{ID} and more"),
            "é".repeat(32),
            "-".repeat(36),
            format!("{ID},{ID}"),
            format!("{ID}é"),
        ] {
            assert_eq!(spelled(&text), None, "{text}");
        }
    }

    #[test]
    fn a_text_of_nothing_but_ids_is_a_list_of_them() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for text in [
            format!("{one},{two}"),
            format!("{one} | {two};"),
            format!("[\"{one}\", \"{two}\"]"),
            format!("urn:uuid:{one}\u{a0}urn:uuid:{two}"),
            format!("{} {}", one.simple(), two.simple()),
        ] {
            assert_eq!(all_spelled(&text), [one, two], "{text}");
        }
        let others = [format!("{one},x,{two}"), format!("{one},{}", &ID[1..]), "a".repeat(64)];
        assert!(others.iter().all(|text| all_spelled(text).is_empty()));
    }

    #[test]
    fn an_id_among_other_text_is_found_where_it_is_asked_for() {
        let found = |text: &str| contained(text).collect::<Vec<_>>();
        let id = ID.parse::<Uuid>().unwrap();
        assert_eq!(found(&format!("{{\"é\":\"{ID}\"}}")), [id]);
        assert_eq!(found(&format!("{ID}/{}", ID.to_uppercase())), [id, id]);
        assert!(found(&ID[1..]).is_empty() && found(&ID.replace('-', "")).is_empty());
    }

    proptest! {
        #[test]
        fn whatever_the_library_reads_is_read_alike(bits: u128, form in 0..5_usize, upper: bool) {
            let id = Uuid::from_u128(bits);
            let mut text = match form {
                0 => id.hyphenated().to_string(),
                1 => id.simple().to_string(),
                2 => id.urn().to_string(),
                3 => id.braced().to_string(),
                _ => format!(" {id} "),
            };
            if upper {
                text = text.to_uppercase();
            }
            prop_assert_eq!(spelled(&text), Some(id));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-{}:a-fé0-9 urniud]{0,60}") {
            let library = Uuid::try_parse(text.trim()).ok();
            prop_assert!(library.is_none() || spelled(&text) == library);
            prop_assert!(contained(&text).count() < 60);
        }
    }
}
