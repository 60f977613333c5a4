//! How does any text stay one value on one line?

/// Writes a text as a JSON string (RFC 8259, section 7), quotes included.
pub fn json_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Mostly nothing is: reading all of it compiles to vector instructions, a search does not.
    if !rest.iter().fold(false, |found, byte| found | needs_escape(*byte)) {
        out.extend_from_slice(rest);
        out.push(b'"');
        return;
    }
    while let Some(place) = rest.iter().position(|byte| needs_escape(*byte)) {
        out.extend_from_slice(&rest[..place]);
        match rest[place] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]);
            }
        }
        rest = &rest[place + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// All of them are characters of one byte, so that what is left stays UTF-8. DEL is allowed in JSON,
/// but not wanted on anybody's terminal.
fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte == 0x7f)
}

/// Writes a text for a terminal: what would move the cursor, or begin another line, is escaped.
pub fn plain_text(out: &mut Vec<u8>, text: &str) {
    for part in text.split_inclusive(char::is_control) {
        let mut letters = part.chars();
        match letters.next_back().filter(|last| last.is_control()) {
            Some(control) => {
                out.extend_from_slice(letters.as_str().as_bytes());
                out.extend_from_slice(control.escape_default().to_string().as_bytes());
            }
            None => out.extend_from_slice(part.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_one_json_string_on_one_line(text in any::<String>()) {
            let mut out = Vec::new();
            json_text(&mut out, &text);
            prop_assert!(!out.iter().any(|byte| *byte < 0x20 || *byte == 0x7f));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn no_text_moves_the_cursor_of_a_terminal(text in "(\\PC|[\u{0}-\u{9f}]){0,20}") {
            let mut out = Vec::new();
            plain_text(&mut out, &text);
            prop_assert!(!String::from_utf8(out).unwrap().contains(char::is_control));
        }
    }
}
