//! What could all tenants together use that the account does not have?

use std::collections::BTreeMap;
use std::fmt;

use super::settings::{Budget, MinutesBudget, Settings};
use crate::contract::Contract;
use crate::records::{AudioMillis, Limit};

/// A limit of the account that does not suffice for what its tenants were promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oversubscription {
    /// What is promised.
    pub promised: Promised,
    /// To how many tenants.
    pub tenants: usize,
    /// How many of these have no limit of their own.
    pub unlimited: usize,
    /// The limits of the others together; minutes in milliseconds.
    pub together: u64,
    /// The account's limit; minutes in milliseconds.
    pub account: u64,
}

/// What is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promised {
    /// Objects of a kind at once.
    Objects(Box<str>),
    /// Calls of an endpoint per month, by its path.
    Calls(Box<str>),
    /// Minutes of audio per month.
    Minutes,
}

/// Finds every known limit of the account that the tenants' own ones together exceed.
///
/// A limit that nobody has set is the contract's. A tenant without any can use what the account has,
/// which is too much as soon as there is a second tenant.
pub fn oversubscriptions(settings: &Settings, contract: &Contract) -> Vec<Oversubscription> {
    let (mut caps, mut calls) = (BTreeMap::new(), BTreeMap::new());
    for endpoint in contract.endpoints() {
        // Where two endpoints disagree, the tighter number binds.
        let tighten = |published: &mut BTreeMap<_, _>, name, number: u32| {
            let known = published.entry(name).or_insert(number);
            *known = number.min(*known);
        };
        if let (Some(cap), Some(kind)) = (&endpoint.cap, &endpoint.effect.object) {
            tighten(&mut caps, &**kind, cap.most.get());
        }
        if let Some(monthly) = endpoint.monthly {
            tighten(&mut calls, &*endpoint.path, monthly.get());
        }
    }
    let mut found = Vec::new();
    for kind in names(&caps, settings.account.caps.keys()) {
        let limit = |budget: &Budget| {
            enforced(budget, Limit::Objects(kind.into()))?;
            Some(u64::from(*budget.caps.get(kind).or(caps.get(kind))?))
        };
        found.extend(exceeded(Promised::Objects(kind.into()), settings, limit));
    }
    for path in names(&calls, settings.account.monthly.keys()) {
        let limit = |budget: &Budget| {
            enforced(budget, Limit::Calls(path.into()))?;
            Some(u64::from(*budget.monthly.get(path).or(calls.get(path))?))
        };
        found.extend(exceeded(Promised::Calls(path.into()), settings, limit));
    }
    let minutes = |budget: &Budget| match budget.minutes {
        MinutesBudget::Monthly(AudioMillis(millis)) => {
            enforced(budget, Limit::Minutes)?;
            u64::try_from(millis).ok()
        }
        MinutesBudget::Recorded | MinutesBudget::Off => None,
    };
    found.extend(exceeded(Promised::Minutes, settings, minutes));
    found
}

/// What is not enforced limits nobody.
fn enforced(budget: &Budget, limit: Limit) -> Option<()> {
    budget.enforcement(&limit).is_enforced().then_some(())
}

/// The published names and the account's own, each once, in order.
fn names<'n>(
    published: &BTreeMap<&'n str, u32>,
    own: impl Iterator<Item = &'n Box<str>>,
) -> Vec<&'n str> {
    let mut names: Vec<_> = published.keys().copied().chain(own.map(|name| &**name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Adds up one limit of all tenants.
fn exceeded(
    promised: Promised,
    settings: &Settings,
    limit: impl Fn(&Budget) -> Option<u64>,
) -> Option<Oversubscription> {
    let account = limit(&settings.account)?;
    let tenants = settings.tenants.len();
    let limits: Vec<_> =
        settings.tenants.iter().filter_map(|tenant| limit(&tenant.budget)).collect();
    let unlimited = tenants - limits.len();
    let together = limits.into_iter().fold(0, u64::saturating_add);
    let too_much = together > account || (unlimited > 0 && tenants > 1);
    too_much.then_some(Oversubscription { promised, tenants, unlimited, together, account })
}

impl fmt::Display for Oversubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, may) = match &self.promised {
            Promised::Objects(kind) => (format!("{kind}s"), "may hold"),
            Promised::Calls(path) => (format!("{path} calls per month"), "may make"),
            Promised::Minutes => ("minutes per month".to_owned(), "may use"),
        };
        let number = |number: u64| match self.promised {
            Promised::Objects(_) | Promised::Calls(_) => number,
            Promised::Minutes => number / 60_000,
        };
        let tenants = if self.tenants == 1 { "tenant" } else { "tenants" };
        write!(f, "{name}: ")?;
        match self.unlimited {
            0 => write!(f, "{} {tenants} {may} {}", self.tenants, number(self.together))?,
            some => write!(f, "{some} of {} {tenants} {may} any number", self.tenants)?,
        }
        write!(f, ", the account {}", number(self.account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::TenantBudget;

    const LIBRARY: &str = "
openapi: 3.1.1
paths:
  /buy:
    post:
      x-gateway-effect: { kind: creates, object: book }
      x-gateway-cap: { most: 20 }
  /audit:
    post:
      x-gateway-effect: { kind: analyzes, object: book }
      x-gateway-limits: { rate: 5, burst: 2, monthly: 30 }
";

    fn lines(account: Budget, tenants: &[Budget]) -> Vec<String> {
        let tenants = tenants.iter().cloned();
        let tenants = tenants.map(|budget| TenantBudget { budget, ..TenantBudget::default() });
        let settings = Settings { account, tenants: tenants.collect(), ..Settings::default() };
        let contract = Contract::parse(LIBRARY, "library.yaml").unwrap();
        oversubscriptions(&settings, &contract).iter().map(ToString::to_string).collect()
    }

    fn caps(kind: &str, most: u32) -> Budget {
        Budget { caps: [(kind.into(), most)].into(), ..Budget::default() }
    }

    fn minutes(minutes: u32) -> Budget {
        let minutes = MinutesBudget::Monthly(AudioMillis::from_minutes(minutes));
        Budget { minutes, ..Budget::default() }
    }

    #[test]
    fn tenants_with_the_published_numbers_share_what_one_of_them_could_use() {
        let ten = vec![Budget::default(); 10];
        assert_eq!(
            lines(Budget::default(), &ten),
            [
                "books: 10 tenants may hold 200, the account 20",
                "/audit calls per month: 10 tenants may make 300, the account 30",
            ]
        );
        assert_eq!(lines(Budget::default(), &ten[..1]), [""; 0]);
        assert_eq!(lines(Budget::default(), &[]), [""; 0]);
    }

    #[test]
    fn numbers_that_fit_are_not_mentioned() {
        let half = Budget { monthly: [("/audit".into(), 15)].into(), ..caps("book", 10) };
        assert_eq!(lines(Budget::default(), &[half.clone(), half.clone()]), [""; 0]);
        let three = lines(Budget::default(), &[half.clone(), half.clone(), half]);
        assert_eq!(three[0], "books: 3 tenants may hold 30, the account 20");
    }

    #[test]
    fn the_accounts_own_number_goes_before_the_published_one() {
        let one = [Budget::default()];
        let expected = "books: 1 tenant may hold 20, the account 5";
        assert_eq!(lines(caps("book", 5), &one), [expected]);
        assert_eq!(lines(caps("book", 20), &one), [""; 0]);
    }

    #[test]
    fn a_tenant_without_a_limit_can_use_up_what_the_others_were_promised() {
        let tenants = [minutes(600), Budget::default()];
        let found = lines(minutes(1000), &tenants);
        let expected = "minutes per month: 1 of 2 tenants may use any number, the account 1000";
        assert_eq!(found.last().unwrap(), expected);
        let found = lines(minutes(1000), &[minutes(600), minutes(600)]);
        let expected = "minutes per month: 2 tenants may use 1200, the account 1000";
        assert_eq!(found.last().unwrap(), expected);
        assert_eq!(lines(minutes(1000), &tenants[1..]), [""; 0]);
        assert!(!lines(Budget::default(), &tenants).join("\n").contains("minutes"));
    }
}
