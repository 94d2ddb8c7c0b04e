//! Secrets: sealed values, counted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::secret::{SecretName, SecretVersion};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::events;
use super::fault::Fault;
use super::row::{time, to_json, word};
use super::write::Write;
use crate::SecretRecord;

const SECRET: &str = "secret";

pub(super) async fn set(
    write: &mut Write,
    name: &SecretName,
    sealed: &[u8],
    by: &str,
    at: Timestamp,
) -> Result<SecretVersion, Fault> {
    let sql = "INSERT INTO secrets (name, newest) VALUES (?, 1)
        ON CONFLICT DO UPDATE SET newest = newest + 1, unset_at = NULL RETURNING newest";
    let number: u32 =
        sqlx::query_scalar(sql).bind(name.as_str()).fetch_one(write.connection()?).await?;
    let sql = "INSERT INTO secret_values (name, number, sealed, set_at, set_by)
        VALUES (?, ?, ?, ?, ?)";
    sqlx::query(sql)
        .bind(name.as_str())
        .bind(number)
        .bind(sealed)
        .bind(at.as_microsecond())
        .bind(by)
        .execute(write.connection()?)
        .await?;
    let event = NewEvent::new(EventKind::SecretSet, format!("the secret {name} was set"));
    events::record_one(write, event.by(by), at).await?;
    Ok(SecretVersion { name: name.clone(), number })
}

pub(super) async fn unset(
    write: &mut Write,
    name: &SecretName,
    by: &str,
    at: Timestamp,
) -> Result<bool, Fault> {
    let sql = "UPDATE secrets SET unset_at = ? WHERE name = ? AND unset_at IS NULL";
    let unset = sqlx::query(sql)
        .bind(at.as_microsecond())
        .bind(name.as_str())
        .execute(write.connection()?)
        .await?;
    if unset.rows_affected() == 0 {
        return Ok(false);
    }
    let event = NewEvent::new(EventKind::SecretUnset, format!("the secret {name} was unset"));
    events::record_one(write, event.by(by), at).await?;
    Ok(true)
}

pub(super) async fn sealed<'c>(
    executor: impl SqliteExecutor<'c>,
    version: &SecretVersion,
) -> Result<Option<Vec<u8>>, Fault> {
    let sql = "SELECT sealed FROM secret_values WHERE name = ? AND number = ?";
    let sealed = sqlx::query_scalar(sql)
        .bind(version.name.as_str())
        .bind(version.number)
        .fetch_optional(executor)
        .await?;
    Ok(sealed)
}

pub(super) async fn newest<'c>(
    executor: impl SqliteExecutor<'c>,
    names: &[SecretName],
) -> Result<BTreeMap<SecretName, SecretVersion>, Fault> {
    let sql = "SELECT name, newest AS number FROM secrets
        WHERE unset_at IS NULL AND name IN (SELECT value FROM json_each(?))";
    let rows = sqlx::query(sql).bind(to_json(SECRET, &names)?).fetch_all(executor).await?;
    rows.iter()
        .map(|row| version_from_row(row).map(|version| (version.name.clone(), version)))
        .collect()
}

pub(super) async fn any<'c>(executor: impl SqliteExecutor<'c>) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM secret_values)
        OR EXISTS (SELECT 1 FROM acme_accounts) OR EXISTS (SELECT 1 FROM certificates)";
    Ok(sqlx::query_scalar(sql).fetch_one(executor).await?)
}

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
) -> Result<Vec<SecretRecord>, Fault> {
    let sql = "SELECT secret_values.* FROM secrets
        JOIN secret_values ON secret_values.name = secrets.name AND number = newest
        WHERE unset_at IS NULL ORDER BY secrets.name";
    let rows = sqlx::query(sql).fetch_all(executor).await?;
    let record = |row: &SqliteRow| {
        Ok(SecretRecord {
            newest: version_from_row(row)?,
            set_at: time(row, "set_at")?,
            set_by: row.try_get("set_by")?,
        })
    };
    rows.iter().map(record).collect()
}

fn version_from_row(row: &SqliteRow) -> Result<SecretVersion, Fault> {
    Ok(SecretVersion { name: word(row, "name", SECRET)?, number: row.try_get("number")? })
}
