//! Which characters does a text of JSON spell?

use std::str::Chars;

/// The characters of what stands between the quotes of a text, without a copy of them. Half of a
/// surrogate pair, which is no character, shows as U+FFFD.
#[derive(Debug, Clone)]
pub(super) struct Characters<'t>(Chars<'t>);

impl<'t> Characters<'t> {
    pub(super) fn of(content: &'t str) -> Self {
        Self(content.chars())
    }

    /// The unit of UTF-16 whose four digits come next.
    fn unit(&mut self) -> u16 {
        let digits = self.0.by_ref().take(4).filter_map(|digit| digit.to_digit(16));
        digits.fold(0, |unit, digit| unit << 4 | digit as u16)
    }

    fn escaped_unit(&mut self) -> char {
        let first = self.unit();
        let mut after = self.clone();
        let is_pair = (0xd800..0xdc00).contains(&first)
            && (after.0.next(), after.0.next()) == (Some('\\'), Some('u'));
        let second = if is_pair { after.unit() } else { 0 };
        let one = char::decode_utf16([first, second]).next();
        match one {
            Some(Ok(character)) => {
                if is_pair {
                    *self = after;
                }
                character
            }
            _ => char::REPLACEMENT_CHARACTER,
        }
    }
}

impl Iterator for Characters<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let character = self.0.next()?;
        if character != '\\' {
            return Some(character);
        }
        Some(match self.0.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.escaped_unit(),
            itself => itself,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_escape_is_read() {
        let all: String = Characters::of(r#"\"\\\/\b\f\n\r\t\u00E9\ud83c\udfa7é"#).collect();
        assert_eq!(all, "\"\\/\u{8}\u{c}\n\r\té🎧é");
        let halves: String = Characters::of(r"\ud83cx\udfa7\ud83c\ud83c\udfa7\ud83c\n").collect();
        assert_eq!(halves, "\u{fffd}x\u{fffd}\u{fffd}🎧\u{fffd}\n");
    }

    proptest! {
        #[test]
        fn the_library_reads_the_same(
            pieces in prop::collection::vec(
                prop_oneof![
                    "[a-zé🎧 ]{0,3}",
                    Just("\\\\".to_owned()),
                    Just("\\n".to_owned()),
                    any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
                    any::<char>().prop_map(|character| {
                        let mut units = [0; 2];
                        let units = character.encode_utf16(&mut units);
                        units.iter().map(|unit| format!("\\u{unit:04X}")).collect()
                    }),
                ],
                0..6,
            )
        ) {
            let content = pieces.concat();
            if let Ok(read) = serde_json::from_str::<String>(&format!("\"{content}\"")) {
                prop_assert_eq!(Characters::of(&content).collect::<String>(), read);
            }
        }

        #[test]
        fn no_text_makes_it_panic(content in "[\\\\ud8f0é]{0,16}") {
            prop_assert!(Characters::of(&content).count() <= 16);
        }
    }
}
