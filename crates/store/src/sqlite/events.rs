//! Events.

use jiff::Timestamp;
use launcher_model::event::{Event, EventKind, NewEvent};
use launcher_model::{DeploymentId, VersionNumber};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteExecutor};

use super::fault::Fault;
use super::row::{among, maybe_word, time, to_word, word};
use super::write::Write;
use crate::EventFilter;

const EVENT: &str = "event";

/// Writes events, to be told after the commit.
pub(super) async fn record(
    write: &mut Write,
    events: &[NewEvent],
    at: Timestamp,
) -> Result<(), Fault> {
    for event in events {
        record_one(write, event.clone(), at).await?;
    }
    Ok(())
}

/// Writes events that concern this deployment, unless they say otherwise.
pub(super) async fn record_for(
    write: &mut Write,
    deployment: DeploymentId,
    events: &[NewEvent],
    at: Timestamp,
) -> Result<(), Fault> {
    for event in events {
        let mut event = event.clone();
        event.deployment.get_or_insert(deployment);
        record_one(write, event, at).await?;
    }
    Ok(())
}

/// Writes one event, to be told after the commit.
pub(super) async fn record_one(
    write: &mut Write,
    event: NewEvent,
    at: Timestamp,
) -> Result<(), Fault> {
    let sql = "INSERT INTO events (at, kind, service, version, deployment, done_by, text)
        VALUES (?, ?, ?, ?, ?, ?, ?)";
    let inserted = sqlx::query(sql)
        .bind(at.as_microsecond())
        .bind(to_word(EVENT, &event.kind)?)
        .bind(event.service.as_ref().map(|service| service.as_str()))
        .bind(event.version.map(|version| version.0))
        .bind(event.deployment.map(|deployment| deployment.0))
        .bind(event.by.as_deref())
        .bind(event.text.as_str())
        .execute(write.connection()?)
        .await?;
    let NewEvent { kind, service, version, deployment, by, text } = event;
    let id = inserted.last_insert_rowid();
    write.tell_after_commit(Event { id, at, kind, service, version, deployment, by, text });
    Ok(())
}

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
    filter: &EventFilter,
) -> Result<Vec<Event>, Fault> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM events WHERE id > ");
    query.push_bind(filter.after.unwrap_or(0));
    if let Some(service) = &filter.service {
        query.push(" AND service = ").push_bind(service.as_str());
    }
    among(&mut query, filter.among.as_deref());
    if !filter.kinds.is_empty() {
        query.push(" AND kind IN (");
        let mut kinds = query.separated(", ");
        for kind in &filter.kinds {
            kinds.push_bind(to_word(EVENT, kind)?);
        }
        query.push(")");
    }
    if filter.without_people {
        for kind in EventKind::OF_PEOPLE {
            query.push(" AND kind <> ").push_bind(to_word(EVENT, &kind)?);
        }
    }
    if let Some(by) = &filter.by {
        query.push(" AND done_by = ").push_bind(by.as_str());
    }
    if let Some(from) = filter.from {
        query.push(" AND at >= ").push_bind(from.as_microsecond());
    }
    if let Some(to) = filter.to {
        query.push(" AND at < ").push_bind(to.as_microsecond());
    }
    if let Some(version) = filter.version {
        query.push(" AND version = ").push_bind(version.0);
    }
    if let (None, Some(before)) = (filter.after, filter.before) {
        query.push(" AND id < ").push_bind(before);
    }
    query.push(if filter.after.is_some() { " ORDER BY id" } else { " ORDER BY id DESC" });
    query.push(" LIMIT ").push_bind(filter.limit);
    let rows = query.build().fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Event, Fault> {
    Ok(Event {
        id: row.try_get("id")?,
        at: time(row, "at")?,
        kind: word(row, "kind", EVENT)?,
        service: maybe_word(row, "service", EVENT)?,
        version: row.try_get::<Option<u32>, _>("version")?.map(VersionNumber),
        deployment: row.try_get::<Option<i64>, _>("deployment")?.map(DeploymentId),
        by: row.try_get("done_by")?,
        text: row.try_get("text")?,
    })
}
