//! Tokens, known by their hashes.

use jiff::Timestamp;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::role::{Role, Roles};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::fault::Fault;
use super::row::{maybe_time, time, to_json};
use super::write::Write;
use super::{events, people};
use crate::{Error, NewToken, Token};

pub(super) async fn create(
    write: &mut Write,
    new: NewToken,
    by: &str,
    at: Timestamp,
) -> Result<Token, Fault> {
    // `by` names one of them.
    if people::is_there(write, &new.name).await? {
        return Err(Error::Exists { what: "person", name: new.name }.into());
    }
    let sql = "INSERT INTO tokens (name, hash, role, services, created_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(sql)
        .bind(new.name.as_str())
        .bind(&new.hash[..])
        .bind(new.roles.role.as_str())
        .bind(to_json("role", &new.roles.services)?)
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    if inserted.rows_affected() == 0 {
        return Err(Error::Exists { what: "token", name: new.name }.into());
    }
    let text = match &new.roles {
        Roles { role: Role::Admin, .. } => format!("the token {} was created", new.name),
        Roles { role, services } if services.is_empty() => {
            format!("the token {} was created, for the role {role}", new.name)
        }
        roles => format!("the token {} was created ({})", new.name, roles.in_words()),
    };
    events::record_one(write, NewEvent::new(EventKind::TokenCreated, text).by(by), at).await?;
    Ok(Token { name: new.name, roles: new.roles, created_at: at, revoked_at: None })
}

/// The number of the valid token of this name.
pub(super) async fn valid(write: &mut Write, name: &str) -> Result<Option<i64>, Fault> {
    let sql = "SELECT id FROM tokens WHERE name = ? AND revoked_at IS NULL";
    Ok(sqlx::query_scalar(sql).bind(name).fetch_optional(write.connection()?).await?)
}

pub(super) async fn by_hash<'c>(
    executor: impl SqliteExecutor<'c>,
    hash: &[u8; 32],
) -> Result<Option<Token>, Fault> {
    let sql = "SELECT * FROM tokens WHERE hash = ? AND revoked_at IS NULL";
    let row = sqlx::query(sql).bind(&hash[..]).fetch_optional(executor).await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn list<'c>(executor: impl SqliteExecutor<'c>) -> Result<Vec<Token>, Fault> {
    let rows = sqlx::query("SELECT * FROM tokens ORDER BY id").fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Token, Fault> {
    Ok(Token {
        name: row.try_get("name")?,
        roles: people::roles(row, "role", "services")?,
        created_at: time(row, "created_at")?,
        revoked_at: maybe_time(row, "revoked_at")?,
    })
}

pub(super) async fn revoke(
    write: &mut Write,
    name: &str,
    by: &str,
    at: Timestamp,
) -> Result<bool, Fault> {
    let Some(token) = valid(write, name).await? else {
        return Ok(false);
    };
    let sql = "UPDATE tokens SET revoked_at = ? WHERE id = ?";
    sqlx::query(sql).bind(at.as_microsecond()).bind(token).execute(write.connection()?).await?;
    let event = NewEvent::new(EventKind::TokenRevoked, format!("the token {name} was revoked"));
    events::record_one(write, event.by(by), at).await?;
    Ok(true)
}
