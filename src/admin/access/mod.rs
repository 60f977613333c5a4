//! Who is asking, and what may they do?
//!
//! A program sends a token of the configuration in `Authorization: Bearer`. A browser exchanges it
//! once for a session, whose id is a cookie that scripts cannot read. Tokens are compared as hashes
//! and in constant time; a session ends with its token.

mod caller;
mod session;

pub(super) use caller::{Caller, Operator, Viewer, known};
pub(super) use session::{COOKIE, Sessions};
