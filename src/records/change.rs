//! What have operators changed while the gateway ran, and who was it?

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::words::Moment;

/// A limit of a tenant that is not what the configuration says, for a while or for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The tenant's id.
    pub tenant: Arc<str>,
    /// What is changed.
    pub limit: Limit,
    /// To what.
    pub value: LimitValue,
    /// Until when; `None`: until it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// The operator's words.
    pub note: Arc<str>,
    /// When it was made.
    pub made: Moment,
}

impl Override {
    /// Whether it holds at a moment.
    pub fn holds(&self, now: Moment) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// What of a tenant can be changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Limit {
    /// The rate at one endpoint, by its path: `rate:/submit`.
    Rate(Box<str>),
    /// The rate of all calls together: `total`.
    Total,
    /// The calls per month at one endpoint, by its path: `calls:/analytics`.
    Calls(Box<str>),
    /// The objects of one kind at once: `objects:configuration`.
    Objects(Box<str>),
    /// The minutes of audio per month: `minutes`.
    Minutes,
    /// Whether it may call at all: `access`.
    Access,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(path) => write!(f, "rate:{path}"),
            Self::Total => f.write_str("total"),
            Self::Calls(path) => write!(f, "calls:{path}"),
            Self::Objects(kind) => write!(f, "objects:{kind}"),
            Self::Minutes => f.write_str("minutes"),
            Self::Access => f.write_str("access"),
        }
    }
}

impl From<Limit> for String {
    fn from(limit: Limit) -> Self {
        limit.to_string()
    }
}

/// No limit has this name.
#[derive(Debug, thiserror::Error)]
#[error(
    "is not the name of a limit: rate:<path>, total, calls:<path>, objects:<kind>, minutes or access"
)]
pub struct UnknownLimit;

impl TryFrom<String> for Limit {
    type Error = UnknownLimit;

    fn try_from(text: String) -> Result<Self, UnknownLimit> {
        match text.split_once(':') {
            Some(("rate", path)) => Ok(Self::Rate(path.into())),
            Some(("calls", path)) => Ok(Self::Calls(path.into())),
            Some(("objects", kind)) => Ok(Self::Objects(kind.into())),
            Some(_) => Err(UnknownLimit),
            None => match text.as_str() {
                "total" => Ok(Self::Total),
                "minutes" => Ok(Self::Minutes),
                "access" => Ok(Self::Access),
                _ => Err(UnknownLimit),
            },
        }
    }
}

/// What a limit is changed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitValue {
    /// So fast.
    Rate {
        /// Calls per minute.
        per_minute: NonZeroU32,
        /// Calls at once.
        burst: NonZeroU32,
    },
    /// So many calls, objects, or minutes.
    Most(u32),
    /// No calls at all.
    Disabled,
}

/// A change, as it is kept for those who ask later who did what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// Who: `token:<name>` over the admin API, `command:<user>` at the command line.
    pub who: Arc<str>,
    /// What was done, as `key.issue`.
    pub action: Arc<str>,
    /// The tenant that it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Arc<str>>,
    /// The key, limit or reservation that it was done to.
    pub subject: Arc<str>,
    /// How it was before; null when it was not.
    pub before: Value,
    /// How it was afterwards; null when it is gone.
    pub after: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_as_it_was_written() {
        for name in
            ["rate:/submit", "total", "calls:/analytics", "objects:thing", "minutes", "access"]
        {
            let limit = Limit::try_from(name.to_owned()).unwrap();
            assert_eq!(limit.to_string(), name);
        }
        for name in ["", "rates:/submit", "rate", "Minutes", "minutes:"] {
            assert!(Limit::try_from(name.to_owned()).is_err(), "{name}");
        }
    }

    #[test]
    fn an_override_ends_at_its_moment() {
        let mut change = Override {
            tenant: "acme".into(),
            limit: Limit::Minutes,
            value: LimitValue::Most(5),
            until: Some(Moment(100)),
            note: "".into(),
            made: Moment(0),
        };
        assert!(change.holds(Moment(99)) && !change.holds(Moment(100)));
        change.until = None;
        assert!(change.holds(Moment(i64::MAX)));
    }
}
