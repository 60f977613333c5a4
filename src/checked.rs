//! What did the body of the request say?

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::document::{Document, Table};

/// The body as it was judged: the fact that validation gives to inner layers, as a request extension
/// by value. Null for an empty body. Its bytes are those that are forwarded, and none are copied.
#[derive(Debug, Clone)]
pub struct Checked(Arc<(Bytes, Table)>);

impl Checked {
    /// The bytes of a body with the table that was read of them.
    pub fn new(bytes: Bytes, table: Table) -> Self {
        Self(Arc::new((bytes, table)))
    }

    /// What the body says.
    pub fn document(&self) -> Document<'_> {
        let (bytes, table) = &*self.0;
        // The standard library lets nobody keep the bytes together with the proof that they are a text.
        // For what is sent in a request a second look at them is cheaper than a copy.
        table.of(std::str::from_utf8(bytes).unwrap_or_default())
    }
}

/// A body that says this: for a room that stands behind a reader of its own.
impl From<&Value> for Checked {
    fn from(value: &Value) -> Self {
        let text = value.to_string();
        let table = Table::read(&text, usize::MAX).unwrap_or_default();
        Self::new(text.into(), table)
    }
}
