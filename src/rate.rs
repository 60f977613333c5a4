//! How are a rate, and the state of a limit, put into words?

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

/// So many calls per minute, so many of them at once: a token bucket of `burst` tokens that is
/// refilled with `per_minute` tokens a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Calls per minute.
    pub per_minute: NonZeroU32,
    /// Calls at once.
    pub burst: NonZeroU32,
}

impl Rate {
    /// Makes a rate; `None` when a number is zero.
    pub const fn new(per_minute: u32, burst: u32) -> Option<Self> {
        match (NonZeroU32::new(per_minute), NonZeroU32::new(burst)) {
            (Some(per_minute), Some(burst)) => Some(Self { per_minute, burst }),
            _ => None,
        }
    }
}

/// Whether what exceeds a limit is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Enforcement {
    /// It is.
    #[default]
    Enforced,
    /// It is counted and shown, and passes.
    Shadow,
}

impl Enforcement {
    /// How it is shown: whether the limit is enforced.
    pub fn is_enforced(self) -> bool {
        self == Self::Enforced
    }
}

/// The state of one limit after a call was checked against it: a response extension from which the
/// envelope writes the rate-limit header fields.
#[derive(Debug, Clone)]
pub struct LimitState {
    /// The limit's name and numbers, prebuilt once.
    pub policy: Arc<LimitPolicy>,
    /// Calls that would pass now.
    pub remaining: u32,
    /// Until the limit is back at its full burst.
    pub reset: Duration,
}

impl LimitState {
    /// The one with the smaller share of its calls left.
    pub fn tighter(self, other: Self) -> Self {
        let share =
            |a: &Self, b: &Self| u64::from(a.remaining) * u64::from(b.policy.rate.burst.get());
        if share(&other, &self) < share(&self, &other) { other } else { self }
    }
}

/// The part of a limit that does not change from call to call.
#[derive(Debug)]
pub struct LimitPolicy {
    /// A short name: the endpoint's path without its slash, or `total`.
    pub name: Box<str>,
    /// The limit's numbers.
    pub rate: Rate,
    /// `RateLimit-Policy`, as in draft-ietf-httpapi-ratelimit-headers.
    pub policy_header: HeaderValue,
    /// `X-RateLimit-Limit`.
    pub limit_header: HeaderValue,
}

impl LimitPolicy {
    /// Builds the header fields once. A name is restricted to what a structured-field string may
    /// hold (RFC 9651, section 3.3.3); anything else becomes `_`.
    pub fn new(name: &str, rate: Rate) -> Self {
        let name = structured(name);
        let policy = format!("\"{name}\";q={};w=60;burst={}", rate.per_minute, rate.burst);
        Self::with_header(name, rate, &policy)
    }

    /// So many calls in a month of this length, at whatever pace.
    pub fn monthly(name: &str, calls: NonZeroU32, month: Duration) -> Self {
        let name = structured(name);
        let policy = format!("\"{name}\";q={calls};w={}", month.as_secs());
        Self::with_header(name, Rate { per_minute: calls, burst: calls }, &policy)
    }

    fn with_header(name: String, rate: Rate, policy: &str) -> Self {
        Self {
            policy_header: HeaderValue::from_str(policy)
                .unwrap_or_else(|_| HeaderValue::from_static("\"limit\"")),
            limit_header: HeaderValue::from(rate.per_minute.get()),
            name: name.into(),
            rate,
        }
    }
}

fn structured(name: &str) -> String {
    let plain = |c| matches!(c, ' '..='~') && c != '"' && c != '\\';
    name.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}
