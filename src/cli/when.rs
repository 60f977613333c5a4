//! When is that, which an operator writes?

use std::time::Duration;

use heify_gateway::config::parse_duration;
use heify_gateway::records::Moment;
use jiff::Timestamp;

const DAY: u64 = 86_400;

/// A moment that may depend on when the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    After(Duration),
    At(Moment),
}

impl Until {
    pub(crate) fn from(self, now: Moment) -> Moment {
        match self {
            Self::After(wait) => now.later(wait),
            Self::At(moment) => moment,
        }
    }
}

/// Reads `90d`, `12h`, or an instant as in RFC 3339.
pub(crate) fn parse_until(text: &str) -> Result<Until, String> {
    if let Ok(wait) = parse_wait(text) {
        return Ok(Until::After(wait));
    }
    let instant = text.parse::<Timestamp>();
    let instant = instant.map(|instant| Until::At(Moment(instant.as_millisecond())));
    instant.map_err(|_| {
        "must be days or hours from now such as \"90d\" or \"12h\", or a date and time as in \
         RFC 3339 such as \"2030-01-31T00:00:00Z\""
            .to_owned()
    })
}

/// Reads a duration, in days too.
pub(crate) fn parse_wait(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').filter(|days| days.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = days.and_then(|days| days.parse::<u64>().ok()?.checked_mul(DAY));
    match seconds {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => parse_duration(text)
            .map_err(|_| r#"must be a duration such as "90d", "24h" or "30m""#.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn an_expiry_is_a_wait_or_an_instant() {
        let now = at("2026-11-22T00:00:00Z");
        let until = |text: &str| parse_until(text).map(|until| until.from(now).to_string());
        assert_eq!(until("90d").unwrap(), "2027-02-20T00:00:00Z");
        assert_eq!(until("12h").unwrap(), "2026-11-22T12:00:00Z");
        assert_eq!(until("2030-01-31T00:00:00+01:00").unwrap(), "2030-01-30T23:00:00Z");
        for wrong in ["", "d", "90", "-1d", "tomorrow", "2030-01-31", "99999999999999999999d"] {
            assert!(until(wrong).is_err(), "{wrong}");
        }
    }
}
