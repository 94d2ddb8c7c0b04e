//! Idempotency keys.

use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::fault::Fault;
use super::row::{maybe_json, to_json};
use super::write::Write;
use crate::{Answer, IdempotencyClaim, Made};

/// A claim is remembered for so long.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// Holds a key that was released, and is kept because its request has made something.
const NOBODY: &str = "";

pub(super) async fn claim(
    write: &mut Write,
    key: &str,
    fingerprint: &[u8; 32],
    holder: &str,
    at: Timestamp,
) -> Result<IdempotencyClaim, Fault> {
    forget_old(write, at).await?;
    let sql = "SELECT * FROM idempotency_keys WHERE key = ?";
    let row = sqlx::query(sql).bind(key).fetch_optional(write.connection()?).await?;
    let found = row.as_ref().map(|row| judge(row, fingerprint, holder)).transpose()?;
    let claim = found.unwrap_or(IdempotencyClaim::Claimed);
    if matches!(claim, IdempotencyClaim::Claimed | IdempotencyClaim::Made(_)) {
        let sql = "INSERT INTO idempotency_keys (key, fingerprint, holder, claimed_at)
            VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET holder = ?3, claimed_at = ?4";
        sqlx::query(sql)
            .bind(key)
            .bind(&fingerprint[..])
            .bind(holder)
            .bind(at.as_microsecond())
            .execute(write.connection()?)
            .await?;
    }
    Ok(claim)
}

async fn forget_old(write: &mut Write, at: Timestamp) -> Result<(), Fault> {
    let oldest = at.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    let sql = "DELETE FROM idempotency_keys WHERE claimed_at < ?";
    sqlx::query(sql).bind(oldest.as_microsecond()).execute(write.connection()?).await?;
    Ok(())
}

/// What a claim finds in a key that was claimed before. A claim of a process that is gone will never
/// be answered: the key is free again.
fn judge(row: &SqliteRow, fingerprint: &[u8; 32], holder: &str) -> Result<IdempotencyClaim, Fault> {
    if row.try_get::<&[u8], _>("fingerprint")? != fingerprint {
        return Ok(IdempotencyClaim::Mismatch);
    }
    if let Some(status) = row.try_get("status")? {
        let body: Option<Vec<u8>> = row.try_get("body")?;
        return Ok(IdempotencyClaim::Answered(Answer { status, body: body.unwrap_or_default() }));
    }
    if row.try_get::<&str, _>("holder")? == holder {
        return Ok(IdempotencyClaim::InProgress);
    }
    let made = maybe_json(row, "made", "idempotency key")?;
    Ok(made.map_or(IdempotencyClaim::Claimed, IdempotencyClaim::Made))
}

/// Keeps with a claimed key what its request has made.
pub(super) async fn made(write: &mut Write, key: Option<&str>, made: &Made) -> Result<(), Fault> {
    let Some(key) = key else { return Ok(()) };
    let sql = "UPDATE idempotency_keys SET made = ? WHERE key = ?";
    sqlx::query(sql)
        .bind(to_json("idempotency key", made)?)
        .bind(key)
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(super) async fn answer(write: &mut Write, key: &str, answer: &Answer) -> Result<(), Fault> {
    let sql = "UPDATE idempotency_keys SET status = ?, body = ? WHERE key = ?";
    sqlx::query(sql)
        .bind(answer.status)
        .bind(&answer.body[..])
        .bind(key)
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(super) async fn release(write: &mut Write, key: &str) -> Result<(), Fault> {
    let sql = "DELETE FROM idempotency_keys WHERE key = ? AND status IS NULL AND made IS NULL";
    sqlx::query(sql).bind(key).execute(write.connection()?).await?;
    let sql = "UPDATE idempotency_keys SET holder = ? WHERE key = ? AND status IS NULL";
    sqlx::query(sql).bind(NOBODY).bind(key).execute(write.connection()?).await?;
    Ok(())
}
