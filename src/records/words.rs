//! Which words do records use for who pays, for what, and how much?
//!
//! All amounts are whole numbers: calls, objects, or milliseconds of audio.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub i64);

impl Moment {
    /// The system's clock.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// The moment so much later.
    pub fn later(self, by: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// So much before, and not before the beginning of time.
    #[must_use]
    pub fn earlier(self, by: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// From here to a later moment; zero when it is past.
    pub fn until(self, later: Self) -> std::time::Duration {
        let millis = later.0.saturating_sub(self.0);
        std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

impl fmt::Display for Moment {
    /// RFC 3339, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.0}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Milliseconds of audio.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AudioMillis(pub i64);

impl AudioMillis {
    /// Whole minutes; saturates at what 64 bits hold.
    pub fn from_minutes(minutes: u32) -> Self {
        Self(i64::from(minutes) * 60_000)
    }
}

impl fmt::Display for AudioMillis {
    /// Minutes with what is left of them: `12.5 min`, `0.001 min`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, millis) =
            if self.0 < 0 { ("-", self.0.unsigned_abs()) } else { ("", self.0 as u64) };
        let (minutes, rest) = (millis / 60_000, millis % 60_000);
        if rest == 0 {
            return write!(f, "{sign}{minutes} min");
        }
        // Thousandths of a minute, rounded down: a display, never an amount.
        let fraction = format!("{:03}", rest * 1000 / 60_000);
        write!(f, "{sign}{minutes}.{} min", fraction.trim_end_matches('0'))
    }
}

/// Whose balance it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Arc<str>", into = "Arc<str>")]
pub enum Payer {
    /// The account behind the central key, which all tenants share.
    Account,
    /// One tenant, by the name that operators gave it.
    Tenant(Arc<str>),
}

impl Payer {
    /// How it is stored: a tenant's id is never empty.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Account => "",
            Self::Tenant(id) => id,
        }
    }
}

impl From<Arc<str>> for Payer {
    fn from(stored: Arc<str>) -> Self {
        if stored.is_empty() { Self::Account } else { Self::Tenant(stored) }
    }
}

impl From<Payer> for Arc<str> {
    fn from(payer: Payer) -> Self {
        match payer {
            Payer::Account => "".into(),
            Payer::Tenant(id) => id,
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Meter {
    /// Calls of one endpoint, by its path, per month.
    Calls(Arc<str>),
    /// Objects of one kind that exist.
    Objects(Arc<str>),
    /// Milliseconds of audio, per month.
    Minutes,
    /// Milliseconds of audio that were granted, without an end.
    Granted,
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calls(path) => write!(f, "calls:{path}"),
            Self::Objects(kind) => write!(f, "objects:{kind}"),
            Self::Minutes => f.write_str("minutes"),
            Self::Granted => f.write_str("granted"),
        }
    }
}

impl From<Meter> for String {
    fn from(meter: Meter) -> Self {
        meter.to_string()
    }
}

impl TryFrom<String> for Meter {
    type Error = String;

    fn try_from(stored: String) -> Result<Self, String> {
        match stored.split_once(':') {
            Some(("calls", path)) => Ok(Self::Calls(path.into())),
            Some(("objects", kind)) => Ok(Self::Objects(kind.into())),
            None if stored == "minutes" => Ok(Self::Minutes),
            None if stored == "granted" => Ok(Self::Granted),
            _ => Err(format!("no meter is called {stored:?}")),
        }
    }
}

/// The reservation that a call runs under: the fact that whoever counts calls gives to inner layers, where
/// they need it, as a request extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnderReservation(pub uuid::Uuid);

/// What one payer has of one meter in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Added to the limit: only of [`Meter::Granted`].
    pub granted: i64,
    /// Booked for good.
    pub used: i64,
    /// Reserved by calls whose outcome is not booked yet.
    pub held: i64,
}

impl Balance {
    /// Adds a change; saturates at what 64 bits hold.
    pub fn post(&mut self, posting: &Posting) {
        self.granted = self.granted.saturating_add(posting.granted);
        self.used = self.used.saturating_add(posting.used);
        self.held = self.held.saturating_add(posting.held);
    }

    /// Booked or reserved.
    pub fn taken(&self) -> i64 {
        self.used.saturating_add(self.held)
    }

    /// Whether it is as if it had never been touched.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One change of one balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Whose balance.
    pub payer: Payer,
    /// Of what.
    pub meter: Meter,
    /// The start of the period; zero for what has none.
    pub period: Moment,
    /// Added to what is granted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub granted: i64,
    /// Added to what is used.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub used: i64,
    /// Added to what is held.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held: i64,
}

fn is_zero(amount: &i64) -> bool {
    *amount == 0
}

/// One month of one payer: from its start to just before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// When it began.
    pub start: Moment,
    /// When the next one begins.
    pub end: Moment,
}

impl Period {
    /// Whether a moment lies in it.
    pub fn contains(&self, moment: Moment) -> bool {
        self.start <= moment && moment < self.end
    }
}
