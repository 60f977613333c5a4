//! Is the file behind a URL one that the upstream can take?
//!
//! The upstream fetches the file some time after it has taken the call on, and a file that is too large,
//! too long or no audio at all fails there. Where the operators want it, the room looks first: it asks
//! for the file's size ([`Mode::Headers`]), or fetches its beginning and what its length depends on
//! besides, 64 KiB each ([`Mode::Probe`]). What is known to be more or other than the upstream takes
//! is refused with 400 `unsupported_audio`, before anything is reserved; a length that is known becomes
//! the fact [`Measured`](crate::measured::Measured), by which the minutes are reserved. Whatever else
//! comes of it (a host that does not answer, an error, a thing that is not understood) the call goes on:
//! a false refusal is worse than a job that fails. [`Counts`] tells how often it was what.
//!
//! **It must not become a way into the network that the gateway stands in.** The caller chooses the
//! URL, so: only http and https, no credentials, the ports and hosts that the operators allow, and only
//! addresses of the public internet ([`is_public`]), unless a [`Network`] is allowed besides. A name is
//! resolved once; all its addresses are checked, and one of them is connected to without asking again.
//! Each redirect is checked like the first URL, and three are followed at most. Nothing of the caller
//! is sent along, nothing is decompressed, and neither more than the parts asked for nor longer than the
//! deadline is read. What may not be looked at is not refused: the answer would tell the caller what the
//! gateway's resolver knows of the inside.
//!
//! Which field carries the URL stands in the contract (`x-gateway-audio-url`). The room needs the facts
//! `Arc<Endpoint>`, `Arc<Tenant>` and [`Checked`](crate::checked::Checked).
//!
//! ```
//! use heify_gateway::preflight::{Network, is_public};
//!
//! assert!(is_public("93.184.216.34".parse().unwrap()));
//! assert!(!is_public("169.254.169.254".parse().unwrap()));
//! assert!(!is_public("::ffff:10.0.0.1".parse().unwrap()));
//! let storage = Network::parse("10.7.0.0/16").unwrap();
//! assert!(storage.contains("10.7.1.2".parse().unwrap()));
//! ```

mod address;
mod fetch;
mod hosts;
mod layer;
mod look;
mod outcome;
mod range;
mod resolver;
mod room;
mod rule;
mod secure;
mod target;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use address::{Network, is_public};
pub use hosts::{Hosts, Pattern};
pub use layer::{Preflight, PreflightFuture, PreflightLayer};
pub use outcome::{Counts, Outcome};
pub use resolver::Resolver;
pub use room::Preflights;

/// What the room looks at, and within which bounds.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How closely.
    pub mode: Mode,
    /// For the whole of one preflight, redirects included. 3 s.
    pub timeout: Duration,
    /// The ports that may be connected to. 80 and 443.
    pub ports: Vec<u16>,
    /// The hosts that may be asked. All.
    pub hosts: Hosts,
    /// Networks beside the public internet that may be connected to. None.
    pub networks: Vec<Network>,
    /// Preflights at once, of all tenants together; calls beyond go on without one. 64.
    pub at_once: usize,
    /// The same of one tenant. 16.
    pub tenant_at_once: usize,
    /// Who finds the addresses of names. The system.
    pub resolver: Resolver,
}

impl Settings {
    /// The defaults of a mode.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            timeout: Duration::from_secs(3),
            ports: vec![80, 443],
            hosts: Hosts::default(),
            networks: Vec::new(),
            at_once: 64,
            tenant_at_once: 16,
            resolver: Resolver::default(),
        }
    }
}

/// How closely a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its size.
    Headers,
    /// Its size, format and length.
    Probe,
}
