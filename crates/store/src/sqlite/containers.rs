//! Containers, as they were last observed.

use jiff::Timestamp;
use launcher_model::container::Container;
use launcher_model::{ServiceName, VersionNumber};
use sqlx::SqliteExecutor;
use sqlx::sqlite::SqliteRow;

use super::fault::Fault;
use super::row::{json, maybe_time, time, to_json};
use super::write::Write;
use crate::RecordedContainer;

const CONTAINER: &str = "container";

/// So many ended containers of a version are remembered: one that dies again and again must not fill
/// the disk.
const ENDED_KEPT: u32 = 50;

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
    service: Option<&ServiceName>,
) -> Result<Vec<RecordedContainer>, Fault> {
    let sql = match service {
        None => "SELECT * FROM containers ORDER BY service, version, number",
        Some(_) => "SELECT * FROM containers WHERE service = ? ORDER BY version, number",
    };
    let query = sqlx::query(sql);
    let query = match service {
        None => query,
        Some(service) => query.bind(service.as_str()),
    };
    let rows = query.fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

/// Those of one version that have not ended.
pub(super) async fn present<'c>(
    executor: impl SqliteExecutor<'c>,
    service: &ServiceName,
    version: VersionNumber,
) -> Result<Vec<Container>, Fault> {
    let sql = "SELECT container FROM containers
        WHERE service = ? AND version = ? AND ended_at IS NULL";
    let rows = sqlx::query(sql).bind(service.as_str()).bind(version.0).fetch_all(executor).await?;
    rows.iter().map(|row| json(row, "container", CONTAINER)).collect()
}

fn from_row(row: &SqliteRow) -> Result<RecordedContainer, Fault> {
    Ok(RecordedContainer {
        container: json(row, "container", CONTAINER)?,
        recorded_at: time(row, "recorded_at")?,
        ended_at: maybe_time(row, "ended_at")?,
    })
}

/// Whether these say something that is not recorded yet.
pub(super) fn differ(present: &[Container], observed: &[Container]) -> bool {
    present.len() != observed.len() || observed.iter().any(|one| !present.contains(one))
}

pub(super) async fn record(
    write: &mut Write,
    service: &ServiceName,
    version: VersionNumber,
    observed: &[Container],
    at: Timestamp,
) -> Result<(), Fault> {
    let present = present(write.connection()?, service, version).await?;
    for container in observed.iter().filter(|container| !present.contains(container)) {
        upsert(write, container, at).await?;
    }
    let mut ended = false;
    for container in present.iter().filter(|known| !observed.iter().any(|one| one.id == known.id)) {
        end(write, container, at).await?;
        ended = true;
    }
    if ended {
        forget_old(write, service, version).await?;
    }
    Ok(())
}

async fn upsert(write: &mut Write, container: &Container, at: Timestamp) -> Result<(), Fault> {
    let sql = "INSERT INTO containers (id, service, version, host, address, container, recorded_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT DO UPDATE SET service = ?2, version = ?3, host = ?4, address = ?5, container = ?6,
            recorded_at = ?7, ended_at = NULL";
    sqlx::query(sql)
        .bind(container.id.as_str())
        .bind(container.service.as_str())
        .bind(container.version.0)
        .bind(container.host.as_str())
        .bind(container.address.map(|address| address.to_string()))
        .bind(to_json(CONTAINER, container)?)
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

async fn end(write: &mut Write, container: &Container, at: Timestamp) -> Result<(), Fault> {
    let sql = "UPDATE containers SET ended_at = ? WHERE id = ?";
    sqlx::query(sql)
        .bind(at.as_microsecond())
        .bind(container.id.as_str())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

async fn forget_old(
    write: &mut Write,
    service: &ServiceName,
    version: VersionNumber,
) -> Result<(), Fault> {
    let sql = "DELETE FROM containers WHERE number IN (
        SELECT number FROM containers WHERE service = ? AND version = ? AND ended_at IS NOT NULL
        ORDER BY number DESC LIMIT -1 OFFSET ?)";
    sqlx::query(sql)
        .bind(service.as_str())
        .bind(version.0)
        .bind(ENDED_KEPT)
        .execute(write.connection()?)
        .await?;
    Ok(())
}
