//! Which tenants have a name in the metrics, and how do they stand?
//!
//! Names are given up to a bound, in the order of the alphabet; beyond it tenants are `other` together.
//! Amounts of several tenants add up; of what is left of a limit, the tightest is told.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::books::Book;
use super::write::{Encoder, Labels, labeled_gauges, optional_gauge};
use crate::quota::Standing;
use crate::rate_limit::Table;
use crate::records::{AudioMillis, Limit};
use crate::traffic::Traffic;

/// Tenants that have a name in the metrics.
pub(super) const NAMED_TENANTS: usize = 200;
const OTHER: &str = "other";
/// The label of the tightest of all rates. Of each rate by itself there would be two dozen of each
/// tenant, and all of them full again before the next scrape.
const RATE: &str = "rate";

/// The tenants that have a name.
#[derive(Debug)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    pub(super) fn new(traffic: &Traffic) -> Self {
        let tenants = traffic.tenants();
        Self(tenants.iter().take(NAMED_TENANTS).map(|tenant| Arc::clone(&tenant.id)).collect())
    }

    /// The name of a tenant.
    pub(super) fn of<'n>(&self, id: &'n str) -> &'n str {
        if self.0.contains(id) { id } else { OTHER }
    }
}

/// What is left of each limit.
pub(super) fn limits(
    encoder: Encoder<'_, '_>,
    book: &Book,
    rates: Option<&Table>,
    names: &Names,
) -> fmt::Result {
    let mut tightest: BTreeMap<(&str, Option<&Limit>), f64> = BTreeMap::new();
    let mut note = |tenant, limit, left: f64| {
        let known = tightest.entry((names.of(tenant), limit)).or_insert(left);
        *known = known.min(left);
    };
    for (tenant, standing) in &book.tenants {
        standing.left.iter().for_each(|(limit, left)| note(tenant, Some(limit), *left));
    }
    if let Some(rates) = rates {
        rates.left().for_each(|(tenant, left)| note(tenant, None, left));
    }
    let limits: BTreeMap<&Limit, String> = tightest
        .keys()
        .filter_map(|(_, limit)| limit.map(|limit| (limit, limit.to_string())))
        .collect();
    let series = tightest.iter().map(|((tenant, limit), left)| {
        let limit = limit.and_then(|limit| limits.get(limit)).map_or(RATE, String::as_str);
        let labels: Labels<'_> = vec![("tenant", tenant), ("limit", limit)];
        (labels, *left)
    });
    let help = "What is left of a tenant's limit, from 0 to 1; of minutes, grants included, as a \
                share of the month's. rate is the tightest of its rates. Of other tenants the \
                tightest.";
    labeled_gauges(encoder, ("limit_remaining_ratio", help), series)
}

/// What is left of each limit of the account.
pub(super) fn account_limits(
    encoder: Encoder<'_, '_>,
    book: &Book,
    rate: Option<f64>,
) -> fmt::Result {
    let durable = book.account.iter().flat_map(|account| &account.left);
    let durable = durable.map(|(limit, left)| (limit.to_string(), *left));
    let left: Vec<_> = durable.chain(rate.map(|left| (RATE.to_owned(), left))).collect();
    let series = left.iter().map(|(limit, left)| {
        let labels: Labels<'_> = vec![("limit", limit)];
        (labels, *left)
    });
    let help = "What is left of the account's limit, from 0 to 1; of minutes, grants included, as \
                a share of the month's. rate is the tightest of its rates.";
    labeled_gauges(encoder, ("account_limit_remaining_ratio", help), series)
}

type Amount = fn(&Standing) -> AudioMillis;

/// What was charged, what is reserved, and what was granted.
const AMOUNTS: [(&str, &str, &str, Amount); 3] = [
    (
        "tenant_audio_used_seconds",
        "account_audio_used_seconds",
        "Audio that was charged: in the present month, and all that grants have paid.",
        |standing| standing.used,
    ),
    (
        "tenant_audio_reserved_seconds",
        "account_audio_reserved_seconds",
        "Audio that is reserved for jobs which are not settled.",
        |standing| standing.reserved,
    ),
    (
        "tenant_audio_granted_seconds",
        "account_audio_granted_seconds",
        "Audio that was granted beside the months.",
        |standing| standing.granted,
    ),
];

/// The audio of tenants and account.
pub(super) fn audio(encoder: Encoder<'_, '_>, book: &Book, names: &Names) -> fmt::Result {
    for (of_tenants, of_account, help, amount) in AMOUNTS {
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for (tenant, standing) in &book.tenants {
            *sums.entry(names.of(tenant)).or_default() += seconds(amount(standing));
        }
        let series = sums.iter().map(|(tenant, sum)| {
            let labels: Labels<'_> = vec![("tenant", tenant)];
            (labels, *sum)
        });
        labeled_gauges(encoder, (of_tenants, help), series)?;
        let account = book.account.as_ref().map(|account| seconds(amount(account)));
        optional_gauge(encoder, (of_account, help), account)?;
    }
    Ok(())
}

fn seconds(AudioMillis(millis): AudioMillis) -> f64 {
    millis as f64 / 1000.0
}
