//! Who did what.

use jiff::Timestamp;
use launcher_model::VersionNumber;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteExecutor};

use super::fault::Fault;
use super::row::{corrupt, maybe_word, time, to_word, word};
use super::write::Write;
use crate::{AuditEntry, AuditFilter, NewAudit};

const AUDIT: &str = "record of a call";

pub(super) async fn add(write: &mut Write, call: NewAudit) -> Result<(), Fault> {
    let sql = "INSERT INTO audit
            (at, who, way, session, address, method, path, service, version, status, outcome)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlx::query(sql)
        .bind(call.at.as_microsecond())
        .bind(call.who.as_deref())
        .bind(to_word(AUDIT, &call.way)?)
        .bind(call.session)
        .bind(call.address.map(|address| address.to_string()))
        .bind(call.method.as_str())
        .bind(call.path.as_str())
        .bind(call.service.as_ref().map(|service| service.as_str()))
        .bind(call.version.map(|version| version.0))
        .bind(call.status)
        .bind(to_word(AUDIT, &call.outcome)?)
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
    filter: &AuditFilter,
) -> Result<Vec<AuditEntry>, Fault> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM audit WHERE id < ");
    query.push_bind(filter.before.unwrap_or(i64::MAX));
    if let Some(who) = &filter.who {
        query.push(" AND who = ").push_bind(who.as_str());
    }
    if let Some(service) = &filter.service {
        query.push(" AND service = ").push_bind(service.as_str());
    }
    if let Some(since) = filter.since {
        query.push(" AND at >= ").push_bind(since.as_microsecond());
    }
    if let Some(until) = filter.until {
        query.push(" AND at < ").push_bind(until.as_microsecond());
    }
    if !filter.outcomes.is_empty() {
        query.push(" AND outcome IN (");
        let mut outcomes = query.separated(", ");
        for outcome in &filter.outcomes {
            outcomes.push_bind(to_word(AUDIT, outcome)?);
        }
        query.push(")");
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit);
    let rows = query.build().fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn forget(write: &mut Write, before: Timestamp) -> Result<u64, Fault> {
    let sql = "DELETE FROM audit WHERE at < ?";
    let gone = sqlx::query(sql).bind(before.as_microsecond()).execute(write.connection()?).await?;
    Ok(gone.rows_affected())
}

fn from_row(row: &SqliteRow) -> Result<AuditEntry, Fault> {
    let address: Option<String> = row.try_get("address")?;
    let address = address.map(|text| text.parse()).transpose();
    let call = NewAudit {
        at: time(row, "at")?,
        who: row.try_get("who")?,
        way: word(row, "way", AUDIT)?,
        session: row.try_get("session")?,
        address: address.map_err(|error: std::net::AddrParseError| corrupt(AUDIT, &error))?,
        method: row.try_get("method")?,
        path: row.try_get("path")?,
        service: maybe_word(row, "service", AUDIT)?,
        version: row.try_get::<Option<u32>, _>("version")?.map(VersionNumber),
        status: row.try_get("status")?,
        outcome: word(row, "outcome", AUDIT)?,
    };
    Ok(AuditEntry { id: row.try_get("id")?, call })
}
