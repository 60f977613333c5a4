//! How are uploads kept in their table?

use rusqlite::{Connection, Result, Row, params};

use super::super::upload::{Upload, UploadState};
use super::super::words::Moment;
use super::read::{all, limit, one, to_id, wrong};
use crate::key::KeyDigest;

const COLUMNS: &str = "SELECT token, tenant, reservation, expires, address, state FROM upload";

pub(super) fn put(connection: &Connection, upload: &Upload) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO upload VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute(params![
        upload.token.to_string(),
        &*upload.tenant,
        upload.reservation.to_string(),
        upload.expires.0,
        &*upload.address,
        upload.state.as_str(),
    ])?;
    Ok(())
}

pub(super) fn find(connection: &Connection, token: &KeyDigest) -> Result<Option<Upload>> {
    one(connection, &format!("{COLUMNS} WHERE token = ?1"), [token.to_string()], to_upload)
}

pub(super) fn expiring(
    connection: &Connection,
    before: Moment,
    state: Option<UploadState>,
    most: usize,
) -> Result<Vec<Upload>> {
    let sql = format!(
        "{COLUMNS} WHERE expires < ?1 AND (?2 IS NULL OR state = ?2) ORDER BY expires LIMIT ?3"
    );
    let values = params![before.0, state.map(UploadState::as_str), limit(most)];
    all(connection, &sql, values, to_upload)
}

pub(super) fn remove(connection: &Connection, token: &KeyDigest) -> Result<()> {
    let sql = "DELETE FROM upload WHERE token = ?1";
    connection.prepare_cached(sql)?.execute([token.to_string()])?;
    Ok(())
}

fn to_upload(row: &Row<'_>) -> Result<Upload> {
    let (token, state): (String, String) = (row.get(0)?, row.get(5)?);
    Ok(Upload {
        token: KeyDigest::from_hex(&token).ok_or_else(|| wrong(0, "no SHA-256".to_owned()))?,
        tenant: row.get(1)?,
        reservation: to_id(row, 2)?,
        expires: Moment(row.get(3)?),
        address: row.get::<_, Vec<u8>>(4)?.into(),
        state: UploadState::parse(&state)
            .ok_or_else(|| wrong(5, format!("no upload is {state:?}")))?,
    })
}
