//! Certificates that an authority has issued.

use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::event::NewEvent;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::events;
use super::fault::Fault;
use super::row::{json, maybe_json, maybe_time, time, to_json, word};
use super::write::Write;
use crate::{CertificateFailure, CertificateRecord, IssuedCertificate};

const CERTIFICATE: &str = "certificate";

pub(super) async fn account<'c>(
    executor: impl SqliteExecutor<'c>,
    directory: &str,
) -> Result<Option<Vec<u8>>, Fault> {
    let sql = "SELECT sealed FROM acme_accounts WHERE directory = ?";
    Ok(sqlx::query_scalar(sql).bind(directory).fetch_optional(executor).await?)
}

pub(super) async fn keep_account(
    write: &mut Write,
    directory: &str,
    sealed: &[u8],
    at: Timestamp,
) -> Result<(), Fault> {
    let sql = "INSERT INTO acme_accounts (directory, sealed, made_at) VALUES (?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET sealed = ?2, made_at = ?3";
    sqlx::query(sql)
        .bind(directory)
        .bind(sealed)
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
) -> Result<Vec<CertificateRecord>, Fault> {
    let rows =
        sqlx::query("SELECT * FROM certificates ORDER BY service").fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<CertificateRecord, Fault> {
    let issued = match maybe_json(row, "issued_names", CERTIFICATE)? {
        None => None,
        Some(names) => Some(IssuedCertificate {
            names,
            chain: row.try_get("chain")?,
            sealed_key: row.try_get("sealed_key")?,
            not_before: time(row, "not_before")?,
            not_after: time(row, "not_after")?,
            at: time(row, "issued_at")?,
        }),
    };
    let failure = match maybe_time(row, "failed_at")? {
        None => None,
        Some(at) => Some(CertificateFailure {
            why: row.try_get("failure")?,
            at,
            again_at: time(row, "again_at")?,
            times: row.try_get("failures")?,
        }),
    };
    Ok(CertificateRecord {
        service: word(row, "service", CERTIFICATE)?,
        names: json(row, "names", CERTIFICATE)?,
        issued,
        failure,
        asked_at: maybe_time(row, "asked_at")?,
    })
}

pub(super) async fn keep(
    write: &mut Write,
    record: &CertificateRecord,
    events: &[NewEvent],
    at: Timestamp,
) -> Result<(), Fault> {
    let CertificateRecord { service, names, issued, failure, asked_at } = record;
    let issued_names = issued.as_ref().map(|one| to_json(CERTIFICATE, &one.names)).transpose()?;
    let sql =
        "INSERT OR REPLACE INTO certificates (service, names, issued_names, chain, sealed_key,
            not_before, not_after, issued_at, failure, failed_at, again_at, failures, asked_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlx::query(sql)
        .bind(service.as_str())
        .bind(to_json(CERTIFICATE, names)?)
        .bind(issued_names)
        .bind(issued.as_ref().map(|one| one.chain.as_str()))
        .bind(issued.as_ref().map(|one| one.sealed_key.as_slice()))
        .bind(issued.as_ref().map(|one| one.not_before.as_microsecond()))
        .bind(issued.as_ref().map(|one| one.not_after.as_microsecond()))
        .bind(issued.as_ref().map(|one| one.at.as_microsecond()))
        .bind(failure.as_ref().map(|one| one.why.as_str()))
        .bind(failure.as_ref().map(|one| one.at.as_microsecond()))
        .bind(failure.as_ref().map(|one| one.again_at.as_microsecond()))
        .bind(failure.as_ref().map_or(0, |one| one.times))
        .bind(asked_at.map(|at| at.as_microsecond()))
        .execute(write.connection()?)
        .await?;
    events::record(write, events, at).await
}

pub(super) async fn ask(
    write: &mut Write,
    service: &ServiceName,
    event: NewEvent,
    at: Timestamp,
) -> Result<bool, Fault> {
    let sql = "UPDATE certificates SET asked_at = ? WHERE service = ?";
    let asked = sqlx::query(sql)
        .bind(at.as_microsecond())
        .bind(service.as_str())
        .execute(write.connection()?)
        .await?;
    if asked.rows_affected() == 0 {
        return Ok(false);
    }
    events::record(write, &[event], at).await?;
    Ok(true)
}

pub(super) async fn forget(write: &mut Write, service: &ServiceName) -> Result<(), Fault> {
    let sql = "DELETE FROM certificates WHERE service = ?";
    sqlx::query(sql).bind(service.as_str()).execute(write.connection()?).await?;
    Ok(())
}
