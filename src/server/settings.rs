//! How long does a listener wait, and how much does it take?

use std::time::Duration;

use tokio::sync::Semaphore;

/// Longer waits mean "for ever", and would overflow the clock.
pub(super) const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The bounds of a listener. Deadlines of bodies are not among them: those belong to the layers
/// that read bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Connections served at once, over all workers; further ones wait unserved. 10,000: at about
    /// 15 KB for an idle one, 150 MB.
    pub max_connections: usize,
    /// From the connection's start to its first byte; then it is closed in silence. 10 s.
    pub first_byte_timeout: Duration,
    /// From the first byte of a request head to its last; then the answer is
    /// [`HeadTooSlow`](crate::refusal::Refusal::HeadTooSlow). HTTP/1 only. 10 s.
    pub header_timeout: Duration,
    /// Without a request in progress; then the connection is closed in silence. 75 s: longer than
    /// the 60 s for which usual clients and balancers keep a connection, so that they close first.
    pub idle_timeout: Duration,
    /// Without the client taking a byte that waits for it; then the connection is dropped. 30 s.
    pub write_timeout: Duration,
    /// From the connection's start to the end of the TLS handshake. 10 s.
    pub handshake_timeout: Duration,
    /// From the shutdown's start until requests in progress are cut off. 30 s: what orchestrators
    /// grant by default.
    pub drain_timeout: Duration,
    /// The largest request head (RFC 9112, section 2.1), in bytes. 32 KiB.
    pub max_header_bytes: usize,
    /// HTTP/2 streams at once per connection. 128: RFC 9113 advises at least 100.
    pub h2_max_streams: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            first_byte_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            max_header_bytes: 32 * 1024,
            h2_max_streams: 128,
        }
    }
}

impl Settings {
    /// The same, within what clocks and counters can hold.
    pub(super) fn bounded(self) -> Self {
        Self {
            max_connections: self.max_connections.min(Semaphore::MAX_PERMITS),
            first_byte_timeout: self.first_byte_timeout.min(FOREVER),
            header_timeout: self.header_timeout.min(FOREVER),
            idle_timeout: self.idle_timeout.min(FOREVER),
            write_timeout: self.write_timeout.min(FOREVER),
            handshake_timeout: self.handshake_timeout.min(FOREVER),
            drain_timeout: self.drain_timeout.min(FOREVER),
            ..self
        }
    }
}
