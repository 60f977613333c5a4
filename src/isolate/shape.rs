//! How is the shape of an answer shown to operators, without anything that it says?

use super::read::id_at;
use crate::document::{Document, Form, Place, ROOT};

/// The longest sample, in bytes.
const LONGEST: usize = 512;
/// The deepest level that is shown.
const DEEPEST: usize = 6;
/// The longest key that is shown.
const LONGEST_KEY: usize = 40;

/// The keys of a document, in their order, with the first item of each array, the kinds of the
/// values, and no value. A key that is no plain name could be one, and is not shown either.
pub(super) fn shape(document: &Document<'_>) -> String {
    let mut sample = String::new();
    write(document, ROOT, 0, &mut sample);
    sample
}

fn write(document: &Document<'_>, place: Place, depth: usize, sample: &mut String) {
    if sample.len() >= LONGEST || depth > DEEPEST {
        sample.push_str("...");
        return;
    }
    match document.form(place) {
        Form::Null => sample.push_str("null"),
        Form::Boolean => sample.push_str("boolean"),
        Form::Number => sample.push_str("number"),
        Form::Text if id_at(document, place).is_some() => sample.push_str("id"),
        Form::Text => sample.push_str("text"),
        Form::List => {
            sample.push('[');
            if let Some(item) = document.items(place).next() {
                write(document, item, depth + 1, sample);
            }
            sample.push(']');
        }
        Form::Object => {
            sample.push('{');
            for (index, (key, value)) in document.members(place).enumerate() {
                if index > 0 {
                    sample.push(',');
                }
                if sample.len() >= LONGEST {
                    sample.push_str("...");
                    break;
                }
                let key = document.string(key).filter(|key| is_name(key));
                sample.push_str(key.as_deref().unwrap_or("(key)"));
                sample.push(':');
                write(document, value, depth + 1, sample);
            }
            sample.push('}');
        }
    }
}

fn is_name(key: &str) -> bool {
    let begins = key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    begins && key.len() <= LONGEST_KEY && key.bytes().all(plain) && !is_hexadecimal(key)
}

/// An id in some spelling.
fn is_hexadecimal(key: &str) -> bool {
    key.len() >= 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::Table;

    fn shown(text: &str) -> String {
        shape(&Table::read(text, 128).unwrap().of(text))
    }

    #[test]
    fn keys_and_kinds_are_shown_and_no_value() {
        let id = "a1b2c3d4-e5f6-7890-1234-567890abcdef";
        let text = format!(
            r#"{{"data":{{"calls":[{{"id":"{id}","name":"Ana"}},{{}}],"n":17,"x":null,"e":[]}},
               "{id}":"secret","Ana Lima":true,"+34 600":1.5}}"#
        );
        assert_eq!(
            shown(&text),
            "{data:{calls:[{id:id,name:text}],n:number,x:null,e:[]},\
             (key):text,(key):boolean,(key):number}"
        );
    }

    #[test]
    fn a_sample_is_short_whatever_the_answer() {
        let wide: Vec<_> = (0..5000).map(|n| format!("\"k{n}\":{n}")).collect();
        assert!(shown(&format!("{{{}}}", wide.join(","))).len() < 700);
        let deep = "{\"a\":".repeat(100) + "1" + &"}".repeat(100);
        assert_eq!(shown(&deep), "{a:{a:{a:{a:{a:{a:{a:...}}}}}}}");
        let hostile = format!("{{\"{}\":1,\"a\\nb\":2}}", "k".repeat(5000));
        assert_eq!(shown(&hostile), "{(key):number,(key):number}");
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(text in "[\\[\\]{}:,\"a1]{0,24}") {
            if let Ok(table) = Table::read(&text, 128) {
                prop_assert!(shape(&table.of(&text)).len() < 700);
            }
        }
    }
}
