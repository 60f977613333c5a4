//! What does one job cost, and what do all of a tenant's?

use std::collections::BTreeMap;

use heify_gateway::admin::table::{Cell, Table};
use heify_gateway::records::AudioMillis;
use serde_json::Value;

/// The rows of jobs, as programs read them.
fn each(jobs: &Value) -> impl Iterator<Item = &Value> {
    jobs.as_array().into_iter().flatten()
}

/// How many jobs may still change what was charged.
pub(super) fn provisional(jobs: &Value) -> usize {
    each(jobs).filter(|job| job["state"] == "open" || job["state"] == "lost").count()
}

type Group<'j> = (&'j str, Option<&'j str>);

/// One row per tenant and label.
pub(super) fn totals(jobs: &Value) -> Table {
    let mut groups: BTreeMap<Group<'_>, Vec<&Value>> = BTreeMap::new();
    for job in each(jobs) {
        let group = (job["tenant"].as_str().unwrap_or_default(), job["label"].as_str());
        groups.entry(group).or_default().push(job);
    }
    let row = |(group, jobs): (Group<'_>, Vec<&Value>)| {
        let number = |count: usize| Cell::Number(i64::try_from(count).unwrap_or(i64::MAX));
        let count = |state| number(jobs.iter().filter(|job| job["state"] == state).count());
        let sum = |name: &str| {
            Cell::Audio(AudioMillis(jobs.iter().filter_map(|job| job[name].as_i64()).sum()))
        };
        vec![
            Cell::text(group.0),
            Cell::maybe(group.1),
            number(jobs.len()),
            count("billed"),
            count("free"),
            count("open"),
            count("lost"),
            count("policy"),
            sum("exact_ms"),
            sum("billed_ms"),
        ]
    };
    let columns = &[
        "tenant",
        "label",
        "jobs",
        "billed_jobs",
        "free_jobs",
        "open_jobs",
        "lost_jobs",
        "policy_jobs",
        "exact_ms",
        "billed_ms",
    ];
    Table::new(columns, groups.into_iter().map(row).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use heify_gateway::admin::operate::{Bill, job_rows};
    use heify_gateway::records::{Moment, Opening, Reservation, State, Why};
    use uuid::Uuid;

    use super::*;

    /// A job that holds ten minutes.
    pub(in crate::cli::usage) fn job(
        tenant: &str,
        state: State,
        why: Option<Why>,
        length: Option<i64>,
        billed: Option<i64>,
    ) -> Reservation {
        let opening = Opening {
            reservation: Uuid::nil(),
            tenant: tenant.into(),
            label: None,
            key: "k".into(),
            endpoint: "/work".into(),
            request: "r".into(),
            creates: None,
            minutes: Some(AudioMillis(600_000)),
            upload: false,
        };
        let (length, billed) = (length.map(AudioMillis), billed.map(AudioMillis));
        let opened = Reservation::open(opening, &[], Moment(0));
        Reservation { state, why, length, billed, ..opened }
    }

    #[test]
    fn each_job_has_one_state_on_the_bill() {
        let bill = |state, why, length, billed| Bill::of(&job("a", state, why, length, billed));
        for (state, why, length, billed, expected) in [
            (State::Open, None, None, None, Bill::Open),
            (State::Bound, None, None, None, Bill::Open),
            (State::Lost, None, None, None, Bill::Lost),
            (State::Settled, Some(Why::Done), Some(61_000), Some(120_000), Bill::Billed),
            (State::Settled, Some(Why::Done), Some(0), Some(0), Bill::Billed),
            (State::Settled, Some(Why::Deleted), None, Some(600_000), Bill::Billed),
            (State::Settled, Some(Why::Policy), None, Some(600_000), Bill::Policy),
            (State::Released, Some(Why::Policy), None, None, Bill::Policy),
            (State::Released, Some(Why::Failed), None, None, Bill::Free),
            // What policy had closed otherwise.
            (State::Settled, Some(Why::Done), None, Some(0), Bill::Free),
            (State::Released, Some(Why::Done), Some(5), Some(5), Bill::Billed),
        ] {
            assert_eq!(bill(state, why, length, billed), expected, "{state:?} {why:?}");
        }
    }

    #[test]
    fn totals_are_by_tenant_and_count_what_may_change() {
        let jobs = [
            job("b", State::Settled, Some(Why::Done), Some(61_000), Some(120_000)),
            job("a", State::Lost, None, None, None),
            job("b", State::Bound, None, None, None),
            job("b", State::Released, Some(Why::Failed), None, None),
        ];
        let rows = job_rows(&jobs).json();
        let totals = totals(&rows).json();
        assert_eq!(totals[0]["tenant"], "a");
        assert_eq!((&totals[0]["lost_jobs"], &totals[0]["billed_ms"]), (&1.into(), &0.into()));
        let row = &totals[1];
        assert_eq!(
            (&row["jobs"], &row["open_jobs"], &row["free_jobs"]),
            (&3.into(), &1.into(), &1.into())
        );
        assert_eq!((&row["exact_ms"], &row["billed_ms"]), (&61_000.into(), &120_000.into()));
        assert_eq!(provisional(&rows), 2);
        assert_eq!((&rows[1]["state"], rows[1]["billed_ms"].is_null()), (&"lost".into(), true));
        assert_eq!(rows[3]["billed_ms"], 0);
    }
}
