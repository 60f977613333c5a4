//! What was used, by whom and when, and who gets more?

use std::num::NonZeroI32;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderName, StatusCode};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::request::{Body, Note, Query, Whole};
use crate::admin::access::{Operator, Viewer};
use crate::admin::console::{Console, View};
use crate::admin::operate::{self, Act, Bill, Days, Declined};
use crate::admin::table::{Cell, Table};
use crate::records::{Moment, Payer, Store};

/// The most jobs that one answer lists: more is asked for in pieces of time. So many take less than
/// 100 ms, in which the one thread that reads has nothing for the calls of tenants.
const MOST_JOBS: u64 = 25_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    /// `2026-11`.
    month: Option<String>,
    from: Option<Date>,
    to: Option<Date>,
    /// A time zone of IANA; without it: the account's.
    zone: Option<String>,
    tenant: Option<String>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

impl Range {
    fn days(&self, store: &mut dyn Store, view: &View, now: Moment) -> Result<Days, Declined> {
        let account = &view.settings.quota.account.calendar;
        // Months that have begun stay as they were cut; who names a zone wants them cut in it.
        let opened = match self.zone {
            None => store.periods(&Payer::Account)?,
            Some(_) => Vec::new(),
        };
        let calendar =
            match &self.zone {
                None => account.clone(),
                Some(zone) => account.in_zone(TimeZone::get(zone).map_err(|_| {
                    Declined::Invalid(format!("zone: there is no time zone {zone:?}"))
                })?),
            };
        let zone = calendar.zone();
        match (&self.month, self.from, self.to) {
            (None, None, None) => Days::of_month(&calendar, &opened, now),
            (Some(month), None, None) => Days::of_named_month(month, &calendar, &opened),
            (None, Some(from), to) => operate::days(from, to.unwrap_or(from), zone),
            _ => Err(Declined::Invalid("give either month, or from and to".to_owned())),
        }
    }
}

/// What each day and each tenant cost.
pub(super) async fn days(
    _: Viewer,
    State(console): State<Console>,
    Query(range): Query<Range>,
) -> Result<Response, Problem> {
    let (now, format) = (Moment::now(), range.format);
    let read = move |store: &mut dyn Store, view: &View| {
        let days = range.days(store, view, now)?;
        let mut rows = Vec::new();
        let mut open = 0;
        for (day, totals) in days.totals(store)? {
            let of = range.tenant.as_deref();
            for total in totals.into_iter().filter(|one| of.is_none_or(|of| *one.tenant == *of)) {
                open += total.open;
                let number = |number: u64| Cell::Number(i64::try_from(number).unwrap_or(i64::MAX));
                rows.push(vec![
                    Cell::text(day),
                    Cell::text(&total.tenant),
                    number(total.jobs),
                    number(total.open),
                    Cell::millis(Some(total.length)),
                    Cell::millis(Some(total.billed)),
                ]);
            }
        }
        let columns = &["day", "tenant", "jobs", "open_jobs", "exact_ms", "billed_ms"];
        Ok((days.period(), open, Table::new(columns, rows)))
    };
    let (period, open, table) = console.read(read).await?;
    let listed = Listed {
        from: period.start.to_string(),
        to: period.end.to_string(),
        days: Some(&table),
        jobs: None,
        provisional: open > 0,
    };
    Ok(written(format, &table, &listed))
}

/// One row per job.
pub(super) async fn jobs(
    _: Viewer,
    State(console): State<Console>,
    Query(range): Query<Range>,
) -> Result<Response, Problem> {
    let (now, format) = (Moment::now(), range.format);
    let read = move |store: &mut dyn Store, view: &View| {
        let period = range.days(store, view, now)?.period();
        let of = range.tenant.as_deref();
        let totals = store.totals(period.start, period.end)?;
        let wanted = totals.iter().filter(|one| of.is_none_or(|of| *one.tenant == *of));
        let count: u64 = wanted.map(|total| total.jobs).sum();
        if count > MOST_JOBS {
            let text = format!("{count} jobs: ask for at most {MOST_JOBS} at once, such as by day");
            return Err(Declined::Invalid(text));
        }
        let mut jobs = match of {
            Some(of) => store.opened_by(of, period.start, period.end)?,
            None => store.opened(period.start, period.end)?,
        };
        jobs.retain(|job| job.opening.minutes.is_some());
        Ok((period, jobs.iter().any(|job| !Bill::of(job).is_settled()), operate::job_rows(&jobs)))
    };
    let (period, provisional, table) = console.read(read).await?;
    let listed = Listed {
        from: period.start.to_string(),
        to: period.end.to_string(),
        jobs: Some(&table),
        days: None,
        provisional,
    };
    Ok(written(format, &table, &listed))
}

/// What a program reads; written as it is, since a long list twice in memory would take its time.
#[derive(Serialize)]
struct Listed<'t> {
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<&'t Table>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<&'t Table>,
    provisional: bool,
}

fn written(format: Format, table: &Table, listed: &Listed<'_>) -> Response {
    if format == Format::Json {
        return Json(listed).into_response();
    }
    let mut csv = Vec::new();
    if table.write_csv(&mut csv).is_err() {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not written").into_response();
    }
    let attachment = HeaderValue::from_static("attachment; filename=\"usage.csv\"");
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (HeaderName::from_static("content-disposition"), attachment),
    ];
    (headers, csv).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    /// Without it: to the account, and `account` says so.
    tenant: Option<String>,
    #[serde(default)]
    account: bool,
    minutes: Whole<NonZeroI32>,
    #[serde(default)]
    note: Note,
}

/// Adds minutes, or takes some away. Each grant counts.
pub(super) async fn grant(
    Operator(caller): Operator,
    State(console): State<Console>,
    Body(body): Body<Grant>,
) -> Result<Response, Problem> {
    if body.tenant.is_some() == body.account {
        return Err(Problem::invalid("give either \"tenant\", or \"account\": true"));
    }
    let grant = move |store: &mut dyn Store, view: &View, act: &Act| {
        let to = body.tenant.as_deref();
        operate::grant(store, &view.settings, to, body.minutes.0, &body.note.0, act)
    };
    let granted = console.change(caller.who(), grant).await?;
    Ok((StatusCode::CREATED, Json(granted.json())).into_response())
}
