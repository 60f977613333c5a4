//! Has a connection waited too long, and for what?
//!
//! One timer per connection, never registered anew for a request: it is set back only when it
//! fires too early, and forward only when a nearer deadline appears.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::activity::Activity;
use super::guard::Protocol;
use super::settings::Settings;
use crate::timer::Timer;

/// What a connection waited for in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Its first byte.
    FirstByte,
    /// The rest of a request head.
    Head,
    /// The next request.
    Idle,
    /// The client to take what is written.
    Write,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Silent,
    Head,
    Idle,
    Busy,
}

/// How long a client that has just connected may take to its first byte while the listener drains: it is
/// about to send a request, and closing on it would be that request's failure.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// The clock of one connection.
#[derive(Debug)]
pub(super) struct Deadline<'a> {
    settings: &'a Settings,
    /// When the first byte is due.
    first: Instant,
    activity: &'a Activity,
    protocol: Protocol,
    phase: Phase,
    since: Instant,
    calls: u64,
    socket: Stall,
    streams: Stall,
}

impl<'a> Deadline<'a> {
    /// Starts the clock; its timer has to be set to [`first`](Self::first).
    pub(super) fn start(settings: &'a Settings, activity: &'a Activity) -> Self {
        let now = Instant::now();
        Self {
            settings,
            first: now + settings.first_byte_timeout,
            activity,
            protocol: Protocol::Http1,
            phase: Phase::Silent,
            since: now,
            calls: 0,
            socket: Stall::default(),
            streams: Stall::default(),
        }
    }

    /// When the first byte is due.
    pub(super) fn first(&self) -> Instant {
        self.first
    }

    /// The listener drains: who is silent is waited for no longer than if it had just connected.
    pub(super) fn drains(&mut self) {
        if !self.activity.heard() {
            self.first = self.first.min(self.since + FRESH);
        }
    }

    pub(super) fn speaks(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Becomes ready when a deadline has passed. Has to be polled after everything else in the
    /// connection, whenever that was polled.
    pub(super) fn poll(
        &mut self,
        mut timer: Pin<&mut Timer>,
        context: &mut Context<'_>,
    ) -> Poll<Overdue> {
        if let Some((due, _)) = self.next()
            && timer.deadline() > due
        {
            timer.as_mut().reset(due);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            let now = Instant::now();
            match self.next() {
                Some((due, overdue)) if due <= now => return Poll::Ready(overdue),
                Some((due, _)) => timer.as_mut().reset(due),
                None => timer.as_mut().reset(now + self.look_again()),
            }
        }
    }

    /// The nearest deadline; none while a request is in progress and the client takes its answer.
    fn next(&mut self) -> Option<(Instant, Overdue)> {
        let limits = self.settings;
        self.advance();
        let phase = match self.phase {
            Phase::Silent => Some((self.first, Overdue::FirstByte)),
            Phase::Head => Some((self.since + limits.header_timeout, Overdue::Head)),
            Phase::Idle => Some((self.since + limits.idle_timeout, Overdue::Idle)),
            Phase::Busy => None,
        };
        let socket = self.socket.since(self.activity.socket());
        // On HTTP/1 an answer that waits shows in the socket; on HTTP/2 the client may keep the
        // socket open and close the windows of its streams.
        let streams = match self.protocol {
            Protocol::Http1 => None,
            Protocol::Http2 => self.streams.since(self.activity.streams()),
        };
        let write = [socket, streams].into_iter().flatten().min();
        let write = write.map(|since| (since + limits.write_timeout, Overdue::Write));
        [phase, write].into_iter().flatten().min_by_key(|(due, _)| *due)
    }

    /// Follows the connection from phase to phase. The clock is read only where a wait begins.
    fn advance(&mut self) {
        let phase = if self.activity.busy() {
            Phase::Busy
        } else if !self.activity.heard() {
            Phase::Silent
        } else if self.protocol == Protocol::Http1 && self.activity.in_head() {
            Phase::Head
        } else {
            Phase::Idle
        };
        let calls = self.activity.calls();
        if phase == self.phase && calls == self.calls {
            return;
        }
        self.phase = phase;
        self.calls = calls;
        if phase != Phase::Busy {
            self.since = Instant::now();
        }
    }

    /// When to look again if there is no deadline: soon enough to see the next one in time.
    fn look_again(&self) -> Duration {
        self.settings.idle_timeout.min(self.settings.write_timeout).max(Duration::from_millis(1))
    }
}

/// Something that should move on and does not.
#[derive(Debug, Default)]
struct Stall {
    since: Option<Instant>,
    progress: u64,
}

impl Stall {
    /// Since when nothing has moved, if it should.
    fn since(&mut self, (waits, progress): (bool, u64)) -> Option<Instant> {
        if !waits {
            self.since = None;
        } else if self.since.is_none() || progress != self.progress {
            self.since = Some(Instant::now());
        }
        self.progress = progress;
        self.since
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::activity::Turn;
    use super::*;

    fn overdue(deadline: &mut Deadline<'_>) -> Option<Overdue> {
        deadline.next().map(|(_, overdue)| overdue)
    }

    #[test]
    fn each_phase_has_its_own_deadline() {
        let settings = Settings::default();
        let activity = Arc::new(Activity::default());
        let mut deadline = Deadline::start(&settings, &activity);
        assert_eq!(overdue(&mut deadline), Some(Overdue::FirstByte));
        activity.received(1);
        assert_eq!(overdue(&mut deadline), Some(Overdue::Head));
        let turn = Turn::begin(&activity);
        assert_eq!(overdue(&mut deadline), None);
        activity.write_blocked();
        assert_eq!(overdue(&mut deadline), Some(Overdue::Write));
        activity.flushed();
        drop(turn);
        assert_eq!(overdue(&mut deadline), Some(Overdue::Idle));
    }

    #[test]
    fn a_piece_that_the_client_does_not_take_counts_on_http2_alone() {
        let settings = Settings::default();
        let activity = Arc::new(Activity::default());
        let mut deadline = Deadline::start(&settings, &activity);
        let mut turn = Turn::begin(&activity);
        turn.gave();
        assert_eq!(overdue(&mut deadline), None);
        deadline.speaks(Protocol::Http2);
        assert_eq!(overdue(&mut deadline), Some(Overdue::Write));
        turn.asked();
        assert_eq!(overdue(&mut deadline), None);
    }
}
