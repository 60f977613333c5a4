//! How many connections came to the data port, and what became of those that never were a request?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::refusal::Refusal;

/// The connections of one listener, over all its threads. One addition when a connection comes and one
/// when it ends; all else is rare.
#[derive(Debug, Default)]
pub struct Connections {
    limit: u64,
    accepted: AtomicU64,
    ended: AtomicU64,
    delayed: AtomicU64,
    not_accepted: AtomicU64,
    handshakes_failed: AtomicU64,
    malformed: AtomicU64,
    head_too_large: AtomicU64,
    head_too_slow: AtomicU64,
}

/// The connections at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    /// As many as there may be at once.
    pub limit: u64,
    /// All that were served so far.
    pub accepted: u64,
    /// Those that are served now.
    pub open: u64,
    /// Those that found no place at once, and waited.
    pub delayed: u64,
    /// Attempts to accept one that failed, as for want of file handles.
    pub not_accepted: u64,
    /// Those that ended before TLS was agreed on.
    pub handshakes_failed: u64,
    /// Those that were refused before there was a request, by the reason.
    pub refused: [(&'static str, u64); 3],
}

impl Connections {
    /// Counts the connections of a listener that takes so many at once.
    pub fn new(limit: usize) -> Self {
        Self { limit: u64::try_from(limit).unwrap_or(u64::MAX), ..Self::default() }
    }

    /// A connection is served; it ends with what is returned.
    pub fn accepted(self: &Arc<Self>) -> Connection {
        self.accepted.fetch_add(1, Relaxed);
        Connection(Arc::clone(self))
    }

    /// A connection found no place.
    pub fn delayed(&self) {
        self.delayed.fetch_add(1, Relaxed);
    }

    /// None could be accepted.
    pub fn not_accepted(&self) {
        self.not_accepted.fetch_add(1, Relaxed);
    }

    /// A client and the listener did not agree on TLS, or not in time.
    pub fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    /// A connection was refused before there was a request.
    pub fn refused(&self, word: &Refusal) {
        let counted = match word {
            Refusal::HeadTooLarge => &self.head_too_large,
            Refusal::HeadTooSlow => &self.head_too_slow,
            _ => &self.malformed,
        };
        counted.fetch_add(1, Relaxed);
    }

    /// Reads them.
    pub fn read(&self) -> Connected {
        // In this order no connection has ended that was not accepted.
        let ended = self.ended.load(Relaxed);
        let accepted = self.accepted.load(Relaxed);
        let refused = [
            (Refusal::HeadTooLarge, &self.head_too_large),
            (Refusal::HeadTooSlow, &self.head_too_slow),
            (Refusal::MalformedHttp, &self.malformed),
        ];
        Connected {
            limit: self.limit,
            accepted,
            open: accepted.saturating_sub(ended),
            delayed: self.delayed.load(Relaxed),
            not_accepted: self.not_accepted.load(Relaxed),
            handshakes_failed: self.handshakes_failed.load(Relaxed),
            refused: refused.map(|(word, count)| (word.reason(), count.load(Relaxed))),
        }
    }
}

/// A connection that is served.
#[derive(Debug)]
pub struct Connection(Arc<Connections>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_open_until_it_is_dropped() {
        let connections = Arc::new(Connections::new(7));
        let (one, other) = (connections.accepted(), connections.accepted());
        drop(one);
        connections.refused(&Refusal::HeadTooSlow);
        let read = connections.read();
        assert_eq!((read.limit, read.accepted, read.open), (7, 2, 1));
        assert_eq!(read.refused.map(|(_, count)| count), [0, 1, 0]);
        drop(other);
        assert_eq!(connections.read().open, 0);
    }
}
