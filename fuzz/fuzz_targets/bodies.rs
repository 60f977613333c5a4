//! Does our reader of JSON ever say something else than the library?
#![no_main]

#[allow(dead_code, unused_imports)]
#[path = "../../src/document/mod.rs"]
mod document;

use document::{Flaw, ROOT, Table};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// As deep as a request may be.
const DEEPEST: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let library = serde_json::from_str::<Value>(text);
    match Table::read(text, DEEPEST) {
        Ok(table) => {
            let document = table.of(text);
            match library {
                Ok(value) => assert!(document.is_readable() && document.value(ROOT) == value),
                Err(_) => assert!(!document.is_readable(), "the library takes it for none"),
            }
        }
        Err(Flaw::NotJson) => assert!(library.is_err(), "the library takes it for JSON"),
        Err(Flaw::TooDeep | Flaw::RepeatedKey) => {}
    }
});
