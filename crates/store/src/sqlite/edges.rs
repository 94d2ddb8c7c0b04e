//! Edges on other machines.

use jiff::Timestamp;
use launcher_model::EdgeName;
use launcher_model::event::{EventKind, NewEvent};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::events;
use super::fault::Fault;
use super::row::{maybe_json, maybe_time, time, to_json, word};
use super::write::Write;
use crate::{AboutEdge, Edge, Invitation};

const EDGE: &str = "edge";

/// An edge that is there already is invited anew: it is known by its old key until somebody has joined
/// with the new token.
pub(super) async fn invite(
    write: &mut Write,
    new: &Invitation,
    by: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    let sql = "INSERT INTO edges (name, invitation, expires_at, taken, invited_by, invited_at)
        VALUES (?1, ?2, ?3, 0, ?4, ?5)
        ON CONFLICT DO UPDATE SET
            invitation = ?2, expires_at = ?3, taken = 0, invited_by = ?4, invited_at = ?5";
    sqlx::query(sql)
        .bind(new.edge.as_str())
        .bind(&new.hash[..])
        .bind(new.expires_at.as_microsecond())
        .bind(by)
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    let event = NewEvent::new(EventKind::EdgeInvited, format!("the edge {} was invited", new.edge));
    events::record_one(write, event.by(by), at).await?;
    Ok(())
}

pub(super) async fn join(
    write: &mut Write,
    hash: &[u8; 32],
    fingerprint: &[u8; 32],
    at: Timestamp,
) -> Result<Option<EdgeName>, Fault> {
    let sql = "UPDATE edges SET taken = 1, fingerprint = ?2, joined_at = ?3
        WHERE invitation = ?1 AND expires_at > ?3 AND (taken = 0 OR fingerprint = ?2)
        RETURNING name";
    let row = sqlx::query(sql)
        .bind(&hash[..])
        .bind(&fingerprint[..])
        .bind(at.as_microsecond())
        .fetch_optional(write.connection()?)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let name: EdgeName = word(&row, "name", EDGE)?;
    let event = NewEvent::new(EventKind::EdgeJoined, format!("the edge {name} has joined"));
    events::record_one(write, event, at).await?;
    Ok(Some(name))
}

pub(super) async fn by_fingerprint<'c>(
    executor: impl SqliteExecutor<'c>,
    fingerprint: &[u8; 32],
) -> Result<Option<EdgeName>, Fault> {
    let sql = "SELECT name FROM edges WHERE fingerprint = ?";
    let row = sqlx::query(sql).bind(&fingerprint[..]).fetch_optional(executor).await?;
    row.as_ref().map(|row| word(row, "name", EDGE)).transpose()
}

pub(super) async fn list<'c>(executor: impl SqliteExecutor<'c>) -> Result<Vec<Edge>, Fault> {
    let rows = sqlx::query("SELECT * FROM edges ORDER BY name").fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Edge, Fault> {
    let taken: bool = row.try_get("taken")?;
    let expires_at = time(row, "expires_at")?;
    Ok(Edge {
        name: word(row, "name", EDGE)?,
        invited_by: row.try_get("invited_by")?,
        invited_at: time(row, "invited_at")?,
        invited_until: (!taken).then_some(expires_at),
        joined_at: maybe_time(row, "joined_at")?,
        last_seen: maybe_time(row, "last_seen")?,
        about: maybe_json(row, "about", EDGE)?,
    })
}

pub(super) async fn seen(
    write: &mut Write,
    edge: &EdgeName,
    about: &AboutEdge,
    at: Timestamp,
) -> Result<(), Fault> {
    let sql = "UPDATE edges SET last_seen = ?, about = ? WHERE name = ?";
    sqlx::query(sql)
        .bind(at.as_microsecond())
        .bind(to_json(EDGE, about)?)
        .bind(edge.as_str())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(super) async fn remove(
    write: &mut Write,
    edge: &EdgeName,
    by: &str,
    at: Timestamp,
) -> Result<bool, Fault> {
    let sql = "DELETE FROM edges WHERE name = ?";
    let gone = sqlx::query(sql).bind(edge.as_str()).execute(write.connection()?).await?;
    if gone.rows_affected() == 0 {
        return Ok(false);
    }
    let event = NewEvent::new(EventKind::EdgeRevoked, format!("the edge {edge} was revoked"));
    events::record_one(write, event.by(by), at).await?;
    Ok(true)
}
