//! Branches that have an environment.

use std::collections::BTreeSet;

use jiff::Timestamp;
use launcher_model::branch::{Branch, label};
use launcher_model::event::NewEvent;
use launcher_model::{ServiceName, VersionNumber};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::events;
use super::fault::Fault;
use super::row::{maybe_time, time, to_json, word};
use super::write::Write;

const BRANCH: &str = "branch";

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
    service: &ServiceName,
) -> Result<Vec<Branch>, Fault> {
    let sql = "SELECT * FROM branches WHERE service = ? ORDER BY name";
    let rows = sqlx::query(sql).bind(service.as_str()).fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn all<'c>(executor: impl SqliteExecutor<'c>) -> Result<Vec<Branch>, Fault> {
    let sql = "SELECT * FROM branches ORDER BY service, name";
    let rows = sqlx::query(sql).fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Branch, Fault> {
    let current: Option<u32> = row.try_get("current")?;
    Ok(Branch {
        service: word(row, "service", BRANCH)?,
        name: row.try_get("name")?,
        label: row.try_get("label")?,
        current: current.map(VersionNumber),
        pushed_at: time(row, "pushed_at")?,
        looked_at: maybe_time(row, "looked_at")?,
    })
}

/// A version of a branch is launched. A branch that is new gets its label.
pub(super) async fn pushed(
    write: &mut Write,
    service: &ServiceName,
    branch: &str,
    taken: &[String],
    at: Timestamp,
) -> Result<(), Fault> {
    let known = list(write.connection()?, service).await?;
    let label = match known.iter().find(|one| one.name == branch) {
        Some(known) => known.label.clone(),
        None => label(branch, |label| {
            taken.iter().any(|taken| taken == label) || known.iter().any(|one| one.label == label)
        }),
    };
    let sql = "INSERT INTO branches (service, name, label, pushed_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (service, name) DO UPDATE SET pushed_at = ?4";
    sqlx::query(sql)
        .bind(service.as_str())
        .bind(branch)
        .bind(label)
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(super) async fn lead_to(
    write: &mut Write,
    service: &ServiceName,
    branch: &str,
    to: VersionNumber,
    new_events: &[NewEvent],
    at: Timestamp,
) -> Result<bool, Fault> {
    let sql = "UPDATE branches SET current = ?3
        WHERE service = ?1 AND name = ?2 AND (current IS NULL OR current < ?3)";
    let moved = sqlx::query(sql)
        .bind(service.as_str())
        .bind(branch)
        .bind(to.0)
        .execute(write.connection()?)
        .await?;
    let moved = moved.rows_affected() > 0;
    if moved {
        events::record(write, new_events, at).await?;
    }
    Ok(moved)
}

pub(super) async fn looked_at(
    write: &mut Write,
    service: &ServiceName,
    branch: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    let sql = "UPDATE branches SET looked_at = max(coalesce(looked_at, ?3), ?3)
        WHERE service = ?1 AND name = ?2";
    sqlx::query(sql)
        .bind(service.as_str())
        .bind(branch)
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(super) async fn forget(
    write: &mut Write,
    service: &ServiceName,
    branch: &str,
    gone: &[VersionNumber],
    new_events: &[NewEvent],
    at: Timestamp,
) -> Result<bool, Fault> {
    let sql = "DELETE FROM branches WHERE service = ? AND name = ?";
    let known =
        sqlx::query(sql).bind(service.as_str()).bind(branch).execute(write.connection()?).await?;
    if known.rows_affected() == 0 {
        return Ok(false);
    }
    let sql = "UPDATE environments SET branch = NULL, asleep = 0,
            wanted = CASE WHEN version IN (SELECT value FROM json_each(?3)) THEN 'gone' ELSE wanted END
        WHERE service = ?1 AND branch = ?2 AND state <> 'destroyed'";
    sqlx::query(sql)
        .bind(service.as_str())
        .bind(branch)
        .bind(to_json("version", &gone)?)
        .execute(write.connection()?)
        .await?;
    events::record(write, new_events, at).await?;
    Ok(true)
}

/// These versions are live now, and no longer their branches' alone.
pub(super) async fn leave(
    write: &mut Write,
    service: &ServiceName,
    live: &BTreeSet<VersionNumber>,
) -> Result<(), Fault> {
    let live = to_json("version", live)?;
    // One that was not its branch's newest yet may have become ready but a moment ago.
    let sql = "UPDATE branches SET current = max(coalesce(current, 0), (
            SELECT max(version) FROM environments
            WHERE service = branches.service AND branch = branches.name
                AND version IN (SELECT value FROM json_each(?2))
        ))
        WHERE service = ?1 AND name IN (
            SELECT branch FROM environments
            WHERE service = ?1 AND version IN (SELECT value FROM json_each(?2))
        )";
    sqlx::query(sql).bind(service.as_str()).bind(&live).execute(write.connection()?).await?;
    let sql = "UPDATE environments SET branch = NULL
        WHERE service = ? AND branch IS NOT NULL
            AND version IN (SELECT value FROM json_each(?))";
    sqlx::query(sql).bind(service.as_str()).bind(&live).execute(write.connection()?).await?;
    Ok(())
}

/// The branches of a service that is deleted.
pub(super) async fn forget_all(write: &mut Write, service: &ServiceName) -> Result<(), Fault> {
    let sql = "DELETE FROM branches WHERE service = ?";
    sqlx::query(sql).bind(service.as_str()).execute(write.connection()?).await?;
    Ok(())
}
