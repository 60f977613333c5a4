//! May this account call this endpoint now?

use std::time::Duration;

use super::answer::Rejection;

/// The published numbers of one endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    pub(crate) per_minute: u32,
    pub(crate) burst: u32,
    /// Calls per calendar month.
    pub(crate) monthly: Option<u32>,
}

/// What one account has used of one endpoint. A token bucket of its own, written from the published
/// numbers: sharing the gateway's limiter would let both be wrong together.
#[derive(Debug)]
pub(crate) struct Used {
    tokens: f64,
    refilled: Duration,
    month: i32,
    calls_in_month: u32,
}

impl Used {
    pub(crate) fn nothing(limits: Published) -> Self {
        let tokens = f64::from(limits.burst);
        Self { tokens, refilled: Duration::ZERO, month: 0, calls_in_month: 0 }
    }

    /// Takes a token, or refuses without taking one.
    pub(crate) fn take(&mut self, limits: Published, now: Duration) -> Result<(), Rejection> {
        let waited = now.saturating_sub(self.refilled).as_secs_f64();
        let refill = waited * f64::from(limits.per_minute) / 60.0;
        self.tokens = (self.tokens + refill).min(f64::from(limits.burst));
        self.refilled = now;
        // Fractions add up with rounding: a bucket that is full but for a rounding error is full.
        if self.tokens < 1.0 - 1e-9 {
            return Err(Rejection::RateExceeded);
        }
        self.tokens = (self.tokens - 1.0).max(0.0);
        Ok(())
    }

    /// Refuses when the month is used up.
    pub(crate) fn check_month(&mut self, limits: Published, month: i32) -> Result<(), Rejection> {
        if self.month != month {
            (self.month, self.calls_in_month) = (month, 0);
        }
        match limits.monthly {
            Some(monthly) if self.calls_in_month >= monthly => Err(Rejection::QuotaExceeded),
            _ => Ok(()),
        }
    }

    /// Counts a call that succeeded. Whether Heify counts failed ones too is not published.
    pub(crate) fn count(&mut self) {
        self.calls_in_month = self.calls_in_month.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Published = Published { per_minute: 10, burst: 2, monthly: Some(1) };

    #[test]
    fn a_bucket_refills_at_its_rate_up_to_its_burst() {
        let mut used = Used::nothing(LIMITS);
        let at = Duration::from_secs;
        assert!(used.take(LIMITS, at(100)).is_ok());
        assert!(used.take(LIMITS, at(100)).is_ok());
        assert_eq!(used.take(LIMITS, at(105)), Err(Rejection::RateExceeded));
        assert!(used.take(LIMITS, at(106)).is_ok());
        assert!(used.take(LIMITS, at(106)).is_err());
    }

    #[test]
    fn a_month_starts_anew() {
        let mut used = Used::nothing(LIMITS);
        assert!(used.check_month(LIMITS, 5).is_ok());
        used.count();
        assert_eq!(used.check_month(LIMITS, 5), Err(Rejection::QuotaExceeded));
        assert!(used.check_month(LIMITS, 6).is_ok());
    }
}
