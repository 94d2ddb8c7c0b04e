//! Environments.

use jiff::Timestamp;
use launcher_model::environment::{Environment, Wanted};
use launcher_model::event::NewEvent;
use launcher_model::{ServiceName, VersionNumber};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::events;
use super::fault::Fault;
use super::row::{kept, maybe_json, maybe_time, time, to_json, to_word, word};
use super::write::Write;
use crate::{EnvironmentChange, Error};

const ENVIRONMENT: &str = "environment";

pub(super) async fn insert(write: &mut Write, environment: &Environment) -> Result<(), Fault> {
    let sql = "INSERT INTO environments (service, version, wanted, replicas, state, since, failure,
            release, starting_since, pinned, last_used, branch, asleep)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    store(write, environment, sql).await
}

async fn update(write: &mut Write, environment: &Environment) -> Result<(), Fault> {
    let sql = "UPDATE environments SET wanted = ?3, replicas = ?4, state = ?5, since = ?6,
            failure = ?7, release = ?8, starting_since = ?9, pinned = ?10, last_used = ?11,
            branch = ?12, asleep = ?13
        WHERE service = ?1 AND version = ?2";
    store(write, environment, sql).await
}

async fn store(
    write: &mut Write,
    environment: &Environment,
    sql: &'static str,
) -> Result<(), Fault> {
    let failure = environment.failure.as_ref();
    sqlx::query(sql)
        .bind(environment.service.as_str())
        .bind(environment.version.0)
        .bind(environment.wanted.as_str())
        .bind(environment.replicas)
        .bind(environment.state.as_str())
        .bind(environment.since.as_microsecond())
        .bind(failure.map(|failure| to_json(ENVIRONMENT, failure)).transpose()?)
        .bind(to_word(ENVIRONMENT, &environment.release)?)
        .bind(environment.starting_since.map(Timestamp::as_microsecond))
        .bind(environment.pinned)
        .bind(environment.last_used.as_microsecond())
        .bind(environment.branch.as_deref())
        .bind(environment.asleep)
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(super) async fn one<'c>(
    executor: impl SqliteExecutor<'c>,
    service: &ServiceName,
    version: VersionNumber,
) -> Result<Option<Environment>, Fault> {
    let sql = "SELECT * FROM environments WHERE service = ? AND version = ?";
    let row =
        sqlx::query(sql).bind(service.as_str()).bind(version.0).fetch_optional(executor).await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
    service: &ServiceName,
    destroyed: bool,
) -> Result<Vec<Environment>, Fault> {
    let sql = if destroyed {
        "SELECT * FROM environments WHERE service = ? ORDER BY version DESC"
    } else {
        "SELECT * FROM environments WHERE service = ? AND state <> 'destroyed' ORDER BY version DESC"
    };
    let rows = sqlx::query(sql).bind(service.as_str()).fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn all<'c>(executor: impl SqliteExecutor<'c>) -> Result<Vec<Environment>, Fault> {
    let sql =
        "SELECT * FROM environments WHERE state <> 'destroyed' ORDER BY service, version DESC";
    let rows = sqlx::query(sql).fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Environment, Fault> {
    Ok(Environment {
        service: word(row, "service", ENVIRONMENT)?,
        version: VersionNumber(row.try_get("version")?),
        wanted: word(row, "wanted", ENVIRONMENT)?,
        replicas: row.try_get("replicas")?,
        state: word(row, "state", ENVIRONMENT)?,
        since: time(row, "since")?,
        failure: maybe_json(row, "failure", ENVIRONMENT)?,
        release: word(row, "release", ENVIRONMENT)?,
        starting_since: maybe_time(row, "starting_since")?,
        pinned: row.try_get("pinned")?,
        last_used: time(row, "last_used")?,
        branch: row.try_get("branch")?,
        asleep: row.try_get("asleep")?,
    })
}

pub(super) async fn change(
    write: &mut Write,
    service: &ServiceName,
    version: VersionNumber,
    change: EnvironmentChange,
    new_events: &[NewEvent],
    at: Timestamp,
) -> Result<Environment, Fault> {
    let before = one(write.connection()?, service, version).await?.ok_or_else(|| {
        Error::NoSuch { what: ENVIRONMENT, name: format!("{version} of {service}") }
    })?;
    let after = apply(&before, change, at)?;
    if after != before {
        update(write, &after).await?;
    }
    events::record(write, new_events, at).await?;
    Ok(after)
}

fn apply(
    before: &Environment,
    change: EnvironmentChange,
    at: Timestamp,
) -> Result<Environment, Fault> {
    let mut after = before.clone();
    if let Some(state) = change.state
        && state != before.state
    {
        if !before.state.may_become(state) {
            return Err(Error::Transition { from: before.state, to: state }.into());
        }
        after.state = state;
        after.since = at;
    }
    after.wanted = change.wanted.unwrap_or(before.wanted);
    // Whoever starts it wants to use it: retention must not stop it again at once.
    if after.wanted == Wanted::Running && before.wanted != Wanted::Running {
        after.last_used = kept(at);
    }
    after.asleep = change.asleep.unwrap_or(before.asleep && change.wanted.is_none());
    after.replicas = change.replicas.unwrap_or(before.replicas);
    after.release = change.release.unwrap_or(before.release);
    after.pinned = change.pinned.unwrap_or(before.pinned);
    if let Some(failure) = change.failure {
        after.failure = failure;
    }
    if let Some(since) = change.starting_since {
        after.starting_since = since.map(kept);
    }
    Ok(after)
}
