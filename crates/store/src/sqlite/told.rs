//! How far targets of notifications were told.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::fault::Fault;
use super::row::{corrupt, maybe_time};
use super::write::Write;
use crate::Told;

pub(super) async fn begin(write: &mut Write, targets: &[String]) -> Result<Vec<Told>, Fault> {
    for known in list(write.connection()?).await? {
        if !targets.contains(&known.target) {
            let sql = "DELETE FROM told WHERE target = ?";
            sqlx::query(sql).bind(&known.target).execute(write.connection()?).await?;
        }
    }
    let mut told = Vec::with_capacity(targets.len());
    for target in targets {
        let sql = "INSERT INTO told (target, up_to)
            VALUES (?, (SELECT COALESCE(MAX(id), 0) FROM events)) ON CONFLICT DO NOTHING";
        sqlx::query(sql).bind(target).execute(write.connection()?).await?;
        let sql = "SELECT * FROM told WHERE target = ?";
        let row = sqlx::query(sql).bind(target).fetch_one(write.connection()?).await?;
        told.push(from_row(&row)?);
    }
    Ok(told)
}

pub(super) async fn up_to(write: &mut Write, target: &str, event: i64) -> Result<(), Fault> {
    let sql = "UPDATE told SET up_to = MAX(up_to, ?), attempts = 0, failing_since = NULL,
        last_error = NULL WHERE target = ?";
    sqlx::query(sql).bind(event).bind(target).execute(write.connection()?).await?;
    Ok(())
}

pub(super) async fn failed(
    write: &mut Write,
    target: &str,
    why: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    let sql = "UPDATE told SET attempts = attempts + 1, last_error = ?,
        failing_since = COALESCE(failing_since, ?) WHERE target = ?";
    sqlx::query(sql)
        .bind(why)
        .bind(at.as_microsecond())
        .bind(target)
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(super) async fn given_up(
    write: &mut Write,
    target: &str,
    event: i64,
    events: u64,
    why: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    let sql = "UPDATE told SET up_to = MAX(up_to, ?), given_up = given_up + ?, attempts = 0,
        last_error = ?, failing_since = COALESCE(failing_since, ?) WHERE target = ?";
    sqlx::query(sql)
        .bind(event)
        .bind(i64::try_from(events).unwrap_or(i64::MAX))
        .bind(why)
        .bind(at.as_microsecond())
        .bind(target)
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(super) async fn list<'c>(executor: impl SqliteExecutor<'c>) -> Result<Vec<Told>, Fault> {
    let rows = sqlx::query("SELECT * FROM told ORDER BY target").fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Told, Fault> {
    let given_up: i64 = row.try_get("given_up")?;
    Ok(Told {
        target: row.try_get("target")?,
        up_to: row.try_get("up_to")?,
        attempts: row.try_get("attempts")?,
        failing_since: maybe_time(row, "failing_since")?,
        last_error: row.try_get("last_error")?,
        given_up: u64::try_from(given_up).map_err(|error| corrupt("count", &error))?,
    })
}
