//! Which id does a text spell?

use uuid::Uuid;

/// The longest text, in bytes and without white space around it, that is taken for one id.
const LONGEST: usize = 128;

/// Reads a UUID in any spelling that a lenient upstream could accept: in any case, with or without
/// hyphens, in braces, as a URN.
///
/// More is taken for an id than any one library would: punctuation is skipped wherever it stands. A
/// text that is none costs nothing, since nobody holds what it seems to spell.
pub fn spelled(text: &str) -> Option<Uuid> {
    if text.len() < 32 {
        return None;
    }
    let text = without_prefix(without_prefix(text.trim(), "urn:"), "uuid:");
    if text.len() > LONGEST {
        return None;
    }
    let (mut value, mut digits) = (0_u128, 0);
    for byte in text.bytes() {
        if let Some(digit) = char::from(byte).to_digit(16) {
            value = value.wrapping_shl(4) | u128::from(digit);
            digits += 1;
        } else if byte.is_ascii_alphanumeric() || !byte.is_ascii() {
            return None;
        }
    }
    (digits == 32).then(|| Uuid::from_u128(value))
}

fn without_prefix<'t>(text: &'t str, prefix: &str) -> &'t str {
    let (start, rest) = text.split_at_checked(prefix.len()).unwrap_or(("", text));
    if start.eq_ignore_ascii_case(prefix) { rest } else { text }
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
            format!("{ID}{}", "-".repeat(200)),
        ] {
            assert_eq!(spelled(&text), None, "{text}");
        }
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
        }
    }
}
