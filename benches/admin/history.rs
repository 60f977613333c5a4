//! What is in the records after 90 days with 100 tenants?
//!
//! All of it is written by the ledger, as the gateway itself does; only the clock is turned back.

use std::error::Error;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use heify_gateway::key::KeyDigest;
use heify_gateway::records::ledger::{self, Charge, MinutesLimit, Reserve};
use heify_gateway::records::{
    AudioMillis, Audited, Calendar, IssuedKey, Limit, LimitValue, Moment, Opening, Override,
    Sqlite, Store, Stored, Why,
};
use serde_json::json;
use uuid::Uuid;

pub(crate) const TENANTS: usize = 100;
pub(crate) const DAYS: i64 = 90;
/// Of each tenant, a day.
const JOBS: i64 = 5;
/// In so many days, there are nearly as many jobs as one answer lists.
const FULL: i64 = 49;
const KEYS_EACH: usize = 4;
/// Changes by operators, of each tenant.
const CHANGES_EACH: i64 = 20;
const DAY: i64 = 86_400_000;
/// So long nobody asks the upstream about a job.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It was charged.
    Settled,
    /// It is not done yet.
    Open,
    /// Nobody knows.
    Lost,
}

/// What was written.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) jobs: u64,
    pub(crate) lines: u64,
    /// The id of a request that was charged.
    pub(crate) request: String,
    pub(crate) first_day: String,
    pub(crate) last_day: String,
    /// Since then, there were nearly as many jobs as one answer lists.
    pub(crate) full_day: String,
    /// The month before the present one.
    pub(crate) month: String,
}

/// The id of a tenant.
pub(crate) fn tenant(number: usize) -> String {
    format!("team-{number:03}")
}

/// Writes the history into a new file.
pub(crate) fn write(database: &Path) -> Result<History, Box<dyn Error>> {
    let mut store = Sqlite::serve(database)?;
    let now = Moment::now();
    let mut jobs = 0;
    let mut request = String::new();
    for day in 0..DAYS {
        let start = Moment(now.0 - (DAYS - day) * DAY);
        store.begin()?;
        for number in 0..TENANTS {
            for job in 0..JOBS {
                let at = Moment(start.0 + job * DAY / JOBS + i64::try_from(number)? * 1_000);
                // Of the last day, some are lost, and some not settled; older ones would be closed by
                // policy as soon as the gateway starts.
                let end = match job {
                    3 if day + 1 == DAYS => End::Lost,
                    4 if day + 1 == DAYS => End::Open,
                    _ => End::Settled,
                };
                let id = one_job(&mut store, number, at, end)?;
                request = format!("request-{id}");
                jobs += 1;
            }
        }
        store.commit()?;
    }
    store.begin()?;
    for number in 0..TENANTS {
        changes(&mut store, number, now)?;
    }
    store.commit()?;
    let lines = last_line(&mut store)?;
    let date = |back: i64| {
        let instant = jiff::Timestamp::from_millisecond(now.0 - back * DAY);
        instant.map(|instant| instant.to_zoned(jiff::tz::TimeZone::UTC).date())
    };
    let this_month = date(0)?.first_of_month();
    let month = this_month.yesterday()?.strftime("%Y-%m").to_string();
    let (first_day, last_day) = (date(DAYS)?.to_string(), date(0)?.to_string());
    let full_day = date(FULL)?.to_string();
    Ok(History { jobs, lines, request, first_day, last_day, full_day, month })
}

fn last_line(store: &mut dyn Store) -> Stored<u64> {
    let (mut last, most) = (0, 10_000);
    loop {
        let lines = store.journal(last, most)?;
        match lines.last() {
            Some(line) => last = line.number,
            None => return Ok(last),
        }
    }
}

/// One job of ten minutes, and what became of it.
fn one_job(store: &mut dyn Store, number: usize, at: Moment, end: End) -> Stored<Uuid> {
    let id = Uuid::now_v7();
    let path = Arc::from("/submit");
    let amount = AudioMillis(600_000);
    let limit = MinutesLimit::Monthly(AudioMillis::from_minutes(1_000_000));
    let opening = Opening {
        reservation: id,
        tenant: tenant(number).into(),
        label: Some(format!("Team {number}").into()),
        key: format!("{}-1", tenant(number)).into(),
        endpoint: Arc::clone(&path),
        request: format!("request-{id}").into(),
        creates: Some("transcription".into()),
        minutes: Some(amount),
        upload: false,
    };
    let reserve = Reserve {
        opening,
        at,
        tenant_calendar: Calendar::default(),
        account_calendar: Calendar::default(),
        charges: vec![
            Charge::Call { path, tenant: None, account: None },
            Charge::Minutes { amount, tenant: limit, account: limit },
        ],
    };
    ledger::reserve(store, &reserve)?.map_err(|denied| {
        heify_gateway::records::StoreError(format!("the bench was denied: {denied:?}"))
    })?;
    if end == End::Lost {
        ledger::lose(store, &id, at)?;
        return Ok(id);
    }
    ledger::bind(store, &id, &Uuid::now_v7(), Moment::now().later(NEVER), at)?;
    if end == End::Settled {
        let audio = (AudioMillis(431_234), AudioMillis(480_000));
        ledger::settle(store, &id, Some(audio), Why::Done, Moment(at.0 + 120_000))?;
    }
    Ok(id)
}

/// What operators did with a tenant: keys, a limit, and lines of the audit log.
fn changes(store: &mut dyn Store, number: usize, now: Moment) -> Stored<()> {
    let id: Arc<str> = tenant(number).into();
    for key in 0..KEYS_EACH {
        let name = format!("{id}-issued-{key}");
        let key = IssuedKey {
            key: name.as_str().into(),
            tenant: Arc::clone(&id),
            sha256: KeyDigest::of(name.as_bytes()).to_string().into(),
            note: "of the night shift".into(),
            created: Moment(now.0 - DAYS * DAY),
            expires: Some(now.later(NEVER)),
            revoked: None,
            successor: None,
        };
        ledger::issue(store, &key)?;
    }
    let limit = Override {
        tenant: Arc::clone(&id),
        limit: Limit::Total,
        value: LimitValue::Rate {
            per_minute: const { NonZeroU32::new(6_000).unwrap() },
            burst: const { NonZeroU32::new(100).unwrap() },
        },
        until: Some(now.later(NEVER)),
        note: "for the night".into(),
        made: now,
    };
    ledger::change_limit(store, &limit)?;
    for change in 0..CHANGES_EACH {
        let audited = Audited {
            who: "token:admin".into(),
            action: "minutes.grant".into(),
            tenant: Some(Arc::clone(&id)),
            subject: Arc::clone(&id),
            before: json!({ "granted_ms": 60_000 * change, "left_ms": 60_000 * change }),
            after: json!({ "granted_ms": 60_000 * (change + 1), "left_ms": 60_000 * (change + 1) }),
        };
        ledger::audit(store, audited, now)?;
    }
    Ok(())
}
