//! Services that are closed to their users.

use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::event::{EventKind, NewEvent};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::fault::Fault;
use super::row::maybe_time;
use super::write::Write;
use super::{events, services};
use crate::{Error, Maintenance, MaintenanceRecord, MaintenanceWish};

/// What all pages that are shown may have together, in bytes: a part of the longest message that an edge
/// takes, in which it is given them when it connects.
const LONGEST_PAGES: u64 = 16 << 20;

pub(super) async fn of<'c>(
    executor: impl SqliteExecutor<'c>,
    service: &ServiceName,
) -> Result<MaintenanceRecord, Fault> {
    let sql = "SELECT * FROM maintenance WHERE service = ?";
    let row = sqlx::query(sql).bind(service.as_str()).fetch_optional(executor).await?;
    let Some(row) = row else { return Ok(MaintenanceRecord::default()) };
    Ok(MaintenanceRecord { on: from_row(&row)?, page: row.try_get("page")? })
}

/// Reads it from a row that may have none.
pub(super) fn from_row(row: &SqliteRow) -> Result<Option<Maintenance>, Fault> {
    let Some(since) = maybe_time(row, "since")? else { return Ok(None) };
    let by = row.try_get("begun_by")?;
    let (note, retry_after_s) = (row.try_get("note")?, row.try_get("retry_after")?);
    Ok(Some(Maintenance { since, by, note, retry_after_s }))
}

pub(super) async fn begin(
    write: &mut Write,
    service: &ServiceName,
    wish: &MaintenanceWish,
    by: &str,
    at: Timestamp,
) -> Result<bool, Fault> {
    services::must_stay(write, service).await?;
    let before = of(write.connection()?, service).await?;
    let MaintenanceWish { page, retry_after_s, note } = wish.clone();
    let page = page.unwrap_or_else(|| before.page.clone());
    let (since, begun_by) = match &before.on {
        Some(on) => (on.since, on.by.clone()),
        None => (at, by.to_owned()),
    };
    let on = Maintenance { since, by: begun_by, note, retry_after_s };
    let verb =
        if before.on.is_some() { "changed the maintenance" } else { "turned maintenance on" };
    let after = MaintenanceRecord { on: Some(on), page };
    if after == before {
        return Ok(false);
    }
    put(write, service, &after).await?;
    must_be_short(write).await?;
    let why = wish.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    let event = NewEvent::new(EventKind::MaintenanceOn, format!("{by} {verb}{why}"));
    events::record_one(write, event.service(service).by(by), at).await?;
    Ok(true)
}

pub(super) async fn end(
    write: &mut Write,
    service: &ServiceName,
    by: &str,
    at: Timestamp,
) -> Result<bool, Fault> {
    services::must_exist(write, service).await?;
    let MaintenanceRecord { on, page } = of(write.connection()?, service).await?;
    if on.is_none() {
        return Ok(false);
    }
    put(write, service, &MaintenanceRecord { on: None, page }).await?;
    let event = NewEvent::new(EventKind::MaintenanceOff, format!("{by} turned maintenance off"));
    events::record_one(write, event.service(service).by(by), at).await?;
    Ok(true)
}

/// Forgets all of it, when the service is gone.
pub(super) async fn forget(write: &mut Write, service: &ServiceName) -> Result<(), Fault> {
    let sql = "DELETE FROM maintenance WHERE service = ?";
    sqlx::query(sql).bind(service.as_str()).execute(write.connection()?).await?;
    Ok(())
}

async fn put(
    write: &mut Write,
    service: &ServiceName,
    record: &MaintenanceRecord,
) -> Result<(), Fault> {
    let on = record.on.as_ref();
    let sql = "INSERT INTO maintenance (service, since, begun_by, note, retry_after, page)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE
        SET since = ?2, begun_by = ?3, note = ?4, retry_after = ?5, page = ?6";
    sqlx::query(sql)
        .bind(service.as_str())
        .bind(on.map(|on| on.since.as_microsecond()))
        .bind(on.map(|on| on.by.as_str()))
        .bind(on.and_then(|on| on.note.as_deref()))
        .bind(on.map(|on| on.retry_after_s))
        .bind(record.page.as_deref())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

async fn must_be_short(write: &mut Write) -> Result<(), Fault> {
    let sql =
        "SELECT coalesce(sum(octet_length(page)), 0) FROM maintenance WHERE since IS NOT NULL";
    let bytes: i64 = sqlx::query_scalar(sql).fetch_one(write.connection()?).await?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes <= LONGEST_PAGES) {
        return Ok(());
    }
    Err(Error::PagesTooLong(LONGEST_PAGES).into())
}
