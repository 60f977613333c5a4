//! How are records found again in the tables?
//!
//! A value that nobody can have written is an error, and never a default.

use std::error::Error as Cause;
use std::sync::Arc;

use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Params, Result, Row, params};
use uuid::Uuid;

use super::super::entry::{IssuedKey, Opening, Why};
use super::super::memory::Memory;
use super::super::state::{Object, Reservation, State};
use super::super::store::{Line, Total, Unclosed};
use super::super::words::{AudioMillis, Balance, Meter, Moment, Payer, Period};
use super::changes;

const RESERVATION: &str = "SELECT id, opened, state, tenant, label, key, endpoint, request, creates, \
                           minutes, upload, object, holds, length, billed, closed, why \
                           FROM reservation";
const OBJECT: &str = "SELECT id, kind, holder, reservation FROM object";
const KEY: &str =
    "SELECT id, tenant, sha256, note, created, expires, revoked, successor FROM issued_key";
const BALANCE: &str = "SELECT payer, meter, period, granted, used, held FROM balance";
const PERIOD: &str = "SELECT payer, start, \"end\" FROM period";

pub(super) fn periods(connection: &Connection, payer: &Payer) -> Result<Vec<Period>> {
    let sql = format!("{PERIOD} WHERE payer = ?1 ORDER BY number");
    let rows = all(connection, &sql, [payer.as_str()], to_period)?;
    Ok(rows.into_iter().map(|(_, period)| period).collect())
}

pub(super) fn posted(
    connection: &Connection,
    payer: &Payer,
    meter: &Meter,
    period: Moment,
) -> Result<Option<Balance>> {
    let sql = format!("{BALANCE} WHERE payer = ?1 AND meter = ?2 AND period = ?3");
    let values = params![payer.as_str(), meter.to_string(), period.0];
    let found = one(connection, &sql, values, to_balance)?;
    Ok(found.map(|(_, balance)| balance))
}

pub(super) fn balances(
    connection: &Connection,
    payer: &Payer,
) -> Result<Vec<(Meter, Moment, Balance)>> {
    let sql = format!("{BALANCE} WHERE payer = ?1");
    let rows = all(connection, &sql, [payer.as_str()], to_balance)?;
    let place = |((_, meter, period), balance)| (meter, period, balance);
    let mut found: Vec<_> = rows.into_iter().map(place).collect();
    // The order of the meters, and not that of their names.
    found.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    Ok(found)
}

pub(super) fn balances_in(
    connection: &Connection,
    payer: &Payer,
    period: Moment,
) -> Result<Vec<(Meter, Balance)>> {
    let sql = format!("{BALANCE} WHERE payer = ?1 AND period IN (0, ?2)");
    let rows = all(connection, &sql, params![payer.as_str(), period.0], to_balance)?;
    let mut found: Vec<_> =
        rows.into_iter().map(|((_, meter, _), balance)| (meter, balance)).collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

/// From the index alone.
pub(super) fn unclosed(connection: &Connection, deadline: Moment) -> Result<Vec<Unclosed>> {
    let sql = "SELECT count(*), min(opened), coalesce(sum(opened < ?2), 0) FROM reservation \
               WHERE state = ?1";
    let mut found = Vec::new();
    for state in [State::Open, State::Lost, State::Bound] {
        let row = |row: &Row<'_>| {
            let oldest = row.get::<_, Option<i64>>(1)?.map(Moment);
            Ok((to_number(row, 0)?, oldest, to_number(row, 2)?))
        };
        let of = (state.as_str(), deadline.0);
        let (count, oldest, overdue) = connection.prepare_cached(sql)?.query_row(of, row)?;
        found.extend(oldest.map(|oldest| Unclosed { state, count, oldest, overdue }));
    }
    Ok(found)
}

pub(super) fn reservation(connection: &Connection, id: &Uuid) -> Result<Option<Reservation>> {
    one(connection, &format!("{RESERVATION} WHERE id = ?1"), [id.to_string()], to_reservation)
}

pub(super) fn in_state(
    connection: &Connection,
    state: State,
    most: usize,
) -> Result<Vec<Reservation>> {
    let sql = format!("{RESERVATION} WHERE state = ?1 ORDER BY opened, id LIMIT ?2");
    all(connection, &sql, params![state.as_str(), limit(most)], to_reservation)
}

pub(super) fn requested(
    connection: &Connection,
    request: &str,
    most: usize,
) -> Result<Vec<Reservation>> {
    let sql = format!("{RESERVATION} WHERE request = ?1 ORDER BY opened DESC, id DESC LIMIT ?2");
    all(connection, &sql, params![request, limit(most)], to_reservation)
}

pub(super) fn opened(
    connection: &Connection,
    from: Moment,
    to: Moment,
) -> Result<Vec<Reservation>> {
    let sql = format!("{RESERVATION} WHERE opened >= ?1 AND opened < ?2 ORDER BY opened, id");
    all(connection, &sql, [from.0, to.0], to_reservation)
}

pub(super) fn opened_by(
    connection: &Connection,
    tenant: &str,
    from: Moment,
    to: Moment,
) -> Result<Vec<Reservation>> {
    let sql = format!(
        "{RESERVATION} WHERE tenant = ?1 AND opened >= ?2 AND opened < ?3 ORDER BY opened, id"
    );
    all(connection, &sql, (tenant, from.0, to.0), to_reservation)
}

pub(super) fn spent(
    connection: &Connection,
    tenant: &str,
    from: Moment,
    to: Moment,
) -> Result<AudioMillis> {
    let sql = "SELECT coalesce(sum(billed), 0) FROM reservation \
               WHERE tenant = ?1 AND opened >= ?2 AND opened < ?3";
    connection
        .prepare_cached(sql)?
        .query_row((tenant, from.0, to.0), |row| Ok(AudioMillis(row.get(0)?)))
}

pub(super) fn totals(connection: &Connection, from: Moment, to: Moment) -> Result<Vec<Total>> {
    let sql = "SELECT tenant, count(*), sum(state IN ('open', 'lost', 'bound')), \
               coalesce(sum(length), 0), coalesce(sum(billed), 0) FROM reservation \
               WHERE opened >= ?1 AND opened < ?2 AND minutes IS NOT NULL \
               GROUP BY tenant ORDER BY tenant";
    let row = |row: &Row<'_>| {
        Ok(Total {
            tenant: row.get(0)?,
            jobs: to_number(row, 1)?,
            open: to_number(row, 2)?,
            length: AudioMillis(row.get(3)?),
            billed: AudioMillis(row.get(4)?),
        })
    };
    all(connection, sql, [from.0, to.0], row)
}

pub(super) fn due(
    connection: &Connection,
    now: Moment,
    most: usize,
) -> Result<Vec<(Reservation, u32)>> {
    let sql = "SELECT id, opened, state, tenant, label, key, endpoint, request, creates, minutes, \
               upload, object, holds, length, billed, closed, why, asked \
               FROM agenda JOIN reservation ON reservation.id = agenda.reservation \
               WHERE ask_at <= ?1 ORDER BY ask_at, id LIMIT ?2";
    let row = |row: &Row<'_>| Ok((to_reservation(row)?, row.get(17)?));
    all(connection, sql, [now.0, limit(most)], row)
}

pub(super) fn object(connection: &Connection, id: &Uuid) -> Result<Option<Object>> {
    let sql = format!("{OBJECT} WHERE id = ?1");
    Ok(one(connection, &sql, [id.to_string()], to_object)?.map(|(_, object)| object))
}

pub(super) fn objects(connection: &Connection, kind: &str) -> Result<Vec<(Uuid, Object)>> {
    all(connection, &format!("{OBJECT} WHERE kind = ?1 ORDER BY id"), [kind], to_object)
}

pub(super) fn key(connection: &Connection, id: &str) -> Result<Option<IssuedKey>> {
    one(connection, &format!("{KEY} WHERE id = ?1"), [id], to_key)
}

pub(super) fn keys(connection: &Connection) -> Result<Vec<IssuedKey>> {
    all(connection, &format!("{KEY} ORDER BY created, id"), [], to_key)
}

pub(super) fn journal(connection: &Connection, after: u64, most: usize) -> Result<Vec<Line>> {
    let sql =
        "SELECT number, at, entry, hash FROM journal WHERE number > ?1 ORDER BY number LIMIT ?2";
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let line = |row: &Row<'_>| {
        let at = Moment(row.get(1)?);
        Ok(Line { number: to_number(row, 0)?, at, entry: row.get(2)?, hash: row.get(3)? })
    };
    all(connection, sql, [after, limit(most)], line)
}

pub(super) fn foreign_changes(connection: &Connection) -> Result<u64> {
    let sql = "SELECT changes FROM foreign_changes";
    connection.prepare_cached(sql)?.query_row([], |row| to_number(row, 0))
}

/// All that follows from the journal; the caller has a transaction where others write.
pub(super) fn contents(connection: &Connection) -> Result<Memory> {
    let mut memory = books(connection)?;
    let reservations = all(connection, RESERVATION, [], to_reservation)?;
    memory.reservations.extend(reservations.into_iter().map(|one| (one.opening.reservation, one)));
    memory.objects.extend(all(connection, OBJECT, [], to_object)?);
    Ok(memory)
}

pub(super) fn counts(connection: &Connection) -> Result<(u64, u64)> {
    let sql = "SELECT (SELECT count(*) FROM reservation), (SELECT count(*) FROM object)";
    connection.query_row(sql, [], |row| Ok((to_number(row, 0)?, to_number(row, 1)?)))
}

/// The same without reservations and objects.
pub(super) fn books(connection: &Connection) -> Result<Memory> {
    let mut memory = Memory::default();
    memory.balances.extend(all(connection, BALANCE, [], to_balance)?);
    let sql = format!("{PERIOD} ORDER BY number");
    for (payer, period) in all(connection, &sql, [], to_period)? {
        memory.periods.entry(payer).or_default().push(period);
    }
    let keys = all(connection, KEY, [], to_key)?;
    memory.keys.extend(keys.into_iter().map(|key| (key.key.clone(), key)));
    for change in changes::overrides(connection)? {
        memory.overrides.insert((change.tenant.clone(), change.limit.clone()), change);
    }
    memory.audit = changes::audit(connection, None, usize::MAX)?;
    memory.audit.reverse();
    Ok(memory)
}

pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    row: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(values, row)?.collect()
}

pub(super) fn one<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    row: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    connection.prepare_cached(sql)?.query_row(values, row).optional()
}

pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

fn to_period(row: &Row<'_>) -> Result<(Payer, Period)> {
    let payer = Payer::from(row.get::<_, Arc<str>>(0)?);
    Ok((payer, Period { start: Moment(row.get(1)?), end: Moment(row.get(2)?) }))
}

fn to_balance(row: &Row<'_>) -> Result<((Payer, Meter, Moment), Balance)> {
    let payer = Payer::from(row.get::<_, Arc<str>>(0)?);
    let meter = Meter::try_from(row.get::<_, String>(1)?).map_err(|error| wrong(1, error))?;
    let balance = Balance { granted: row.get(3)?, used: row.get(4)?, held: row.get(5)? };
    Ok(((payer, meter, Moment(row.get(2)?)), balance))
}

fn to_reservation(row: &Row<'_>) -> Result<Reservation> {
    let audio = |column| row.get::<_, Option<i64>>(column).map(|millis| millis.map(AudioMillis));
    let opening = Opening {
        reservation: to_id(row, 0)?,
        tenant: row.get(3)?,
        label: row.get(4)?,
        key: row.get(5)?,
        endpoint: row.get(6)?,
        request: row.get(7)?,
        creates: row.get(8)?,
        minutes: audio(9)?,
        upload: row.get(10)?,
    };
    let state: String = row.get(2)?;
    let why: Option<String> = row.get(16)?;
    let unknown = |column, word: &str| wrong(column, format!("nothing is called {word:?}"));
    Ok(Reservation {
        opening,
        opened: Moment(row.get(1)?),
        state: State::parse(&state).ok_or_else(|| unknown(2, &state))?,
        object: to_optional_id(row, 11)?,
        holds: to_json(row, 12)?,
        length: audio(13)?,
        billed: audio(14)?,
        closed: row.get::<_, Option<i64>>(15)?.map(Moment),
        why: match why {
            Some(why) => Some(Why::parse(&why).ok_or_else(|| unknown(16, &why))?),
            None => None,
        },
    })
}

fn to_object(row: &Row<'_>) -> Result<(Uuid, Object)> {
    let (kind, holder) = (row.get(1)?, to_json(row, 2)?);
    Ok((to_id(row, 0)?, Object { kind, holder, reservation: to_optional_id(row, 3)? }))
}

fn to_key(row: &Row<'_>) -> Result<IssuedKey> {
    Ok(IssuedKey {
        key: row.get(0)?,
        tenant: row.get(1)?,
        sha256: row.get(2)?,
        note: row.get(3)?,
        created: Moment(row.get(4)?),
        expires: row.get::<_, Option<i64>>(5)?.map(Moment),
        revoked: row.get::<_, Option<i64>>(6)?.map(Moment),
        successor: row.get(7)?,
    })
}

pub(super) fn to_number(row: &Row<'_>, column: usize) -> Result<u64> {
    let number = row.get::<_, i64>(column)?;
    u64::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(column, number))
}

pub(super) fn to_id(row: &Row<'_>, column: usize) -> Result<Uuid> {
    parse_id(column, row.get_ref(column)?.as_str()?)
}

fn to_optional_id(row: &Row<'_>, column: usize) -> Result<Option<Uuid>> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(text) => parse_id(column, text).map(Some),
        None => Ok(None),
    }
}

fn parse_id(column: usize, text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|error| wrong(column, error))
}

pub(super) fn to_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| wrong(column, error))
}

pub(super) fn wrong(column: usize, cause: impl Into<Box<dyn Cause + Send + Sync>>) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, cause.into())
}
