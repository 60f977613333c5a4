//! What is the service manager told?
//!
//! Over the socket that systemd (or whoever speaks its protocol) names in `NOTIFY_SOCKET`; without one,
//! nothing. See sd_notify(3).

use std::ffi::OsString;

use heify_gateway::server::Pulse;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval_at, timeout};

/// Whoever supervises the process, if anybody does. The default is nobody.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Manager {
    #[default]
    Nobody,
    Listening,
}

impl Manager {
    pub(crate) fn find(environment: &[(OsString, OsString)]) -> Self {
        let socket = environment.iter().find(|(name, _)| name == "NOTIFY_SOCKET");
        if socket.is_some_and(|(_, path)| !path.is_empty()) {
            Self::Listening
        } else {
            Self::Nobody
        }
    }

    /// What it does before it is ready.
    pub(crate) fn starting(self, doing: &str) {
        self.tell(&[NotifyState::Status(doing)]);
    }

    pub(crate) fn ready(self) {
        self.tell(&[NotifyState::Ready, NotifyState::Status("serving")]);
    }

    /// A reload begins; it has to be followed by [`reloaded`](Self::reloaded).
    pub(crate) fn reloading(self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            // Without the time, a manager that waits for the reload would wait in vain.
            Err(error) => tracing::warn!(%error, "the service manager is not told of a reload"),
        }
    }

    pub(crate) fn reloaded(self, succeeded: bool) {
        let status = match succeeded {
            true => "serving",
            false => "serving; the last configuration was refused, and the one before is in use",
        };
        self.tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    pub(crate) fn stopping(self) {
        self.tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
    }

    /// Where a watchdog waits, shows twice per its time that the process works: that the thread of this
    /// task runs, and that every thread of the data path has just done something.
    pub(crate) async fn show_life(self, pulse: Pulse) {
        let (Self::Listening, Some(limit)) = (self, sd_notify::watchdog_enabled()) else { return };
        let half = limit / 2;
        if half.is_zero() {
            return;
        }
        let mut ticks = interval_at(tokio::time::Instant::now() + half, half);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match timeout(half, pulse.beat()).await {
                Ok(()) => self.tell(&[NotifyState::Watchdog]),
                Err(_) => tracing::error!("a thread of the data path does nothing any more"),
            }
        }
    }

    fn tell(self, states: &[NotifyState<'_>]) {
        if let Self::Listening = self
            && let Err(error) = sd_notify::notify(states)
        {
            tracing::debug!(%error, "the service manager cannot be told");
        }
    }
}
