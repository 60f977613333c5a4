//! How are alerts kept in their table?

use rusqlite::{Connection, Result, Row, params};

use super::super::alert::{Alert, AlertOf, AlertState};
use super::super::words::{Meter, Moment, Payer};
use super::read::{all, limit, wrong};

const COLUMNS: &str =
    "SELECT webhook, payer, meter, period, threshold, state, found, tried, closed, body FROM alert";

pub(super) fn put(connection: &Connection, alert: &Alert) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO alert VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let of = &alert.of;
    connection.prepare_cached(sql)?.execute(params![
        &*of.webhook,
        of.payer.as_str(),
        of.meter.to_string(),
        of.period.0,
        of.threshold,
        alert.state.as_str(),
        alert.found.0,
        alert.tried,
        alert.closed.map(|closed| closed.0),
        &*alert.body,
    ])?;
    Ok(())
}

pub(super) fn latest(connection: &Connection, most: usize) -> Result<Vec<Alert>> {
    let sql = format!("{COLUMNS} ORDER BY found DESC, webhook, threshold DESC LIMIT ?1");
    all(connection, &sql, [limit(most)], to_alert)
}

pub(super) fn pending(connection: &Connection, webhook: &str, most: usize) -> Result<Vec<Alert>> {
    let sql = format!("{COLUMNS} WHERE state = 'pending' AND webhook = ?1 ORDER BY found LIMIT ?2");
    all(connection, &sql, params![webhook, limit(most)], to_alert)
}

pub(super) fn known(connection: &Connection, of: &AlertOf) -> Result<Vec<u32>> {
    let sql = "SELECT threshold FROM alert WHERE webhook = ?1 AND payer = ?2 AND meter = ?3 \
               AND period = ?4";
    let of = params![&*of.webhook, of.payer.as_str(), of.meter.to_string(), of.period.0];
    all(connection, sql, of, |row| row.get(0))
}

fn to_alert(row: &Row<'_>) -> Result<Alert> {
    let state: String = row.get(5)?;
    let unknown = || wrong(5, format!("no alert is {state:?}"));
    Ok(Alert {
        of: AlertOf {
            webhook: row.get(0)?,
            payer: Payer::from(row.get::<_, std::sync::Arc<str>>(1)?),
            meter: Meter::try_from(row.get::<_, String>(2)?).map_err(|error| wrong(2, error))?,
            period: Moment(row.get(3)?),
            threshold: row.get(4)?,
        },
        state: AlertState::parse(&state).ok_or_else(unknown)?,
        found: Moment(row.get(6)?),
        tried: row.get(7)?,
        closed: row.get::<_, Option<i64>>(8)?.map(Moment),
        body: row.get(9)?,
    })
}
