//! What does the account behind the central key have, all tenants together?

use std::ops::RangeInclusive;
use std::time::Duration;

use super::budgets::{Months, budget, months};
use super::field::Field;
use super::names::Names;
use super::problem::Place;
use super::rates::endpoint_rates;
use super::reader::{Report, Section};
use crate::pace::{self, Pacing};
use crate::quota::Budget;

/// Longer waits tie up more than a 429 costs.
const WAIT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(10);

/// `[account]`, read.
pub(crate) struct Account {
    pub(crate) budget: Budget,
    /// The tenants' months, too, where they have none of their own.
    pub(crate) months: Months,
    pace: pace::Settings,
    /// What was asked for; without it the number of tenants decides.
    state: Option<Pacing>,
    /// Where rates are given, and their key.
    rates: Option<(Place, String)>,
}

/// Reads `[account]`.
pub(crate) fn account(mut section: Section<'_>, names: Option<&Names>) -> Account {
    let months = months(&mut section, &Months::default());
    let budget = budget(&mut section, "monthly", &months, names);
    let states = [("on", Pacing::On), ("off", Pacing::Off)];
    let state = section.take("pace").and_then(|field| field.word(&states));
    let default = pace::Settings::default();
    let max_wait = section.duration("max_wait", WAIT).unwrap_or(default.max_wait);
    let field = section.take("rate");
    let rates = field.as_ref().map(|field| (field.place().clone(), field.key().to_owned()));
    let endpoints = endpoint_rates(field.and_then(Field::section), names);
    section.finish();
    let pace = pace::Settings { max_wait, rates: endpoints, ..default };
    Account { budget, months, pace, state, rates }
}

impl Account {
    /// Whether and how calls wait for the account's rates: by default only where one tenant can take
    /// another's turn.
    pub(crate) fn pace(&self, tenants: usize, report: &Report<'_>) -> pace::Settings {
        let by_default = if tenants > 1 { Pacing::On } else { Pacing::Off };
        let state = self.state.unwrap_or(by_default);
        if let Some((place, key)) = &self.rates
            && state == Pacing::Off
        {
            let message = "not used: calls are not paced; account.pace = \"on\" does it";
            report.warning(place, format!("{key}: {message}"));
        }
        pace::Settings { state, ..self.pace.clone() }
    }
}
