//! What does the journal tell, fact by fact?
//!
//! The journal is append-only. Every balance, reservation, object and key follows from its entries
//! and from nothing else, so that all of them can be recounted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::change::{Audited, Limit, Override};
use super::words::{AudioMillis, Moment, Payer, Posting};

/// One entry: what happened, and what that changed in the balances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
    /// The changes, which happen all or not at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postings: Vec<Posting>,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// A payer's month begins to count.
    Period {
        /// Whose.
        payer: Payer,
        /// Its first moment.
        start: Moment,
        /// The first moment of the next one.
        end: Moment,
    },
    /// A call is about to be forwarded; its postings are held until it is closed.
    Reserve(Opening),
    /// The call was answered with an id: the object is the tenant's. What is left to hold, the
    /// minutes, waits for the job's end.
    Bind {
        /// The reservation.
        reservation: Uuid,
        /// The id in the answer; `None` when records knew it already.
        object: Option<Uuid>,
    },
    /// The call or its job is paid.
    Settle {
        /// The reservation.
        reservation: Uuid,
        /// The length of the audio, as the upstream reports it.
        length: Option<AudioMillis>,
        /// What is charged for it.
        billed: Option<AudioMillis>,
        /// On which ground.
        why: Why,
    },
    /// What was held is free again.
    Release {
        /// The reservation.
        reservation: Uuid,
        /// On which ground.
        why: Why,
    },
    /// Nobody knows whether the upstream has done the call: it stays held.
    Lose {
        /// The reservation.
        reservation: Uuid,
    },
    /// The outcome of a job that had been closed by policy.
    Adjust {
        /// The reservation.
        reservation: Uuid,
        /// The length of the audio; `None` when the job failed.
        length: Option<AudioMillis>,
        /// What is charged in place of what was.
        billed: AudioMillis,
    },
    /// The length of a job's audio became known, or a bound of it, before the job began: so much is
    /// held from then on.
    Amend {
        /// The reservation.
        reservation: Uuid,
        /// The minutes held.
        minutes: AudioMillis,
    },
    /// Minutes were added, or taken away.
    Grant {
        /// To whom.
        payer: Payer,
        /// How many; the same number stands in the posting.
        amount: AudioMillis,
        /// The operator's words.
        note: Arc<str>,
    },
    /// An object that exists upstream is given to a tenant, or shared.
    Adopt {
        /// Its id.
        object: Uuid,
        /// Its kind, as in the contract.
        object_kind: Arc<str>,
        /// Who may use it.
        holder: Holder,
    },
    /// An object is gone.
    Delete {
        /// Its id.
        object: Uuid,
    },
    /// A key was made.
    Issue(IssuedKey),
    /// A key ends at a moment, because another takes its place.
    Replace {
        /// The key that ends.
        key: Arc<str>,
        /// The key that takes its place.
        successor: Arc<str>,
        /// When it ends.
        expires: Moment,
    },
    /// A key was switched off.
    Revoke {
        /// Its id.
        key: Arc<str>,
    },
    /// A tenant's limit was changed.
    Override(Override),
    /// A tenant's limit is again what the configuration says.
    Lift {
        /// Whose.
        tenant: Arc<str>,
        /// Which.
        limit: Limit,
    },
    /// Who did what.
    Audit(Audited),
}

/// Why a reservation was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The upstream has done it.
    Done,
    /// The upstream has refused it, or was never reached.
    Refused,
    /// The job ended without a result.
    Failed,
    /// The job was deleted before its length was known.
    Deleted,
    /// The upload never happened.
    NeverUploaded,
    /// Nothing was heard of it in time.
    Policy,
    /// An operator said so.
    Operator,
    /// Nobody waited for it any more, and it was not forwarded.
    Abandoned,
}

impl Why {
    /// How it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
            Self::NeverUploaded => "never_uploaded",
            Self::Policy => "policy",
            Self::Operator => "operator",
            Self::Abandoned => "abandoned",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::Done,
            Self::Refused,
            Self::Failed,
            Self::Deleted,
            Self::NeverUploaded,
            Self::Policy,
            Self::Operator,
            Self::Abandoned,
        ];
        all.into_iter().find(|why| why.as_str() == text)
    }
}

/// Who made which call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The reservation's id, ours.
    pub reservation: Uuid,
    /// The tenant's id.
    pub tenant: Arc<str>,
    /// The tenant's label for charge-back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Arc<str>>,
    /// The key's id.
    pub key: Arc<str>,
    /// The endpoint's path.
    pub endpoint: Arc<str>,
    /// `x-request-id`.
    pub request: Arc<str>,
    /// The kind of object that the call creates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creates: Option<Arc<str>>,
    /// The minutes held at first; `None` when the call spends none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<AudioMillis>,
    /// Whether the audio comes later, by an upload.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upload: bool,
}

/// Who may use an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// One tenant, which may do everything with it.
    Tenant(Arc<str>),
    /// Several, which may use and read it, and not change it.
    Shared(Sharing),
}

/// With whom an object is shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// With every tenant.
    Everybody,
    /// With these.
    With(Vec<Arc<str>>),
}

/// A key that was issued while the gateway ran; never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedKey {
    /// Its id, for people and logs.
    pub key: Arc<str>,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// Its SHA-256 in hexadecimal.
    pub sha256: Arc<str>,
    /// The operator's words.
    pub note: Arc<str>,
    /// When it was made.
    pub created: Moment,
    /// From when on it is refused.
    pub expires: Option<Moment>,
    /// When it was switched off.
    pub revoked: Option<Moment>,
    /// The key that takes its place.
    pub successor: Option<Arc<str>>,
}

impl IssuedKey {
    /// What a later entry about it makes of it.
    pub fn apply(&mut self, fact: &Fact, at: Moment) {
        match fact {
            Fact::Replace { successor, expires, .. } => {
                (self.successor, self.expires) = (Some(successor.clone()), Some(*expires));
            }
            Fact::Revoke { .. } => self.revoked = Some(at),
            _ => {}
        }
    }
}

impl Entry {
    /// A fact that changes no balance.
    pub fn plain(fact: Fact) -> Self {
        Self { fact, postings: Vec::new() }
    }

    /// The reservation that it is about.
    pub fn reservation(&self) -> Option<Uuid> {
        match &self.fact {
            Fact::Reserve(opening) => Some(opening.reservation),
            Fact::Bind { reservation, .. }
            | Fact::Settle { reservation, .. }
            | Fact::Release { reservation, .. }
            | Fact::Lose { reservation }
            | Fact::Adjust { reservation, .. }
            | Fact::Amend { reservation, .. } => Some(*reservation),
            _ => None,
        }
    }
}
