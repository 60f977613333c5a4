//! The tower part of the relay.

mod announcing;
mod uploading;

pub use announcing::{Relay, RelayFuture, RelayLayer};
pub use uploading::{Uploaded, UploadsFuture, UploadsLayer};
