//! How does audio get to the upstream's storage through the gateway's checks, and not past them?
//!
//! An upstream that takes audio by upload answers with a presigned address at its storage, where the
//! client puts the file: past the gateway, which then knows neither its size nor its length nor whether
//! it is audio at all. With the relay on, the client gets an address at the gateway in its place
//! ([`RelayLayer`]), puts the file there exactly as it would at storage, and the gateway passes it on
//! ([`UploadsLayer`]) while it comes, with the fields that were signed and nothing else.
//!
//! What the upstream would refuse is refused before storage sees a byte: 400 `missing_length` and
//! `unsupported_audio`. The minutes of the file take the place of the estimate that the call has
//! reserved, else 402. The address carries a random token, of which only the hash is kept, and beside it
//! the presigned address, encrypted with a key that follows from the token: 404 `unknown_upload` for any
//! other, 403 `expired_upload` and `used_upload`, 429 `upload_in_progress`. What storage says comes back
//! in the envelope: `storage_refused`, 500 `storage_failed`. Only hosts that are named are contacted.
//!
//! An answer whose address is none of these hosts' passes unchanged, and is counted: the upload then goes
//! the upstream's own way.
//!
//! ```
//! use heify_gateway::relay::{Address, Host};
//!
//! let hosts = [Host::parse("storage.example").unwrap()];
//! let url = "https://storage.example/a?X-Amz-Expires=300&X-Amz-SignedHeaders=host";
//! assert!(Address::read(url, &hosts).is_some());
//! assert!(Address::read("https://storage.example.evil/a", &hosts).is_none());
//! ```

mod address;
mod announce;
mod fields;
mod head;
mod layer;
mod passing;
mod sending;
mod token;
mod uploads;

use std::time::Duration;

use crate::audio::LARGEST;

pub use address::{Address, Host};
pub use layer::{Relay, RelayFuture, RelayLayer, Uploaded, UploadsFuture, UploadsLayer};
pub use uploads::{Begin, Beginning, CountUnknown, Uploads};

/// What all upload addresses at the gateway start with.
pub const PREFIX: &str = "/_gateway/upload/";

/// How uploads pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How clients reach the gateway: a URL without a slash at its end.
    pub public_url: String,
    /// The only hosts that files are passed on to.
    pub hosts: Vec<Host>,
    /// The largest file, in bytes. 200 MiB: the page on errors says 200 MB and not of which kind.
    pub max_size: u64,
    /// Files at once; of one tenant of several at most half of them. 256.
    pub max_uploads: usize,
    /// Until the client gives, or storage takes, the next piece. 30 s.
    pub idle_timeout: Duration,
    /// For a whole file. 1 h: one of 200 MiB at 100 KiB/s takes 35 minutes.
    pub total_timeout: Duration,
}

impl Settings {
    /// The defaults around a URL, for Heify's storage.
    pub fn new(public_url: String) -> Self {
        Self {
            public_url,
            hosts: Host::parse("storage.heify.com").into_iter().collect(),
            max_size: LARGEST,
            max_uploads: 256,
            idle_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(3600),
        }
    }
}
