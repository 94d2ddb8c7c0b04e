//! Builds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launcher_model::build::{Build, BuildState, StepState};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::{BuildId, ServiceName, VersionNumber};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteExecutor};

use super::fault::Fault;
use super::row::{among, json, maybe_json, maybe_time, time, to_json, to_word, word};
use super::write::Write;
use super::{events, services, upstream};
use crate::{BuildChange, BuildFilter, Error, NewBuild, Queued};

const BUILD: &str = "build";

/// Queues a build, in the place of those of its branch that wait.
pub(super) async fn queue(
    write: &mut Write,
    new: NewBuild,
    at: Timestamp,
) -> Result<Queued, Fault> {
    services::must_stay(write, &new.service).await?;
    let mut build = Build {
        id: BuildId(0),
        service: new.service,
        origin: new.origin,
        branch: new.branch,
        commit: new.commit,
        subject: new.subject,
        author: new.author,
        by: new.by,
        state: BuildState::Queued,
        steps: Vec::new(),
        image: None,
        version: None,
        reason: None,
        attempts: 0,
        created_at: at,
        started_at: None,
        finished_at: None,
    };
    build.id = insert(write, &build).await?;
    upstream::report(write, build.id, build.origin).await?;
    let superseded = supersede(write, &build, at).await?;
    let what = build.branch.as_ref().map(|branch| format!(" of {branch}")).unwrap_or_default();
    let text = format!("build {}{what} waits for its turn", build.id);
    let event = NewEvent::new(EventKind::BuildQueued, text).service(&build.service).by(&build.by);
    events::record_one(write, event, at).await?;
    Ok(Queued { build, superseded })
}

/// Takes the waiting builds of the same branch out of the queue. What has no branch replaces nothing.
async fn supersede(write: &mut Write, newer: &Build, at: Timestamp) -> Result<Vec<BuildId>, Fault> {
    let sql = "UPDATE builds SET state = 'superseded', reason = ?, finished_at = ?
        WHERE service = ? AND branch = ? AND state = 'queued' AND id < ? RETURNING id";
    let reason = format!("build {} of the same branch is newer and took its place", newer.id);
    let ids: Vec<i64> = sqlx::query_scalar(sql)
        .bind(&reason)
        .bind(at.as_microsecond())
        .bind(newer.service.as_str())
        .bind(newer.branch.as_deref())
        .bind(newer.id.0)
        .fetch_all(write.connection()?)
        .await?;
    for id in &ids {
        let text = format!("build {id} was not begun: {reason}");
        let event = NewEvent::new(EventKind::BuildCancelled, text).service(&newer.service);
        events::record_one(write, event, at).await?;
    }
    Ok(ids.into_iter().map(BuildId).collect())
}

async fn insert(write: &mut Write, build: &Build) -> Result<BuildId, Fault> {
    let sql = "INSERT INTO builds
            (service, origin, branch, commit_id, subject, author, asked_by, state, steps, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
    let id = sqlx::query_scalar(sql)
        .bind(build.service.as_str())
        .bind(to_word(BUILD, &build.origin)?)
        .bind(build.branch.as_deref())
        .bind(build.commit.as_deref())
        .bind(build.subject.as_deref())
        .bind(build.author.as_deref())
        .bind(build.by.as_str())
        .bind(build.state.as_str())
        .bind(to_json(BUILD, &build.steps)?)
        .bind(build.created_at.as_microsecond())
        .fetch_one(write.connection()?)
        .await?;
    Ok(BuildId(id))
}

/// Changes a build that is not over.
pub(super) async fn change(
    write: &mut Write,
    id: BuildId,
    change: BuildChange,
    new_events: &[NewEvent],
    at: Timestamp,
) -> Result<Build, Fault> {
    let found = one(write.connection()?, id).await?;
    let mut build = found.ok_or_else(|| no_such(id))?;
    if build.state.is_over() {
        return Err(Error::BuildOver { id, state: build.state }.into());
    }
    if let Some(state) = change.state {
        if state == BuildState::Running {
            build.attempts += 1;
            build.started_at = build.started_at.or(Some(at));
        }
        if state.is_over() {
            build.finished_at = Some(at);
        }
        build.state = state;
    }
    build.steps = change.steps.unwrap_or(build.steps);
    build.image = change.image.or(build.image);
    build.commit = change.commit.or(build.commit);
    build.subject = change.subject.or(build.subject);
    build.author = change.author.or(build.author);
    build.reason = change.reason.or(build.reason);
    if build.state.is_over() {
        break_off(&mut build, at);
    }
    update(write, &build).await?;
    for event in new_events {
        events::record_one(write, event.clone(), at).await?;
    }
    Ok(build)
}

/// What was under way in a build is not any more.
fn break_off(build: &mut Build, at: Timestamp) {
    for step in build.steps.iter_mut().filter(|step| step.state == StepState::Running) {
        step.state = match build.state {
            BuildState::Failed => StepState::Failed,
            _ => StepState::Cancelled,
        };
        step.finished_at = Some(at);
    }
}

async fn update(write: &mut Write, build: &Build) -> Result<(), Fault> {
    let sql = "UPDATE builds SET state = ?, steps = ?, image = ?, commit_id = ?, subject = ?,
            author = ?, reason = ?, attempts = ?, started_at = ?, finished_at = ? WHERE id = ?";
    sqlx::query(sql)
        .bind(build.state.as_str())
        .bind(to_json(BUILD, &build.steps)?)
        .bind(build.image.as_ref().map(|image| to_json(BUILD, image)).transpose()?)
        .bind(build.commit.as_deref())
        .bind(build.subject.as_deref())
        .bind(build.author.as_deref())
        .bind(build.reason.as_deref())
        .bind(build.attempts)
        .bind(build.started_at.map(Timestamp::as_microsecond))
        .bind(build.finished_at.map(Timestamp::as_microsecond))
        .bind(build.id.0)
        .execute(write.connection()?)
        .await?;
    Ok(())
}

/// The version that a build has made already: a build makes one at the most.
pub(super) async fn made(write: &mut Write, id: BuildId) -> Result<Option<VersionNumber>, Fault> {
    let found = one(write.connection()?, id).await?;
    Ok(found.ok_or_else(|| no_such(id))?.version)
}

/// Keeps which version a build has made.
pub(super) async fn has_made(
    write: &mut Write,
    id: BuildId,
    version: VersionNumber,
) -> Result<(), Fault> {
    let sql = "UPDATE builds SET version = ? WHERE id = ?";
    sqlx::query(sql).bind(version.0).bind(id.0).execute(write.connection()?).await?;
    Ok(())
}

pub(super) async fn one<'c>(
    executor: impl SqliteExecutor<'c>,
    id: BuildId,
) -> Result<Option<Build>, Fault> {
    let row = sqlx::query("SELECT * FROM builds WHERE id = ?").bind(id.0);
    row.fetch_optional(executor).await?.as_ref().map(from_row).transpose()
}

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
    filter: &BuildFilter,
) -> Result<Vec<Build>, Fault> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM builds WHERE id < ");
    query.push_bind(filter.page.before.unwrap_or(i64::MAX));
    if let Some(service) = &filter.service {
        query.push(" AND service = ").push_bind(service.as_str());
    }
    among(&mut query, filter.among.as_deref());
    if let Some(branch) = &filter.branch {
        query.push(" AND branch = ").push_bind(branch.as_str());
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(filter.page.limit);
    let rows = query.build().fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

/// Out of which builds versions came.
pub(super) async fn of<'c>(
    executor: impl SqliteExecutor<'c>,
    service: &ServiceName,
    versions: &[VersionNumber],
) -> Result<BTreeMap<VersionNumber, BuildId>, Fault> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT version, MAX(id) AS id FROM builds WHERE version IS NOT NULL AND service = ",
    );
    query.push_bind(service.as_str()).push(" AND version IN (");
    let mut numbers = query.separated(", ");
    for version in versions {
        numbers.push_bind(version.0);
    }
    query.push(") GROUP BY version");
    let rows = query.build().fetch_all(executor).await?;
    let pair =
        |row: &SqliteRow| Ok((VersionNumber(row.try_get("version")?), BuildId(row.try_get("id")?)));
    rows.iter().map(pair).collect()
}

pub(super) async fn unfinished<'c>(
    executor: impl SqliteExecutor<'c>,
    service: Option<&ServiceName>,
) -> Result<Vec<Build>, Fault> {
    let sql = "SELECT * FROM builds WHERE state IN ('queued', 'running')
        AND (?1 IS NULL OR service = ?1) ORDER BY id";
    let rows = sqlx::query(sql).bind(service.map(ServiceName::as_str)).fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Build, Fault> {
    let version: Option<u32> = row.try_get("version")?;
    Ok(Build {
        id: BuildId(row.try_get("id")?),
        service: word(row, "service", BUILD)?,
        origin: word(row, "origin", BUILD)?,
        branch: row.try_get("branch")?,
        commit: row.try_get("commit_id")?,
        subject: row.try_get("subject")?,
        author: row.try_get("author")?,
        by: row.try_get("asked_by")?,
        state: word(row, "state", BUILD)?,
        steps: json(row, "steps", BUILD)?,
        image: maybe_json(row, "image", BUILD)?,
        version: version.map(VersionNumber),
        reason: row.try_get("reason")?,
        attempts: row.try_get("attempts")?,
        created_at: time(row, "created_at")?,
        started_at: maybe_time(row, "started_at")?,
        finished_at: maybe_time(row, "finished_at")?,
    })
}

fn no_such(id: BuildId) -> Fault {
    Error::NoSuch { what: BUILD, name: id.to_string() }.into()
}
