//! What was told about limits that are nearly used up, and what is still to be told?

use std::sync::Arc;

use super::words::{Meter, Moment, Payer};

/// What one webhook is told once. A plan and no fact: it is not in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What makes it one and the same.
    pub of: AlertOf,
    /// Whether it was told.
    pub state: AlertState,
    /// When the threshold was found crossed.
    pub found: Moment,
    /// Attempts that failed.
    pub tried: u32,
    /// When it was sent, or given up.
    pub closed: Option<Moment>,
    /// What is told, as JSON.
    pub body: Arc<str>,
}

/// Whom, about what, and at which mark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertOf {
    /// The webhook's name.
    pub webhook: Arc<str>,
    /// Whose limit it is.
    pub payer: Payer,
    /// Which.
    pub meter: Meter,
    /// The month's start; of what was granted: how much that is in all, so that a further grant begins
    /// anew.
    pub period: Moment,
    /// Percent of the limit.
    pub threshold: u32,
}

/// Whether an alert was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// It is to be sent, or sent again.
    Pending,
    /// The receiver has it.
    Sent,
    /// Given up.
    Failed,
    /// A higher threshold was crossed at once, and told in its place.
    Passed,
}

impl AlertState {
    /// How it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Passed => "passed",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Sent, Self::Failed, Self::Passed];
        all.into_iter().find(|state| state.as_str() == text)
    }
}
