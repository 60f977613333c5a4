//! What is a job on a bill?

use std::fmt;

use crate::admin::table::{Cell, Table};
use crate::records::{AudioMillis, Reservation, State, Why};

/// What a job is on a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bill {
    /// It is charged.
    Billed,
    /// It costs nothing: failed, refused, never uploaded.
    Free,
    /// It is not settled yet.
    Open,
    /// Nobody knows whether it was done.
    Lost,
    /// It was closed without an answer.
    Policy,
}

impl Bill {
    /// Reads it from the reservation.
    pub fn of(job: &Reservation) -> Self {
        match (job.state, job.why) {
            (State::Open | State::Bound, _) => Self::Open,
            (State::Lost, _) => Self::Lost,
            (State::Settled | State::Released, Some(Why::Policy)) => Self::Policy,
            // An outcome that came late may have turned either into the other.
            (State::Settled, _) if job.length.is_none() && billed(job).0 == 0 => Self::Free,
            (State::Settled, _) => Self::Billed,
            (State::Released, _) if billed(job).0 > 0 => Self::Billed,
            (State::Released, _) => Self::Free,
        }
    }

    /// Whether what it costs is final.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Open | Self::Lost)
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Billed => "billed",
            Self::Free => "free",
            Self::Open => "open",
            Self::Lost => "lost",
            Self::Policy => "policy",
        })
    }
}

/// What was charged so far.
pub fn billed(job: &Reservation) -> AudioMillis {
    job.billed.unwrap_or_default()
}

/// The columns of [`job_rows`].
pub const JOB_COLUMNS: &[&str] = &[
    "tenant",
    "label",
    "key",
    "transcription",
    "request",
    "opened",
    "exact_ms",
    "billed_ms",
    "state",
];

/// One row per job.
pub fn job_rows(jobs: &[Reservation]) -> Table {
    let row = |job: &Reservation| {
        let (opening, bill) = (&job.opening, Bill::of(job));
        vec![
            Cell::text(&opening.tenant),
            Cell::maybe(opening.label.as_deref()),
            Cell::text(&opening.key),
            Cell::maybe(job.object),
            Cell::text(&opening.request),
            Cell::text(job.opened),
            Cell::millis(job.length),
            Cell::millis(bill.is_settled().then(|| billed(job))),
            Cell::text(bill),
        ]
    };
    Table::new(JOB_COLUMNS, jobs.iter().map(row).collect())
}
