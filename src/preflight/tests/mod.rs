//! Does a preflight find out what it should, and go nowhere else?

mod answers;
mod doors;
mod files;
mod layer;
mod site;
#[cfg(feature = "tls")]
mod tls;
