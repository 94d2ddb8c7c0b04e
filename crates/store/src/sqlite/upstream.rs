//! Deliveries of code hosts, and what they were told.

use jiff::{SignedDuration, Timestamp};
use launcher_model::build::{BuildState, Origin};
use launcher_model::{BuildId, ServiceName};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::builds;
use super::fault::Fault;
use super::row::maybe_word;
use super::write::Write;
use crate::{NewBuild, Queued, Unreported};

/// A delivery is remembered for so long: longer than any host keeps one to send it again.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);

pub(super) async fn queue(
    write: &mut Write,
    new: NewBuild,
    delivery: &str,
    job: Option<&str>,
    at: Timestamp,
) -> Result<Option<Queued>, Fault> {
    if !remember(write, &new.service, delivery, at).await? {
        return Ok(None);
    }
    let queued = builds::queue(write, new, at).await?;
    if let Some(job) = job {
        set_job(write, queued.build.id, job).await?;
    }
    Ok(Some(queued))
}

pub(super) async fn remember(
    write: &mut Write,
    service: &ServiceName,
    delivery: &str,
    at: Timestamp,
) -> Result<bool, Fault> {
    let oldest = at.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    let sql = "DELETE FROM deliveries WHERE came_at < ?";
    sqlx::query(sql).bind(oldest.as_microsecond()).execute(write.connection()?).await?;
    let sql = "INSERT INTO deliveries (service, delivery, came_at) VALUES (?, ?, ?)
        ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(sql)
        .bind(service.as_str())
        .bind(delivery)
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    Ok(inserted.rows_affected() > 0)
}

/// What a code host asked for, it is told of.
pub(super) async fn report(write: &mut Write, id: BuildId, origin: Origin) -> Result<(), Fault> {
    if origin != Origin::Hook {
        return Ok(());
    }
    let sql = "INSERT INTO build_reports (build) VALUES (?)";
    sqlx::query(sql).bind(id.0).execute(write.connection()?).await?;
    Ok(())
}

pub(super) async fn unreported<'c>(
    executor: impl SqliteExecutor<'c>,
) -> Result<Vec<Unreported>, Fault> {
    let rows =
        sqlx::query("SELECT * FROM build_reports ORDER BY build").fetch_all(executor).await?;
    let read = |row: &SqliteRow| {
        let told = maybe_word(row, "told", "report")?;
        Ok(Unreported { build: BuildId(row.try_get("build")?), told })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn reported(
    write: &mut Write,
    id: BuildId,
    told: BuildState,
) -> Result<(), Fault> {
    if told.is_over() {
        return leave(write, id).await;
    }
    let sql = "UPDATE build_reports SET told = ? WHERE build = ?";
    sqlx::query(sql).bind(told.as_str()).bind(id.0).execute(write.connection()?).await?;
    Ok(())
}

pub(super) async fn leave(write: &mut Write, id: BuildId) -> Result<(), Fault> {
    let sql = "DELETE FROM build_reports WHERE build = ?";
    sqlx::query(sql).bind(id.0).execute(write.connection()?).await?;
    Ok(())
}

pub(super) async fn job<'c>(
    executor: impl SqliteExecutor<'c>,
    id: BuildId,
) -> Result<Option<String>, Fault> {
    let query = sqlx::query_scalar("SELECT place FROM build_jobs WHERE build = ?").bind(id.0);
    Ok(query.fetch_optional(executor).await?)
}

pub(super) async fn set_job(write: &mut Write, id: BuildId, place: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO build_jobs (build, place) VALUES (?1, ?2)
        ON CONFLICT DO UPDATE SET place = ?2";
    sqlx::query(sql).bind(id.0).bind(place).execute(write.connection()?).await?;
    Ok(())
}
