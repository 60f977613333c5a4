//! What stands where in a JSON document?
//!
//! A body of a request is judged and a list is filtered by what stands where in their bytes, and never
//! by values that were built of them: what is forwarded, or stays of a list, is what was written. So a
//! text is read into a [`Table`] of places, of twelve bytes per value and key, whatever the text says.
//! With its text a table is a [`Document`], a view that is cheap to copy.
//!
//! ```
//! use heify_gateway::document::{ROOT, Table};
//!
//! let text = r#"{"loan": {"book": "a1", "days": 30}}"#;
//! let table = Table::read(text, 64).expect("JSON");
//! let document = table.of(text);
//! let days = document.pointed(ROOT, "/loan/days").expect("a member");
//! assert_eq!((document.raw(days), document.count(days)), ("30", Some(30)));
//! assert!(Table::read(r#"{"a": 1, "\u0061": 2}"#, 64).is_err(), "one key twice");
//! ```

mod characters;
mod table;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use table::{DEEPEST_ANSWER, table_bytes};
pub use table::{Flaw, Table};
pub(crate) use view::unescaped;
pub use view::{Document, Form, Items, Members, Place, ROOT};
