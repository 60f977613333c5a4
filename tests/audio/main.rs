//! Is every format recognized, and its length believed as far as it deserves?

#[path = "../support/tools.rs"]
mod tools;

mod encoded;
mod handmade;
mod hostile;
mod lengths;
mod recognizing;
