//! What is going on on one connection right now?
//!
//! The parts of a connection (its bytes, its requests, its clock) run apart and meet here. On
//! HTTP/1 all of them run in one task; on HTTP/2 the requests run beside it, and then these values
//! only steer deadlines. Relaxed order is enough for both.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Extensions;

/// The state that the parts of one connection share.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Requests whose answer is not yet handed over whole to hyper.
    turns: AtomicUsize,
    /// Requests so far.
    calls: AtomicU64,
    /// Answers of the service may lie in hyper's buffer.
    owing: AtomicBool,
    /// A first byte has come.
    heard: AtomicBool,
    /// Bytes that came while no request was in progress: the part of a head.
    head_bytes: AtomicU64,
    /// The client will send no more.
    ended: AtomicBool,
    /// hyper has written what it had, and wants the connection closed.
    finished: AtomicBool,
    /// A request body was left unread: bytes may still be on their way.
    unread: AtomicBool,
    /// The socket takes no more bytes.
    blocked: AtomicBool,
    /// Writes that the socket took.
    writes: AtomicU64,
    /// Answers with a piece that hyper holds and has not asked to be followed by another.
    held_pieces: AtomicUsize,
    /// Pieces that hyper asked for.
    pieces: AtomicU64,
    /// The room that the facts of an answered request took, empty: the next one's find place in it.
    spare: Mutex<Extensions>,
}

impl Activity {
    pub(super) fn received(&self, bytes: usize) {
        if bytes == 0 {
            self.ended.store(true, Relaxed);
            return;
        }
        self.heard.store(true, Relaxed);
        if self.turns.load(Relaxed) == 0 {
            self.head_bytes.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// Tells whether bytes that hyper writes on HTTP/1 now are its own answer to a malformed head.
    ///
    /// hyper answers by itself only between answers of the service; what else it writes by itself,
    /// `100 Continue`, comes while a request is in progress. So the moment tells, and no byte of
    /// an answer has to be looked at.
    pub(super) fn writes_unasked(&self) -> bool {
        self.turns.load(Relaxed) == 0 && !self.owing.load(Relaxed)
    }

    pub(super) fn wrote(&self) {
        self.blocked.store(false, Relaxed);
        self.writes.fetch_add(1, Relaxed);
    }

    pub(super) fn write_blocked(&self) {
        self.blocked.store(true, Relaxed);
    }

    /// hyper's buffer is empty: it flushes the socket only then.
    pub(super) fn flushed(&self) {
        self.blocked.store(false, Relaxed);
        if self.turns.load(Relaxed) == 0 {
            self.owing.store(false, Relaxed);
        }
    }

    pub(super) fn answering(&self) {
        self.owing.store(true, Relaxed);
    }

    pub(super) fn left_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    pub(super) fn finish(&self) {
        self.finished.store(true, Relaxed);
    }

    pub(super) fn finished(&self) -> bool {
        self.finished.load(Relaxed)
    }

    pub(super) fn ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    pub(super) fn unread(&self) -> bool {
        self.unread.load(Relaxed)
    }

    /// Room for facts, which is empty.
    pub(super) fn take_spare(&self) -> Extensions {
        std::mem::take(&mut self.spare())
    }

    /// Takes the room of facts that nobody asks for any more.
    pub(super) fn give_spare(&self, mut facts: Extensions) {
        facts.clear();
        *self.spare() = facts;
    }

    /// A panic elsewhere leaves the value whole: it is only ever replaced.
    fn spare(&self) -> MutexGuard<'_, Extensions> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn heard(&self) -> bool {
        self.heard.load(Relaxed)
    }

    pub(super) fn busy(&self) -> bool {
        self.turns.load(Relaxed) > 0
    }

    pub(super) fn in_head(&self) -> bool {
        self.head_bytes.load(Relaxed) > 0
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// The socket takes nothing; and how much it took before.
    pub(super) fn socket(&self) -> (bool, u64) {
        (self.blocked.load(Relaxed), self.writes.load(Relaxed))
    }

    /// Some answer waits for the client to take its last piece; and how many pieces went before.
    pub(super) fn streams(&self) -> (bool, u64) {
        (self.held_pieces.load(Relaxed) > 0, self.pieces.load(Relaxed))
    }
}

/// One request in progress, from its head until its answer is handed over whole, or given up.
#[derive(Debug)]
pub(super) struct Turn {
    activity: Arc<Activity>,
    holds_piece: bool,
}

impl Turn {
    pub(super) fn begin(activity: &Arc<Activity>) -> Self {
        activity.turns.fetch_add(1, Relaxed);
        activity.calls.fetch_add(1, Relaxed);
        activity.head_bytes.store(0, Relaxed);
        Self { activity: Arc::clone(activity), holds_piece: false }
    }

    pub(super) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// hyper asks for the next piece of the answer: it is done with the last one.
    pub(super) fn asked(&mut self) {
        self.activity.pieces.fetch_add(1, Relaxed);
        self.let_go();
    }

    /// hyper got a piece of the answer.
    pub(super) fn gave(&mut self) {
        self.holds_piece = true;
        self.activity.held_pieces.fetch_add(1, Relaxed);
    }

    fn let_go(&mut self) {
        if std::mem::take(&mut self.holds_piece) {
            self.activity.held_pieces.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.let_go();
        self.activity.turns.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyper_writes_unasked_only_between_answers() {
        let activity = Arc::new(Activity::default());
        assert!(activity.writes_unasked());
        let turn = Turn::begin(&activity);
        assert!(!activity.writes_unasked(), "100 Continue passes");
        activity.answering();
        activity.flushed();
        assert!(!activity.writes_unasked(), "a piece of the answer passes");
        drop(turn);
        assert!(!activity.writes_unasked(), "the rest in the buffer passes");
        activity.flushed();
        assert!(activity.writes_unasked());
    }

    #[test]
    fn no_fact_of_one_request_reaches_the_next() {
        let activity = Activity::default();
        let mut facts = activity.take_spare();
        facts.insert("of the first");
        activity.give_spare(facts);
        assert!(activity.take_spare().get::<&str>().is_none());
    }

    #[test]
    fn bytes_count_as_a_head_only_between_requests() {
        let activity = Arc::new(Activity::default());
        activity.received(10);
        assert!(activity.in_head());
        let turn = Turn::begin(&activity);
        activity.received(10);
        assert!(!activity.in_head());
        drop(turn);
        assert!(!activity.in_head());
    }
}
