//! What did the body of the request say?

use serde_json::Value;

/// The body as it was judged: the fact that validation gives to inner layers, as a request extension
/// by value. Null for an empty body. The bytes themselves are what is forwarded.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked(pub Value);
