//! What people say of hosts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launcher_model::event::NewEvent;
use launcher_model::host::{Closing, Closure, HostNotes};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};

use super::events;
use super::fault::Fault;
use super::row::{json, maybe_time, time, to_json, to_word, word};
use super::write::Write;
use crate::KeptHost;

const CLOSURE: &str = "closure of a host";
const NOTES: &str = "notes of a host";

pub(super) async fn list(readers: &SqlitePool) -> Result<Vec<KeptHost>, Fault> {
    let mut read = readers.begin().await?;
    let closures = sqlx::query("SELECT * FROM host_closures").fetch_all(&mut *read).await?;
    let notes = sqlx::query("SELECT * FROM host_notes").fetch_all(&mut *read).await?;
    let mut hosts: BTreeMap<String, KeptHost> = BTreeMap::new();
    for row in &closures {
        at(&mut hosts, row)?.closure = Some(closure(row)?);
    }
    for row in &notes {
        at(&mut hosts, row)?.notes = json(row, "notes", NOTES)?;
    }
    Ok(hosts.into_values().collect())
}

fn at<'h>(
    hosts: &'h mut BTreeMap<String, KeptHost>,
    row: &SqliteRow,
) -> Result<&'h mut KeptHost, Fault> {
    let name: String = row.try_get("host")?;
    let new = || KeptHost { name: name.clone(), ..KeptHost::default() };
    Ok(hosts.entry(name.clone()).or_insert_with(new))
}

fn closure(row: &SqliteRow) -> Result<Closure, Fault> {
    Ok(Closure {
        closing: word(row, "closing", CLOSURE)?,
        since: time(row, "since")?,
        by: row.try_get("by")?,
        drained_at: maybe_time(row, "drained_at")?,
    })
}

pub(super) async fn close(
    write: &mut Write,
    host: &str,
    closing: Closing,
    by: &str,
    event: NewEvent,
    at: Timestamp,
) -> Result<bool, Fault> {
    let sql = "INSERT INTO host_closures (host, closing, since, by) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO UPDATE SET closing = ?2, since = ?3, by = ?4, drained_at = NULL
        WHERE closing <> ?2";
    let changed = sqlx::query(sql)
        .bind(host)
        .bind(to_word(CLOSURE, &closing)?)
        .bind(at.as_microsecond())
        .bind(by)
        .execute(write.connection()?)
        .await?;
    tell_if(write, changed.rows_affected() > 0, event, at).await
}

pub(super) async fn drained(
    write: &mut Write,
    host: &str,
    event: NewEvent,
    at: Timestamp,
) -> Result<bool, Fault> {
    let sql = "UPDATE host_closures SET drained_at = ?
        WHERE host = ? AND closing = ? AND drained_at IS NULL";
    let changed = sqlx::query(sql)
        .bind(at.as_microsecond())
        .bind(host)
        .bind(to_word(CLOSURE, &Closing::Draining)?)
        .execute(write.connection()?)
        .await?;
    tell_if(write, changed.rows_affected() > 0, event, at).await
}

pub(super) async fn open(
    write: &mut Write,
    host: &str,
    event: NewEvent,
    at: Timestamp,
) -> Result<bool, Fault> {
    let sql = "DELETE FROM host_closures WHERE host = ?";
    let changed = sqlx::query(sql).bind(host).execute(write.connection()?).await?;
    tell_if(write, changed.rows_affected() > 0, event, at).await
}

pub(super) async fn describe(
    write: &mut Write,
    host: &str,
    notes: &HostNotes,
    event: NewEvent,
    at: Timestamp,
) -> Result<bool, Fault> {
    let sql = "INSERT INTO host_notes (host, notes) VALUES (?1, ?2)
        ON CONFLICT DO UPDATE SET notes = ?2 WHERE notes <> ?2";
    let changed = sqlx::query(sql)
        .bind(host)
        .bind(to_json(NOTES, notes)?)
        .execute(write.connection()?)
        .await?;
    tell_if(write, changed.rows_affected() > 0, event, at).await
}

async fn tell_if(
    write: &mut Write,
    changed: bool,
    event: NewEvent,
    at: Timestamp,
) -> Result<bool, Fault> {
    if changed {
        events::record(write, &[event], at).await?;
    }
    Ok(changed)
}
