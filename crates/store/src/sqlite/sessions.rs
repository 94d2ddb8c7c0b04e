//! Sessions and one-time login links, known by their hashes.

use std::net::IpAddr;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteExecutor};

use super::fault::Fault;
use super::row::{corrupt, maybe_time, time, word};
use super::write::Write;
use super::{people, tokens};
use crate::{Error, NewSession, Owner, Session};

pub(super) async fn create(
    write: &mut Write,
    new: NewSession,
    at: Timestamp,
) -> Result<i64, Fault> {
    forget_expired(write, at).await?;
    let (token, person) = match &new.owner {
        Owner::Token(name) => (tokens::valid(write, name).await?, None),
        Owner::Person(name) => (None, people::welcome(write, name).await?),
    };
    if token.is_none() && person.is_none() {
        let what = match &new.owner {
            Owner::Token(_) => "valid token",
            Owner::Person(_) => "person who may sign in",
        };
        return Err(Error::NoSuch { what, name: new.owner.name().to_owned() }.into());
    }
    let sql =
        "INSERT INTO sessions (hash, token, person, once, began_at, expires_at, address, agent)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
    let id = sqlx::query_scalar(sql)
        .bind(&new.hash[..])
        .bind(token)
        .bind(person)
        .bind(new.once)
        .bind(at.as_microsecond())
        .bind(new.expires_at.as_microsecond())
        .bind(new.address.map(|address| address.to_string()))
        .bind(new.agent.as_deref())
        .fetch_one(write.connection()?)
        .await?;
    Ok(id)
}

async fn forget_expired(write: &mut Write, at: Timestamp) -> Result<(), Fault> {
    let sql = "DELETE FROM sessions WHERE expires_at <= ?";
    sqlx::query(sql).bind(at.as_microsecond()).execute(write.connection()?).await?;
    Ok(())
}

/// A revoked token has no sessions, nor has a person who may not sign in.
const FIND: &str = "SELECT sessions.id, sessions.began_at, sessions.expires_at, sessions.last_seen,
        sessions.address, sessions.agent, tokens.name AS token, people.name AS person,
        COALESCE(tokens.role, people.role) AS role,
        COALESCE(tokens.services, people.services) AS services
    FROM sessions
    LEFT JOIN tokens ON tokens.id = sessions.token AND tokens.revoked_at IS NULL
    LEFT JOIN people ON people.id = sessions.person AND NOT people.disabled
    WHERE (tokens.id IS NOT NULL OR people.id IS NOT NULL)";

pub(super) async fn find<'c>(
    executor: impl SqliteExecutor<'c>,
    hash: &[u8; 32],
    once: bool,
    now: Timestamp,
) -> Result<Option<Session>, Fault> {
    let mut query = QueryBuilder::<Sqlite>::new(FIND);
    query.push(" AND sessions.hash = ").push_bind(&hash[..]);
    query.push(" AND sessions.once = ").push_bind(once);
    query.push(" AND sessions.expires_at > ").push_bind(now.as_microsecond());
    let row = query.build().fetch_optional(executor).await?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &SqliteRow) -> Result<Session, Fault> {
    let owner = match row.try_get::<Option<String>, _>("token")? {
        Some(token) => Owner::Token(token),
        None => Owner::Person(word(row, "person", "person")?),
    };
    let address: Option<String> = row.try_get("address")?;
    let address = address.map(|text| text.parse::<IpAddr>()).transpose();
    Ok(Session {
        id: row.try_get("id")?,
        owner,
        roles: people::roles(row, "role", "services")?,
        began_at: time(row, "began_at")?,
        expires_at: time(row, "expires_at")?,
        last_seen: maybe_time(row, "last_seen")?,
        address: address.map_err(|error| corrupt("address", &error))?,
        agent: row.try_get("agent")?,
    })
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

pub(super) async fn seen(write: &mut Write, id: i64, at: Timestamp) -> Result<(), Fault> {
    let sql = "UPDATE sessions SET last_seen = ? WHERE id = ?";
    sqlx::query(sql).bind(at.as_microsecond()).bind(id).execute(write.connection()?).await?;
    let sql = "UPDATE people SET last_seen = ?
        WHERE id = (SELECT person FROM sessions WHERE id = ?)";
    sqlx::query(sql).bind(at.as_microsecond()).bind(id).execute(write.connection()?).await?;
    Ok(())
}

pub(super) async fn end(write: &mut Write, hash: &[u8; 32]) -> Result<(), Fault> {
    let sql = "DELETE FROM sessions WHERE hash = ?";
    sqlx::query(sql).bind(&hash[..]).execute(write.connection()?).await?;
    write.ends_a_session();
    Ok(())
}

pub(super) async fn revoke(
    write: &mut Write,
    id: i64,
    of: Option<&Owner>,
    now: Timestamp,
) -> Result<bool, Fault> {
    if !list(write.connection()?, of, now).await?.iter().any(|session| session.id == id) {
        return Ok(false);
    }
    let sql = "DELETE FROM sessions WHERE id = ?";
    sqlx::query(sql).bind(id).execute(write.connection()?).await?;
    write.ends_a_session();
    Ok(true)
}

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
    of: Option<&Owner>,
    now: Timestamp,
) -> Result<Vec<Session>, Fault> {
    let mut query = QueryBuilder::<Sqlite>::new(FIND);
    query.push(" AND NOT sessions.once AND sessions.expires_at > ");
    query.push_bind(now.as_microsecond());
    match of {
        Some(Owner::Token(name)) => query.push(" AND tokens.name = ").push_bind(name.as_str()),
        Some(Owner::Person(name)) => query.push(" AND people.name = ").push_bind(name.as_str()),
        None => &mut query,
    };
    query.push(" ORDER BY sessions.id DESC");
    let rows = query.build().fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}
