//! Where does a line wait until it is written?

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::writer;

/// Bytes of lines that may wait: some 2,500 requests for a consumer that has stopped for a moment.
const MOST: usize = 1 << 20;
/// So many bytes are written without waiting for more: what a pipe takes at once.
const ENOUGH: usize = 64 << 10;
/// Between two writes of less than that.
const PAUSE: Duration = Duration::from_millis(100);

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One object per line.
    Json,
    /// For people.
    Text,
}

/// The log of a process. Clones are the same one; with the last of them its thread ends, after it has
/// written what was there.
#[derive(Debug, Clone)]
pub struct Lines(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    form: Form,
}

/// What those who log share with the thread that writes. A lock and not a channel: what is shared is
/// one piece of memory, and it is held for one copy of a line, or for exchanging two pointers.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// For the writer: there is something to do.
    wake: Condvar,
    /// For who flushes: everything is written.
    written: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that were lost since the log last said so.
    lost: u64,
    /// Whether somebody waits for everything to be written.
    flushing: bool,
    /// Whether the writer has lines of its own in hand.
    writing: bool,
    closed: bool,
}

impl Lines {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(to: impl Write + Send + 'static, form: Form) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_writer = Arc::clone(&shared);
        let run = move || writer::run(&of_writer, to, form);
        std::thread::Builder::new().name("log".to_owned()).spawn(run)?;
        Ok(Self(Arc::new(Handle { shared, form })))
    }

    /// How its lines are written.
    pub fn form(&self) -> Form {
        self.0.form
    }

    /// Leaves a whole line, its end included. Never waits for who reads the log: where there is no room,
    /// the line is lost, and counted.
    pub fn push(&self, line: &[u8]) {
        let shared = &self.0.shared;
        let mut state = shared.lock();
        let before = state.waiting.len();
        let after = before + line.len();
        if after > MOST {
            state.lost += 1;
            drop(state);
            shared.lost.fetch_add(1, Relaxed);
            return;
        }
        state.waiting.extend_from_slice(line);
        drop(state);
        // One system call for many lines: the writer looks by itself at what came after the first.
        if before == 0 || (before < ENOUGH && after >= ENOUGH) {
            shared.wake.notify_one();
        }
    }

    /// How many lines were lost, because there was no room or because writing failed.
    pub fn lost(&self) -> u64 {
        self.0.shared.lost.load(Relaxed)
    }

    /// Waits until all lines are written, or for as long as one has patience; whether they are.
    pub fn flush(&self, patience: Duration) -> bool {
        let shared = &self.0.shared;
        let mut state = shared.lock();
        state.flushing = true;
        shared.wake.notify_one();
        let busy = |state: &mut State| !state.waiting.is_empty() || state.writing;
        let waited = shared.written.wait_timeout_while(state, patience, busy);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        state.flushing = false;
        !waited.timed_out()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
    }
}

impl Shared {
    /// What is inside is whole between any two statements.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, and exchanges them for an empty piece of memory. Returns how many were lost after
    /// them; `None`: there is nobody left to log.
    pub(super) fn take(&self, lines: &mut Vec<u8>, last: Option<Instant>) -> Option<u64> {
        let mut state = self.lock();
        state.writing = false;
        if state.waiting.is_empty() {
            self.written.notify_all();
        }
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
        state = self.wake.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.waiting.is_empty() {
            return None;
        }
        // A first line is written at once, what follows it within the pause together.
        let rest = last.map_or(Duration::ZERO, |last| PAUSE.saturating_sub(last.elapsed()));
        let may_wait =
            |state: &mut State| state.waiting.len() < ENOUGH && !state.flushing && !state.closed;
        let waited = self.wake.wait_timeout_while(state, rest, may_wait);
        (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        lines.clear();
        // A flood must not hold its memory for good.
        lines.shrink_to(2 * ENOUGH);
        std::mem::swap(&mut state.waiting, lines);
        state.writing = true;
        Some(std::mem::take(&mut state.lost))
    }

    /// So many lines could not be written, and so many losses not be told.
    pub(super) fn failed(&self, lines: u64, untold: u64) {
        self.lost.fetch_add(lines, Relaxed);
        self.lock().lost += lines + untold;
    }
}
