//! Why does Heify bill another sum than the tenants were charged?
//!
//! What is known to the millisecond is on the invoice. What is held, was charged or was given back
//! without a known length may be on it or not: between the least and the most that can be, an
//! invoice is explained.

use heify_gateway::records::{AudioMillis, Reservation};

use heify_gateway::admin::operate::{Bill, billed};
use heify_gateway::admin::table::{Cell, Table};

/// What the journal says of the jobs of a range, in parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Account {
    /// The lengths that Heify reported.
    exact: i64,
    /// What was charged above them, by rounding up.
    rounding: i64,
    /// Charged as reserved, because nothing was heard in time.
    policy: i64,
    /// Charged as reserved for other reasons: deleted before its end, or an operator's word.
    assumed: i64,
    /// Given back because nothing was heard in time.
    given_back: i64,
    /// Held by jobs that are not settled.
    open: i64,
    /// Held by calls of which nobody knows whether they were done.
    lost: i64,
}

impl Account {
    pub(super) fn of(jobs: &[Reservation]) -> Self {
        let mut account = Self::default();
        for job in jobs {
            account.add(job);
        }
        account
    }

    fn add(&mut self, job: &Reservation) {
        let AudioMillis(held) = job.opening.minutes.unwrap_or_default();
        let AudioMillis(billed) = billed(job);
        match (Bill::of(job), job.length) {
            (Bill::Open, _) => self.open += held,
            (Bill::Lost, _) => self.lost += held,
            (Bill::Policy, _) if job.billed.is_none() => self.given_back += held,
            (Bill::Policy, _) => self.policy += billed,
            (Bill::Billed | Bill::Free, Some(AudioMillis(length))) => {
                self.exact += length;
                self.rounding += billed - length;
            }
            (Bill::Billed | Bill::Free, None) => self.assumed += billed,
        }
    }

    /// What tenants were charged.
    fn charged(&self) -> i64 {
        self.exact + self.rounding + self.policy + self.assumed
    }

    /// What of an invoice lies outside of all that can be; positive: Heify bills more.
    fn unexplained(&self, invoice: AudioMillis) -> i64 {
        let uncertain = self.policy + self.assumed + self.given_back + self.open + self.lost;
        let rounding = self.rounding.max(0);
        let most = self.exact + rounding + uncertain;
        (invoice.0 - most).max(0) + (invoice.0 - self.exact).min(0)
    }

    pub(super) fn table(&self, invoice: AudioMillis) -> Table {
        let charged = self.charged();
        let lines = [
            ("exact lengths of finished jobs", self.exact),
            ("rounded up", self.rounding),
            ("closed by policy, charged as reserved", self.policy),
            ("deleted or closed by an operator, charged as reserved", self.assumed),
            ("charged to tenants", charged),
            ("on Heify's invoice", invoice.0),
            ("difference: the invoice less what was charged", invoice.0 - charged),
            ("of it perhaps: open jobs, as reserved", self.open),
            ("of it perhaps: lost calls, as reserved", self.lost),
            ("of it perhaps: given back by policy", self.given_back),
            ("unexplained", self.unexplained(invoice)),
        ];
        let row =
            |(part, amount): (&str, i64)| vec![Cell::text(part), Cell::Audio(AudioMillis(amount))];
        Table::new(&["part", "minutes_ms"], lines.into_iter().map(row).collect())
    }
}

/// Reads minutes with up to three decimals.
pub(super) fn parse_minutes(text: &str) -> Result<AudioMillis, String> {
    let read = || {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 3 {
            return None;
        }
        let thousandths = format!("{part:0<3}").parse::<i64>().ok()?;
        let whole = whole.parse::<i64>().ok()?.checked_mul(60_000)?;
        // A thousandth of a minute is 60 milliseconds.
        whole.checked_add(thousandths * 60).map(AudioMillis)
    };
    read().ok_or_else(|| "must be minutes such as 1840 or 1840.25".to_owned())
}

#[cfg(test)]
mod tests {
    use heify_gateway::records::{State, Why};

    use super::super::rows::tests::job;
    use super::*;

    fn account() -> Account {
        Account::of(&[
            job("a", State::Settled, Some(Why::Done), Some(61_000), Some(120_000)),
            job("a", State::Settled, Some(Why::Deleted), None, Some(600_000)),
            job("b", State::Settled, Some(Why::Policy), None, Some(600_000)),
            job("b", State::Released, Some(Why::Policy), None, None),
            job("b", State::Released, Some(Why::Failed), None, None),
            job("b", State::Bound, None, None, None),
            job("c", State::Lost, None, None, None),
        ])
    }

    #[test]
    fn each_job_is_in_one_part() {
        let expected = Account {
            exact: 61_000,
            rounding: 59_000,
            policy: 600_000,
            assumed: 600_000,
            given_back: 600_000,
            open: 600_000,
            lost: 600_000,
        };
        assert_eq!(account(), expected);
        assert_eq!(account().charged(), 1_320_000);
    }

    #[test]
    fn only_what_cannot_be_is_unexplained() {
        let unexplained = |invoice| account().unexplained(AudioMillis(invoice));
        assert_eq!(unexplained(61_000), 0, "nothing but the jobs that are known");
        assert_eq!(unexplained(3_120_000), 0, "everything that may be");
        assert_eq!(unexplained(3_120_001), 1);
        assert_eq!(unexplained(60_000), -1_000);
        let lines = account().table(AudioMillis(1_380_000)).json();
        let amount = |part: &str| {
            let mut lines = lines.as_array().unwrap().iter();
            lines.find(|line| line["part"].as_str().unwrap().starts_with(part)).unwrap()
                ["minutes_ms"].clone()
        };
        assert_eq!(amount("difference"), 60_000);
        assert_eq!(amount("charged to tenants"), 1_320_000);
        assert_eq!(amount("unexplained"), 0);
    }

    #[test]
    fn minutes_of_an_invoice_are_read_exactly() {
        for (text, millis) in [("0", 0), ("1840", 110_400_000), ("0.5", 30_000), ("1.001", 60_060)]
        {
            assert_eq!(parse_minutes(text), Ok(AudioMillis(millis)), "{text}");
        }
        for wrong in ["", "-1", "1.", ".5", "1.0001", "1e3", "1,5", "999999999999999999"] {
            assert!(parse_minutes(wrong).is_err(), "{wrong}");
        }
    }
}
