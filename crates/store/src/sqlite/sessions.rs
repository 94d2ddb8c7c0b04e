//! Sessions and one-time login links, known by their hashes.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::fault::Fault;
use super::row::time;
use super::tokens;
use super::write::Write;
use crate::{Error, NewSession, Session};

pub(super) async fn create(write: &mut Write, new: NewSession, at: Timestamp) -> Result<(), Fault> {
    forget_expired(write, at).await?;
    let Some(token) = tokens::valid(write, &new.token).await? else {
        return Err(Error::NoSuch { what: "valid token", name: new.token }.into());
    };
    let sql = "INSERT INTO sessions (hash, token, once, expires_at) VALUES (?, ?, ?, ?)";
    sqlx::query(sql)
        .bind(&new.hash[..])
        .bind(token)
        .bind(new.once)
        .bind(new.expires_at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

async fn forget_expired(write: &mut Write, at: Timestamp) -> Result<(), Fault> {
    let sql = "DELETE FROM sessions WHERE expires_at <= ?";
    sqlx::query(sql).bind(at.as_microsecond()).execute(write.connection()?).await?;
    Ok(())
}

/// A revoked token has no sessions.
const FIND: &str = "SELECT tokens.name AS token, sessions.expires_at FROM sessions
    JOIN tokens ON tokens.id = sessions.token AND tokens.revoked_at IS NULL
    WHERE sessions.hash = ? AND sessions.once = ? AND sessions.expires_at > ?";

async fn find<'c>(
    executor: impl SqliteExecutor<'c>,
    hash: &[u8; 32],
    once: bool,
    now: Timestamp,
) -> Result<Option<Session>, Fault> {
    let row = sqlx::query(FIND)
        .bind(&hash[..])
        .bind(once)
        .bind(now.as_microsecond())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &SqliteRow) -> Result<Session, Fault> {
    Ok(Session { token: row.try_get("token")?, expires_at: time(row, "expires_at")? })
}

pub(super) async fn one<'c>(
    executor: impl SqliteExecutor<'c>,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Session>, Fault> {
    find(executor, hash, false, now).await
}

pub(super) async fn take(
    write: &mut Write,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Session>, Fault> {
    let found = find(write.connection()?, hash, true, now).await?;
    if found.is_some() {
        end(write, hash).await?;
    }
    Ok(found)
}

pub(super) async fn end(write: &mut Write, hash: &[u8; 32]) -> Result<(), Fault> {
    let sql = "DELETE FROM sessions WHERE hash = ?";
    sqlx::query(sql).bind(&hash[..]).execute(write.connection()?).await?;
    Ok(())
}
