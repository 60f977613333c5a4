//! What is known of an upload that was announced to a client?

use std::sync::Arc;

use uuid::Uuid;

use super::words::Moment;
use crate::key::KeyDigest;

/// A place where one file may be put, once. A plan and no fact: it is not in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The SHA-256 of the token that the client has; the token itself is kept nowhere.
    pub token: KeyDigest,
    /// Who asked for it.
    pub tenant: Arc<str>,
    /// What the call has reserved that asked for it.
    pub reservation: Uuid,
    /// Until when the file may be begun.
    pub expires: Moment,
    /// Where it goes, sealed: only the token opens it.
    pub address: Arc<[u8]>,
    /// How far it is.
    pub state: UploadState,
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// Nothing that storage could have taken was sent.
    Waiting,
    /// It was sent, and nobody knows whether storage has taken it.
    Sent,
    /// Storage has taken it.
    Done,
    /// Its time passed while nothing was sent: what was held for it is free again.
    Ended,
}

impl UploadState {
    /// How it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Done => "done",
            Self::Ended => "ended",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Waiting, Self::Sent, Self::Done, Self::Ended];
        all.into_iter().find(|state| state.as_str() == text)
    }
}
