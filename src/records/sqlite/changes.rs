//! How are changed limits, and who changed them, kept in the tables?

use std::sync::Arc;

use rusqlite::{Connection, Result, Row, params};

use super::super::change::{Audited, Limit, Override};
use super::super::store::Audit;
use super::super::words::Moment;
use super::read::{all, limit, to_json, to_number, wrong};
use super::write::json;

pub(super) fn overrides(connection: &Connection) -> Result<Vec<Override>> {
    let sql = "SELECT tenant, name, value, until, note, made FROM changed_limit";
    let row = |row: &Row<'_>| {
        let name: String = row.get(1)?;
        Ok(Override {
            tenant: row.get(0)?,
            limit: Limit::try_from(name).map_err(|error| wrong(1, error))?,
            value: to_json(row, 2)?,
            until: row.get::<_, Option<i64>>(3)?.map(Moment),
            note: row.get(4)?,
            made: Moment(row.get(5)?),
        })
    };
    let mut found = all(connection, sql, [], row)?;
    // The order of the limits, and not that of their names.
    found.sort_by(|one, other| (&one.tenant, &one.limit).cmp(&(&other.tenant, &other.limit)));
    Ok(found)
}

pub(super) fn put_override(connection: &Connection, change: &Override) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO changed_limit VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute(params![
        &*change.tenant,
        change.limit.to_string(),
        json(&change.value)?,
        change.until.map(|until| until.0),
        &*change.note,
        change.made.0,
    ])?;
    Ok(())
}

pub(super) fn remove_override(connection: &Connection, tenant: &str, limit: &Limit) -> Result<()> {
    let sql = "DELETE FROM changed_limit WHERE tenant = ?1 AND name = ?2";
    connection.prepare_cached(sql)?.execute(params![tenant, limit.to_string()])?;
    Ok(())
}

pub(super) fn audit(
    connection: &Connection,
    before: Option<u64>,
    most: usize,
) -> Result<Vec<Audit>> {
    let sql = "SELECT number, at, who, action, tenant, subject, before, after FROM audit \
               WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let row = |row: &Row<'_>| {
        let audited = Audited {
            who: row.get(2)?,
            action: row.get(3)?,
            tenant: row.get::<_, Option<Arc<str>>>(4)?,
            subject: row.get(5)?,
            before: to_json(row, 6)?,
            after: to_json(row, 7)?,
        };
        Ok(Audit { number: to_number(row, 0)?, at: Moment(row.get(1)?), audited })
    };
    all(connection, sql, [before, limit(most)], row)
}

pub(super) fn add_audited(connection: &Connection, at: Moment, audited: &Audited) -> Result<()> {
    let sql = "INSERT INTO audit (at, who, action, tenant, subject, before, after) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    connection.prepare_cached(sql)?.execute(params![
        at.0,
        &*audited.who,
        &*audited.action,
        audited.tenant.as_deref(),
        &*audited.subject,
        json(&audited.before)?,
        json(&audited.after)?,
    ])?;
    Ok(())
}
